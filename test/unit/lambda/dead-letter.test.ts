import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DeadLetterContext } from '../../../contract/dead-letter.ts';
import { deadLetter } from '../../../lambda/dead-letter.ts';
import { PermanentError } from '../../../lambda/permanent-error.ts';
import { sqsRecord } from '../../fixtures/test-queues.ts';

const MIB = 1_048_576;
const conflict = new PermanentError('OrderConflict', 'a different order is recorded under this orderId');
const origin = { consumer: 'billing', requestId: 'request-1', now: new Date('2026-11-22T17:10:00.000Z') };

function withAttributes(MessageAttributes: Record<string, MessageAttributeValue>, Body = 'body') {
  return sqsRecord({ Body, MessageAttributes });
}

function attributes(count: number): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `original-${index}`,
      { DataType: 'String', StringValue: `value ${index}` },
    ]),
  );
}

function contextOf(letter: {
  MessageAttributes?: Record<string, MessageAttributeValue> | undefined;
}): DeadLetterContext {
  return JSON.parse(letter.MessageAttributes?.DeadLetterContext?.StringValue ?? '');
}

function size({ MessageBody = '', MessageAttributes = {} }: ReturnType<typeof deadLetter>): number {
  return Object.entries(MessageAttributes).reduce(
    (sum, [name, { DataType = '', StringValue = '', BinaryValue = [] }]) =>
      sum + Buffer.byteLength(name + DataType + StringValue) + BinaryValue.length,
    Buffer.byteLength(MessageBody),
  );
}

/** The letter as it comes back out of the queue it was redriven to. */
function redriven(letter: ReturnType<typeof deadLetter>) {
  return sqsRecord({ Body: letter.MessageBody ?? '', MessageAttributes: letter.MessageAttributes ?? {} });
}

describe('a dead letter', () => {
  test('keeps body and attributes, and says who refused it, why and when', () => {
    const record = sqsRecord({
      Body: 'the body',
      Attributes: { ApproximateReceiveCount: '3', ApproximateFirstReceiveTimestamp: '1795366800000' },
      MessageAttributes: {
        eventType: { DataType: 'String', StringValue: 'order.placed' },
        size: { DataType: 'Number.int', StringValue: '3' },
        picture: { DataType: 'Binary.png', BinaryValue: Buffer.from([0, 255]) },
      },
    });

    const letter = deadLetter(record, conflict, origin);

    expect(letter.MessageBody).toBe('the body');
    expect(letter.MessageAttributes).toEqual({
      eventType: { DataType: 'String', StringValue: 'order.placed' },
      size: { DataType: 'Number.int', StringValue: '3' },
      picture: { DataType: 'Binary.png', BinaryValue: Buffer.from([0, 255]) },
      DeadLetterError: { DataType: 'String', StringValue: 'OrderConflict' },
      DeadLetterMessage: { DataType: 'String', StringValue: conflict.message },
      DeadLetterContext: { DataType: 'String', StringValue: expect.any(String) },
    });
    expect(contextOf(letter)).toEqual({
      consumer: 'billing',
      attempts: 3,
      firstReceivedAt: new Date(1795366800000).toISOString(),
      deadLetteredAt: '2026-11-22T17:10:00.000Z',
      requestId: 'request-1',
      codeVersion: expect.stringMatching(/^[0-9a-f]{12}$/),
    });
  });

  test('keeps the message group, so that fair queues stay fair after a redrive', () => {
    const record = sqsRecord({ Body: 'body', Attributes: { MessageGroupId: 'tenant-1' } });

    expect(deadLetter(record, conflict, origin).MessageGroupId).toBe('tenant-1');
    expect(deadLetter(sqsRecord({ Body: 'body' }), conflict, origin).MessageGroupId).toBeUndefined();
  });

  test.each([
    [10, 10, ['original-7', 'original-8', 'original-9']],
    [8, 10, ['original-7']],
    [7, 10, undefined],
    [2, 5, undefined],
  ])(
    'of a message with %i attributes has %i, and the displaced ones in its context',
    (count, all, displaced) => {
      const letter = deadLetter(withAttributes(attributes(count)), conflict, origin);

      expect(Object.keys(letter.MessageAttributes ?? {})).toHaveLength(all);
      expect(letter.MessageAttributes).toMatchObject(attributes(Math.min(count, 7)));
      const { displaced: found } = contextOf(letter);
      expect(found && Object.keys(found)).toEqual(displaced);
      expect(found?.['original-7']?.stringValue).toBe(displaced && 'value 7');
    },
  );

  test('that was redriven and refused again has only the new reason', () => {
    const first = deadLetter(withAttributes(attributes(10)), conflict, origin);

    const second = deadLetter(redriven(first), new PermanentError('NotJson', 'no'), {
      ...origin,
      requestId: 'request-2',
    });

    expect(second.MessageAttributes?.DeadLetterError?.StringValue).toBe('NotJson');
    expect(Object.keys(second.MessageAttributes ?? {})).toEqual(Object.keys(first.MessageAttributes ?? {}));
    expect(contextOf(second).requestId).toBe('request-2');
    expect(contextOf(second).displaced).toEqual(contextOf(first).displaced);
  });

  test('cuts a long reason by whole characters', () => {
    const letter = deadLetter(
      withAttributes({}),
      new PermanentError('SchemaViolation', '🧾'.repeat(1_000)),
      origin,
    );

    const message = letter.MessageAttributes?.DeadLetterMessage?.StringValue ?? '';
    expect(message).toMatch(/^(🧾){255}…$/u);
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1_024);
  });

  test('says nothing of an unexpected error but where to look, for its message may quote the order', () => {
    const letter = deadLetter(withAttributes({}), new TypeError('Ada Lovelace is not a function'), origin);

    expect(letter.MessageAttributes?.DeadLetterError?.StringValue).toBe('TypeError');
    expect(letter.MessageAttributes?.DeadLetterMessage?.StringValue).toBe(
      'unexpected error, see the log of request request-1',
    );
  });

  test('says what an AWS service said', () => {
    const error = Object.assign(new Error('Rate exceeded'), { name: 'ThrottlingException', $metadata: {} });

    const letter = deadLetter(withAttributes({}), error, origin);

    expect(letter.MessageAttributes?.DeadLetterError?.StringValue).toBe('ThrottlingException');
    expect(letter.MessageAttributes?.DeadLetterMessage?.StringValue).toBe('Rate exceeded');
  });

  test('that fills the limit with its reason has it, and with one byte more goes without', () => {
    const around = size(deadLetter(withAttributes(attributes(3), ''), conflict, origin));
    const fitting = withAttributes(attributes(3), 'x'.repeat(MIB - around));
    const tooLarge = withAttributes(attributes(3), 'x'.repeat(MIB - around + 1));

    expect(size(deadLetter(fitting, conflict, origin))).toBe(MIB);
    expect(deadLetter(tooLarge, conflict, origin).MessageAttributes).toEqual(attributes(3));
  });

  test('with a binary attribute is within the limit, too', () => {
    const picture = { DataType: 'Binary', BinaryValue: Buffer.alloc(3_000) };
    const around = size(deadLetter(withAttributes({ picture }, ''), conflict, origin));
    const tooLarge = withAttributes({ picture }, 'x'.repeat(MIB - around + 1));

    expect(size(deadLetter(tooLarge, conflict, origin))).toBeLessThanOrEqual(MIB);
  });

  test('is one that SQS takes, for any error and any attributes', () => {
    const names = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
    const values = fc.oneof(
      fc.string({ minLength: 1 }).map((StringValue) => ({ DataType: 'String', StringValue })),
      fc.uint8Array({ minLength: 1 }).map((BinaryValue) => ({ DataType: 'Binary', BinaryValue })),
    );
    const errors = fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary', maxLength: 5_000 }));

    fc.assert(
      fc.property(fc.dictionary(names, values, { maxKeys: 10 }), errors, (originals, [name, message]) => {
        const letter = deadLetter(withAttributes(originals), new PermanentError(name, message), origin);
        const all = Object.values(letter.MessageAttributes ?? {});

        expect(all.length).toBeLessThanOrEqual(10);
        expect(size(letter)).toBeLessThanOrEqual(MIB);
        for (const { StringValue } of [
          letter.MessageAttributes?.DeadLetterError,
          letter.MessageAttributes?.DeadLetterMessage,
        ].filter((value) => value !== undefined)) {
          expect(StringValue).toMatch(/^[\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]+$/u);
        }
      }),
    );
  });
});
