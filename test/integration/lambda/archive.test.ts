/** The archive's handler, whose batches become objects as a whole. */
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import {
  type ArchivedMessage,
  digestOf,
  parseArchivedMessage,
  parseArchiveKey,
} from '../../../contract/archive.ts';
import { orderEvents } from '../../../domain/events.ts';
import { captureLogs } from '../../fixtures/captured-logs.ts';
import { functionEnvironment } from '../../fixtures/function-environment.ts';
import { anOrder } from '../../fixtures/order-fixtures.ts';
import { type Put, scriptedS3 } from '../../fixtures/scripted-s3.ts';
import { type Handler, lambdaContext, startQueues } from '../../fixtures/test-queues.ts';

const denied = { status: 403, code: 'AccessDenied' };

let servers: Awaited<ReturnType<typeof startQueues>>;
let queue: Awaited<ReturnType<typeof servers.newPair>>;
let s3: Awaited<ReturnType<typeof scriptedS3>>;
let output: ReturnType<typeof captureLogs>;
let handler: Handler;

beforeAll(async () => {
  servers = await startQueues();
  s3 = await scriptedS3();
  queue = await servers.newPair();
  output = captureLogs();
  Object.assign(process.env, functionEnvironment(servers.endpoint), {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    POWERTOOLS_SERVICE_NAME: 'archive',
    QUEUE_URL: queue.url,
    DEAD_LETTER_QUEUE_URL: queue.deadLetterUrl,
    ARCHIVE_BUCKET: 'archive-bucket',
    ARCHIVE_PREFIX: 'orders/',
  });
  ({ handler } = await import('../../../lambda/archive/handler.ts'));
});

afterAll(async () => {
  output.restore();
  const clients = await import('../../../lambda/clients.ts');
  clients.s3.destroy();
  clients.sqs.destroy();
  await s3.close();
  await servers.close();
});

beforeEach(async () => {
  await queue.purge();
  output.clear();
  servers.calls.length = 0;
  s3.puts.length = 0;
  s3.answer = () => undefined;
});

/** Received, each as if it had come at the time that is given for its body. */
async function receive(times: Record<string, string>, receives = 1): Promise<SQSEvent> {
  for (const body of Object.keys(times)) await queue.send(body, {});
  const { Records } = await queue.receive(receives);
  return { Records: Records.map((record) => cameAt(record, times[record.body] ?? '')) };
}

function cameAt(record: SQSRecord, time: string): SQSRecord {
  return { ...record, attributes: { ...record.attributes, SentTimestamp: String(Date.parse(time)) } };
}

function inGroup(record: SQSRecord | undefined, group: string, sequence: string): SQSRecord {
  const { attributes, ...rest } = record as SQSRecord;
  return {
    ...rest,
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:archive.fifo',
    attributes: { ...attributes, MessageGroupId: group, SequenceNumber: sequence },
  };
}

const contentOf = ({ body }: Put) => gunzipSync(body).toString();
const messagesIn = (put: Put): ArchivedMessage[] =>
  contentOf(put)
    .trimEnd()
    .split('\n')
    .flatMap((line) => parseArchivedMessage(line) ?? []);
const failedBodies = (event: SQSEvent, { batchItemFailures }: Awaited<ReturnType<Handler>>) => {
  const failed = batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  return event.Records.filter(({ messageId }) => failed.includes(messageId)).map(({ body }) => body);
};
const putOff = () =>
  servers.calls
    .filter(({ operation }) => operation === 'ChangeMessageVisibility')
    .map(({ input }) => input.ReceiptHandle);
const summed = (name: string) =>
  output
    .metrics()
    .flatMap((line) => (line[name] ?? []) as number | number[])
    .reduce((one, other) => one + other, 0);

test('a batch is written as one object, compressed, with each message as it came', async () => {
  await queue.send(JSON.stringify(anOrder()), orderEvents.attributesOf(anOrder()));
  await queue.send('no JSON at all');
  const event = await queue.receive();

  const answer = await handler(event, lambdaContext());

  expect(answer).toEqual({ batchItemFailures: [] });
  const [put, ...others] = s3.puts as [Put];
  expect(others).toEqual([]);
  expect(put).toMatchObject({ bucket: 'archive-bucket', contentType: 'application/gzip' });
  expect(parseArchiveKey(put.key, 'orders/')?.digest).toBe(digestOf(contentOf(put)));
  expect(messagesIn(put).toSorted((one, other) => one.body.length - other.body.length)).toEqual([
    {
      messageId: event.Records.find(({ body }) => body === 'no JSON at all')?.messageId,
      sentAt: expect.any(String),
      attributes: {},
      body: 'no JSON at all',
    },
    {
      messageId: event.Records.find(({ body }) => body !== 'no JSON at all')?.messageId,
      sentAt: expect.any(String),
      attributes: {
        eventType: { dataType: 'String', stringValue: 'order.placed' },
        schemaVersion: { dataType: expect.any(String), stringValue: '1' },
        requiresShipping: { dataType: 'String', stringValue: 'true' },
      },
      body: JSON.stringify(anOrder()),
    },
  ]);
  expect(await queue.deadLetters()).toEqual([]);
});

test('an object that is written is told in a line, and counted with its messages and how long they waited', async () => {
  const minuteAgo = new Date(Date.now() - 60_000).toISOString().replace(/:\d\d\.\d{3}Z$/, ':00.000Z');
  const event = await receive({ a: minuteAgo, b: minuteAgo });

  await handler(event, lambdaContext());

  expect(output.logs()).toEqual([
    expect.objectContaining({ level: 'INFO', message: 'archived', key: s3.puts[0]?.key, messages: 2 }),
  ]);
  expect(summed('Processed')).toBe(2);
  expect(summed('SecondsToDone')).toBeGreaterThanOrEqual(60);
  expect(summed('SecondsToDone')).toBeLessThan(130);
});

test('a message from a clock that runs ahead has not waited less than no time', async () => {
  await handler(await receive({ a: new Date(Date.now() + 60_000).toISOString() }), lambdaContext());

  expect(output.metrics()).toContainEqual(expect.objectContaining({ SecondsToDone: 0 }));
});

test('of two objects one cannot be written: its records and no others fail, and are tried again later', async () => {
  const [ten, eleven] = ['2026-11-26T10:00:00Z', '2026-11-26T11:00:00Z'];
  const event = await receive({ a: ten, b: eleven, c: ten });
  s3.answer = ({ key }) => (key.includes('/hh=10/') ? denied : undefined);

  const answer = await handler(event, lambdaContext());

  expect(failedBodies(event, answer).sort()).toEqual(['a', 'c']);
  expect(putOff().sort()).toEqual(
    event.Records.filter(({ body }) => body !== 'b')
      .map(({ receiptHandle }) => receiptHandle)
      .sort(),
  );
  expect(s3.puts.flatMap(messagesIn).map(({ body }) => body)).toEqual(
    expect.arrayContaining(['a', 'b', 'c']),
  );
  expect([summed('Processed'), summed('Retried')]).toEqual([1, 2]);
  expect(await queue.deadLetters()).toEqual([]);
});

test('a batch that is repeated overwrites its object with the same content', async () => {
  const event = await receive({ a: '2026-11-26T10:00:00Z', b: '2026-11-26T10:00:01Z' });
  const again = {
    Records: event.Records.toReversed().map((record) => ({
      ...record,
      receiptHandle: `${record.receiptHandle}-again`,
      attributes: { ...record.attributes, ApproximateReceiveCount: '2' },
    })),
  };

  await handler(event, lambdaContext());
  await handler(again, lambdaContext());

  const [first, second] = s3.puts as [Put, Put];
  expect(second.key).toBe(first.key);
  expect(contentOf(second)).toBe(contentOf(first));
});

test('of a FIFO queue what comes behind a message that was not written fails as well, and other groups do not', async () => {
  const { Records } = await receive({
    a: '2026-11-26T10:00:00Z',
    b: '2026-11-26T10:01:00Z',
    c: '2026-11-26T10:01:00Z',
  });
  const named = (body: string) => Records.find((record) => record.body === body);
  const event = {
    Records: [
      inGroup(named('a'), 'customer-1', '1'),
      inGroup(named('b'), 'customer-1', '2'),
      inGroup(named('c'), 'customer-2', '3'),
    ],
  };
  s3.answer = ({ key }) => (key.includes('T10:00') ? denied : undefined);

  const answer = await handler(event, lambdaContext());

  expect(failedBodies(event, answer)).toEqual(['a', 'b']);
});

test('an object that fails while none of its records is waited for ends no process', async () => {
  const { Records } = await receive({ a: '2026-11-26T10:00:00Z', b: '2026-11-26T10:01:00Z' });
  const named = (body: string) => Records.find((record) => record.body === body);
  const event = {
    Records: [inGroup(named('a'), 'customer-1', '1'), inGroup(named('b'), 'customer-1', '2')],
  };
  const unhandled: unknown[] = [];
  const listen = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', listen);
  // The write of a, which alone is waited for, goes on until that of b has failed.
  const failed = Promise.withResolvers<void>();
  const { s3: client } = await import('../../../lambda/clients.ts');
  client.middlewareStack.add(
    (next) => async (call) => {
      const isOfB = JSON.stringify(call.input).includes('T10:01');
      return await next(call).finally(isOfB ? failed.resolve : undefined);
    },
    { name: 'watch', override: true },
  );
  s3.answer = async ({ key }) => {
    if (key.includes('T10:00')) await failed.promise;
    return denied;
  };

  const answer = await handler(event, lambdaContext());
  process.off('unhandledRejection', listen);
  client.middlewareStack.remove('watch');

  expect(failedBodies(event, answer)).toEqual(['a', 'b']);
  expect(unhandled).toEqual([]);
});

test('what could not be written at the last try is dead-lettered with what S3 said', async () => {
  const event = await receive({ a: '2026-11-26T10:00:00Z' }, 5);
  s3.answer = () => denied;

  const answer = await handler(event, lambdaContext());

  expect(answer).toEqual({ batchItemFailures: [] });
  const [letter] = await queue.deadLetters();
  expect(letter?.Body).toBe('a');
  expect(letter?.MessageAttributes?.DeadLetterError?.StringValue).toBe('AccessDenied');
});

test('out of time, what is not written stays in the queue, and S3 is not waited for any longer', async () => {
  const event = await receive({ a: '2026-11-26T10:00:00Z', b: '2026-11-26T11:00:00Z' });
  const late = Promise.withResolvers<undefined>();
  s3.answer = ({ key }) => (key.includes('/hh=10/') ? late.promise : undefined);

  const answer = await handler(event, lambdaContext(500));
  late.resolve(undefined);

  expect(failedBodies(event, answer)).toEqual(['a']);
  expect(putOff()).toEqual([]);
  expect(await queue.deadLetters()).toEqual([]);
  expect(output.logs().map(({ message }) => message)).toEqual([
    'archived',
    'out of time, unfinished messages stay in the queue',
  ]);
});

test('nothing of a customer is in the log, whether it was written or not', async () => {
  const { shippingAddress: address } = anOrder();
  await queue.send(JSON.stringify(anOrder()), orderEvents.attributesOf(anOrder()));
  const event = await queue.receive();

  await handler(event, lambdaContext());
  s3.answer = () => denied;
  await handler(event, lambdaContext());

  expect(output.logs().map(({ message }) => message)).toEqual(['archived', 'failed, will be tried again']);
  for (const value of Object.values(address ?? {})) {
    if (value && value.length > 2) expect(output.text()).not.toContain(value);
  }
  expect(output.text()).not.toContain(anOrder().customerId);
});
