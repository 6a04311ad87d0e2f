import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { describe, expect, test } from '@jest/globals';
import type { SQSRecord } from 'aws-lambda';
import fc from 'fast-check';
import { type ArchivedMessage, digestOf, parseArchivedMessage } from '../../../../contract/archive.ts';
import { archived as archivedUnder } from '../../../../lambda/archive/archived.ts';
import { deadLetter } from '../../../../lambda/dead-letter.ts';
import { PermanentError } from '../../../../lambda/permanent-error.ts';
import { anOrder } from '../../../fixtures/order-fixtures.ts';
import { sqsRecord } from '../../../fixtures/test-queues.ts';

interface Sent {
  readonly id?: string;
  readonly at?: string;
  readonly body?: string;
  readonly attributes?: Record<string, MessageAttributeValue>;
}

/** Under the keys of orders. */
const archived = (records: readonly SQSRecord[]) => archivedUnder(records, 'orders/');

function standard({ id = 'message-1', at = '2026-11-26T10:15:00.000Z', body = '{}', attributes = {} }: Sent) {
  return sqsRecord({
    MessageId: id,
    Body: body,
    MessageAttributes: attributes,
    Attributes: { SentTimestamp: String(Date.parse(at)) },
  });
}

function fifo({ sequence = '1', ...sent }: Sent & { sequence?: string }): SQSRecord {
  const { attributes, ...record } = standard(sent);
  return {
    ...record,
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:archive.fifo',
    attributes: { ...attributes, MessageGroupId: 'customer-1', SequenceNumber: sequence },
  };
}

function messagesOf({ content }: { content: string }): ArchivedMessage[] {
  return content
    .trimEnd()
    .split('\n')
    .map((line) => parseArchivedMessage(line) as ArchivedMessage);
}

const idsOf = (objects: ReturnType<typeof archived>) =>
  objects.map((object) => messagesOf(object).map(({ messageId }) => messageId));

describe('a batch of a standard queue', () => {
  test('is one object an hour in which its messages came', () => {
    const objects = archived([
      standard({ id: 'a', at: '2026-11-26T09:59:59.999Z' }),
      standard({ id: 'b', at: '2026-11-26T10:00:00.000Z' }),
      standard({ id: 'c', at: '2026-11-26T10:59:59.999Z' }),
      standard({ id: 'd', at: '2026-11-25T10:30:00.000Z' }),
    ]);

    expect(idsOf(objects)).toEqual([['a'], ['b', 'c'], ['d']]);
    expect(objects.map(({ key }) => key.slice(0, 'orders/dt=2026-11-26/hh=10/'.length))).toEqual([
      'orders/dt=2026-11-26/hh=09/',
      'orders/dt=2026-11-26/hh=10/',
      'orders/dt=2026-11-25/hh=10/',
    ]);
  });

  test('keeps of a fair queue the group, which makes no FIFO queue of it', () => {
    const grouped = (id: string, at: string): SQSRecord => {
      const { attributes, ...record } = standard({ id, at });
      return { ...record, attributes: { ...attributes, MessageGroupId: 'customer-1' } };
    };
    const [object, ...others] = archived([
      grouped('a', '2026-11-26T10:00:00.000Z'),
      grouped('b', '2026-11-26T10:30:00.000Z'),
    ]);

    expect(others).toEqual([]);
    expect(object && messagesOf(object)).toMatchObject([
      { messageId: 'a', groupId: 'customer-1' },
      { messageId: 'b', groupId: 'customer-1' },
    ]);
  });
});

test('a batch of a FIFO queue is one object a minute, in the order of the queue', () => {
  const objects = archived([
    fifo({ id: 'b', at: '2026-11-26T10:15:59.999Z', sequence: '18870000000000000257' }),
    fifo({ id: 'a', at: '2026-11-26T10:15:00.000Z', sequence: '18870000000000000256' }),
    fifo({ id: 'c', at: '2026-11-26T10:16:00.000Z', sequence: '18870000000000000258' }),
  ]);

  expect(idsOf(objects)).toEqual([['a', 'b'], ['c']]);
  expect(objects.flatMap(messagesOf)).toMatchObject([
    { groupId: 'customer-1', sequenceNumber: '18870000000000000256' },
    { groupId: 'customer-1', sequenceNumber: '18870000000000000257' },
    { groupId: 'customer-1', sequenceNumber: '18870000000000000258' },
  ]);
});

describe('a message', () => {
  const only = (record: SQSRecord): ArchivedMessage | undefined => archived([record]).flatMap(messagesOf)[0];

  test('is kept with what SQS says of it, and nothing that differs from one receive to the next', () => {
    const record = standard({ body: JSON.stringify(anOrder()) });

    expect(only(record)).toEqual({
      messageId: 'message-1',
      sentAt: '2026-11-26T10:15:00.000Z',
      attributes: {},
      body: JSON.stringify(anOrder()),
    });
    expect(
      archived([
        {
          ...record,
          receiptHandle: 'another',
          attributes: { ...record.attributes, ApproximateReceiveCount: '7' },
        },
      ])[0]?.key,
    ).toBe(archived([record])[0]?.key);
  });

  test('keeps its body as it came, an envelope of SNS included', () => {
    const body = JSON.stringify({ Type: 'Notification', Message: '{}' });

    expect(only(standard({ body }))?.body).toBe(body);
  });

  test('keeps its attributes, binary ones in base64, without the empty lists that Lambda adds', () => {
    const record = standard({
      attributes: {
        eventType: { DataType: 'String', StringValue: 'order.placed' },
        weight: { DataType: 'Number.grams', StringValue: '250' },
        picture: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255, 10]) },
        nothing: { DataType: 'String', StringValue: '' },
      },
    });

    expect(record.messageAttributes.eventType).toHaveProperty('stringListValues');
    expect(only(record)?.attributes).toEqual({
      eventType: { dataType: 'String', stringValue: 'order.placed' },
      weight: { dataType: 'Number.grams', stringValue: '250' },
      picture: { dataType: 'Binary', binaryValue: 'AP8K' },
      nothing: { dataType: 'String', stringValue: '' },
    });
  });

  test('that comes back from the dead-letter queue is kept as it was published', () => {
    const attributes = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [
        `original-${index}`,
        { DataType: 'String', StringValue: `value ${index}` },
      ]),
    );
    const first = standard({ body: 'order', attributes });
    const { MessageBody = '', MessageAttributes = {} } = deadLetter(
      first,
      new PermanentError('SchemaViolation', 'no order'),
      { consumer: 'archive', requestId: 'request-1' },
    );

    expect(MessageAttributes).toHaveProperty('DeadLetterError');
    expect(only(standard({ body: MessageBody, attributes: MessageAttributes }))).toEqual(only(first));
  });
});

test('every record is in exactly one object, with its message', () => {
  const sent = fc.record({
    body: fc.string({ unit: 'binary' }),
    at: fc
      .date({
        min: new Date('2026-11-25T22:00:00Z'),
        max: new Date('2026-11-26T02:00:00Z'),
        noInvalidDate: true,
      })
      .map((date) => date.toISOString()),
  });

  fc.assert(
    fc.property(fc.array(sent, { maxLength: 50 }), fc.boolean(), (batch, isFifo) => {
      const records = batch.map((each, index) =>
        isFifo
          ? fifo({ ...each, id: `m-${index}`, sequence: String(index) })
          : standard({ ...each, id: `m-${index}` }),
      );

      const objects = archived(records);

      const kept = objects.flatMap((object) => object.records);
      expect(kept).toHaveLength(records.length);
      expect(new Set(kept)).toEqual(new Set(records));
      for (const object of objects) {
        const byId = new Map(messagesOf(object).map((message) => [message.messageId, message.body]));
        expect(byId).toEqual(new Map(object.records.map(({ messageId, body }) => [messageId, body])));
        expect(object.key).toContain(digestOf(object.content));
      }
      expect(new Set(objects.map(({ key }) => key)).size).toBe(objects.length);
    }),
  );
});
