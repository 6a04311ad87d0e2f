import { getEventListeners } from 'node:events';
import { SNSClient } from '@aws-sdk/client-sns';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { inBatches, messageSize, type OutgoingMessage, Pace } from '../../../../cli/publishing/batches.ts';
import { MAX_TOPIC_BYTES } from '../../../../cli/publishing/destinations.ts';
import { type PublishOptions, publishMessages } from '../../../../cli/publishing/publisher.ts';
import {
  batchAnswer,
  batchEntries,
  queryError,
  type ScriptedAws,
  scriptedAws,
} from '../../../fixtures/scripted-aws.ts';

const topicArn = 'arn:aws:sns:us-east-1:000000000000:orders';
let aws: ScriptedAws;

beforeEach(async () => {
  aws = await scriptedAws();
});
afterEach(() => aws.close());

const message = (body: string): OutgoingMessage => ({
  body,
  attributes: { eventType: { DataType: 'String', StringValue: 'order.placed' } },
  id: `order-${body}`,
});
const ofSize = (size: number) => message('x'.repeat(size - messageSize(message(''))));
const numbered = (count: number) => Array.from({ length: count }, (_, index) => message(String(index)));
const allOf = (input: Parameters<typeof batchEntries>[0]) =>
  batchAnswer(batchEntries(input).map(({ id }) => id));

function publish(options: Partial<PublishOptions> & Pick<PublishOptions, 'messages'>) {
  // One try a call: the SDK's own retries would hide which ones are ours.
  const sns = new SNSClient({ ...aws.client, maxAttempts: 1 });
  return publishMessages({ sns, topicArn, backoffMs: 1, ...options });
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('batching', () => {
  const maxBytes = MAX_TOPIC_BYTES;
  const messages = fc.array(
    fc.record({
      body: fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 50 }),
        fc.nat(120_000).map((length) => 'é'.repeat(length)),
      ),
      attributes: fc.constant(message('').attributes),
    }),
    { maxLength: 60 },
  );

  test('puts every message into one batch, in order, within what PublishBatch takes', async () => {
    await fc.assert(
      fc.asyncProperty(messages, fc.option(fc.nat(300), { nil: undefined }), async (all, rate) => {
        const batches = await collect(
          inBatches(all, { maxBytes, rate: rate === undefined ? rate : rate + 0.5 }),
        );

        expect(batches.flat().map((entry) => entry.message)).toEqual(all);
        expect(batches.flat().map((entry) => entry.index)).toEqual(all.map((_, index) => index));
        for (const batch of batches) {
          const bytes = batch.reduce((sum, entry) => sum + messageSize(entry.message), 0);
          expect(batch.length).toBeLessThanOrEqual(10);
          expect(batch.length).toBeGreaterThan(0);
          expect(bytes).toBeLessThanOrEqual(MAX_TOPIC_BYTES);
        }
      }),
      { numRuns: 40 },
    );
  });

  const half = ofSize(MAX_TOPIC_BYTES / 2);
  const tooLarge = message('x'.repeat(MAX_TOPIC_BYTES));

  test.each<[string, OutgoingMessage[], number | undefined, number[]]>([
    ['up to ten messages', numbered(25), undefined, [10, 10, 5]],
    ['fewer at a slow rate', numbered(6), 20, [2, 2, 2]],
    [
      'bytes up to the last one that SNS takes',
      [half, half, half, half, half, ofSize(MAX_TOPIC_BYTES / 2 + 1)],
      undefined,
      [2, 2, 1, 1],
    ],
    ['a message too large for any alone', [tooLarge, ...numbered(2), tooLarge], undefined, [1, 2, 1]],
  ])('a batch holds %s', async (_, all, rate, lengths) => {
    const batches = await collect(inBatches(all, { maxBytes, rate }));

    expect(batches.map((batch) => batch.length)).toEqual(lengths);
  });

  test('counts UTF-8 bytes of the body, and name, type and value of each attribute', () => {
    const size = messageSize({ body: 'é€', attributes: { näme: { DataType: 'String', StringValue: 'ü' } } });

    const binary = { DataType: 'Binary', BinaryValue: new Uint8Array(100) };
    expect(size).toBe(5 + 5 + 6 + 2);
    expect(messageSize({ body: 'x', attributes: { y: binary } })).toBe(1 + 1 + 6 + 100);
  });
});

test('messages arrive with their attributes, from an async source as well', async () => {
  aws.script['sns:PublishBatch'] = allOf;

  const result = await publish({
    messages: (async function* () {
      yield* numbered(23);
    })(),
  });

  const bodies = aws.calls.flatMap(({ input }) => batchEntries(input).map(({ body }) => body));
  expect(result).toEqual({ sent: 23, failed: [] });
  expect(bodies.sort()).toEqual(
    numbered(23)
      .map(({ body }) => body)
      .sort(),
  );
  expect(aws.calls[0]?.input).toMatchObject({
    TopicArn: topicArn,
    'PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Name': 'eventType',
    'PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.StringValue': 'order.placed',
  });
});

interface Refusal {
  readonly code: string;
  readonly message?: string;
  readonly senderFault: boolean;
}

describe('an entry that SNS refuses', () => {
  const fault = { code: 'InternalError', message: 'oh', senderFault: false };

  test.each<
    [
      string,
      /** What the answer says of a message; undefined: nothing. */
      refusal: (body: string, call: number) => Refusal | 'taken' | undefined,
      expected: { sent: number; failed?: string; calls: string[][] },
    ]
  >([
    [
      'is sent again, without those that were taken',
      (body, call) => (call === 1 && body !== '1' ? fault : 'taken'),
      {
        sent: 3,
        calls: [
          ['0', '1', '2'],
          ['0', '2'],
        ],
      },
    ],
    [
      'in all its tries is reported with the last reason',
      (body) => (body === '0' ? fault : 'taken'),
      {
        sent: 2,
        failed: 'InternalError: oh (tried 4 times)',
        calls: [['0', '1', '2'], ['0'], ['0'], ['0']],
      },
    ],
    [
      "by the sender's fault is not tried again",
      (body) => (body === '0' ? { code: 'InvalidParameter', message: 'bad', senderFault: true } : 'taken'),
      { sent: 2, failed: 'InvalidParameter: bad', calls: [['0', '1', '2']] },
    ],
    [
      'with a code alone has the code as its reason',
      (body) => (body === '0' ? { code: 'Invalid', senderFault: true } : 'taken'),
      { sent: 2, failed: 'Invalid', calls: [['0', '1', '2']] },
    ],
    [
      'by throttling is tried again, whosever fault AWS says it is',
      (_, call) => (call === 1 ? { code: 'Throttled', senderFault: true } : 'taken'),
      {
        sent: 3,
        calls: [
          ['0', '1', '2'],
          ['0', '1', '2'],
        ],
      },
    ],
    [
      'by not mentioning it is sent again',
      (body, call) => (call === 1 && body === '0' ? undefined : 'taken'),
      { sent: 3, calls: [['0', '1', '2'], ['0']] },
    ],
  ])('%s', async (_, refusalOf, { sent, failed, calls }) => {
    aws.script['sns:PublishBatch'] = (input) => {
      const answers = batchEntries(input).map(({ id, body }) => ({
        id,
        refusal: refusalOf(body, aws.calls.length),
      }));
      return batchAnswer(
        answers.filter(({ refusal }) => refusal === 'taken').map(({ id }) => id),
        answers.flatMap(({ id, refusal }) => (typeof refusal === 'object' ? [{ id, ...refusal }] : [])),
      );
    };

    const result = await publish({ messages: numbered(3), attempts: 4 });

    expect(result).toEqual({
      sent,
      failed: failed === undefined ? [] : [{ index: 0, id: 'order-0', reason: failed }],
    });
    expect(aws.calls.map(({ input }) => batchEntries(input).map(({ body }) => body))).toEqual(calls);
  });
});

test('a message has eight tries, with waits between them that grow', async () => {
  aws.script['sns:PublishBatch'] = () => queryError('InternalFailure', 'oh', 500);
  const start = performance.now();

  const result = await publish({ messages: numbered(1), backoffMs: 10 });

  expect(aws.calls).toHaveLength(8);
  expect(result.failed).toEqual([
    expect.objectContaining({ reason: expect.stringMatching(/oh \(tried 8 times\)$/s) }),
  ]);
  // Seven waits at random, of 0.6 s together on average: below this once in 100,000 times.
  expect(performance.now() - start).toBeGreaterThan(50);
});

test('a call that is throttled as a whole is tried again', async () => {
  aws.script['sns:PublishBatch'] = (input) =>
    aws.calls.length > 2 ? allOf(input) : queryError('Throttling', 'Rate exceeded');

  const result = await publish({ messages: numbered(2) });

  expect(result).toEqual({ sent: 2, failed: [] });
  expect(aws.calls).toHaveLength(3);
});

test('a refused call ends the run, and every message left is accounted for', async () => {
  aws.script['sns:PublishBatch'] = (input) =>
    batchEntries(input)[0]?.body === '0'
      ? allOf(input)
      : queryError(
          'AuthorizationError',
          'User: me is not authorized to perform: SNS:Publish on resource: orders',
          403,
        );

  const result = await publish({ messages: numbered(95), concurrency: 1 });

  const reason = 'Access denied: these credentials lack the IAM action SNS:Publish on orders';
  expect(result.sent).toBe(10);
  expect(result.stopped).toBe(reason);
  expect(result.failed).toEqual(
    numbered(95)
      .map(({ id }, index) => ({ index, id, reason }))
      .slice(10),
  );
  expect(aws.calls).toHaveLength(2);
});

test('a missing topic is named', async () => {
  const result = await publish({ messages: numbered(1) });

  expect(result.stopped).toBe(`There is no topic ${topicArn}: check the stack, --topic-arn and --region`);
});

test('an endpoint that nobody listens on ends the run after one batch has had its tries', async () => {
  // Thrown here, since Jest hides from the SDK what Node's own network errors are.
  const refused = Object.assign(new Error('connect'), {
    code: 'ECONNREFUSED',
    address: '127.0.0.1',
    port: 9,
  });
  const handle = jest.fn(() => Promise.reject(refused));
  const sns = new SNSClient({ ...aws.client, maxAttempts: 1, requestHandler: { handle } });

  const result = await publish({ sns, messages: numbered(1000), attempts: 3, concurrency: 1 });

  expect(result.sent).toBe(0);
  expect(result.failed).toHaveLength(1000);
  expect(result.stopped).toMatch(/^Cannot reach 127\.0\.0\.1:9 \(ECONNREFUSED\)/);
  expect(handle).toHaveBeenCalledTimes(3);
});

test('a message may have as many bytes as SNS takes; a larger one fails without a call, and its neighbours go', async () => {
  aws.script['sns:PublishBatch'] = (input) =>
    batchEntries(input)[0]?.body === 'a'
      ? batchAnswer([], [{ id: '0', code: 'Invalid', senderFault: true }])
      : allOf(input);

  const result = await publish({
    messages: [message('a'), ofSize(MAX_TOPIC_BYTES), ofSize(MAX_TOPIC_BYTES + 1), message('b')],
  });

  expect(result.sent).toBe(2);
  // In the order of the messages, although the larger one is known to fail at once.
  expect(result.failed.map(({ index, reason }) => [index, reason])).toEqual([
    [0, 'Invalid'],
    [2, expect.stringMatching(/^has \d+ bytes .* SNS takes 262144$/)],
  ]);
});

test('after the signal nothing more is sent, and what was not sent is reported', async () => {
  const controller = new AbortController();
  aws.script['sns:PublishBatch'] = (input) => {
    controller.abort();
    return allOf(input);
  };

  const result = await publish({ messages: numbered(40), concurrency: 1, signal: controller.signal });

  expect(aws.calls).toHaveLength(1);
  expect(result.sent).toBe(10);
  expect(result.failed).toHaveLength(30);
  expect(result.failed[0]).toEqual({ index: 10, id: 'order-10', reason: 'stopped before it was sent' });
});

test.each([
  [3, { concurrency: 3 }],
  [8, {}],
])('no more batches are under way than %i, and that many are, with %j', async (allowed, options) => {
  let most = 0;
  let underWay = 0;
  const sns = new SNSClient(aws.client);
  sns.middlewareStack.add(
    (next) => async (args) => {
      underWay++;
      most = Math.max(most, underWay);
      const answer = await next(args);
      underWay--;
      return answer;
    },
    { step: 'initialize' },
  );
  aws.script['sns:PublishBatch'] = allOf;

  await publish({ sns, messages: numbered(200), ...options });

  expect(most).toBe(allowed);
});

test('the rate holds back what comes too early, and after a stall makes up for a second of it', async () => {
  let now = 5_000;
  const pauses: number[] = [];
  const pause = async (ms: number) => {
    pauses.push(ms);
    now += ms;
  };
  const pace = new Pace(100, { now: () => now, pause });
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await pace.turn(10, new AbortController().signal);
    return pauses.splice(0);
  };

  expect(await turns(3)).toEqual([100, 100]);
  now += 5_000;
  expect(await turns(12)).toEqual([100]);
});

test('messages wait for their turn at the rate, until the signal', async () => {
  aws.script['sns:PublishBatch'] = allOf;
  const controller = new AbortController();

  const result = await publish({
    messages: numbered(3),
    rate: 0.01,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });

  expect(result).toMatchObject({ sent: 1, stopped: 'stopped before it was sent' });
  expect(aws.calls).toHaveLength(1);
});

test('progress counts up to all messages, and the signal is listened to no longer', async () => {
  aws.script['sns:PublishBatch'] = allOf;
  const seen: number[] = [];
  const { signal } = new AbortController();

  await publish({
    messages: numbered(25),
    concurrency: 1,
    signal,
    onProgress: ({ sent, failed }) => seen.push(sent + failed),
  });

  expect(seen).toEqual([10, 20, 25]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

describe('the customer as message group', () => {
  const fifo = `${topicArn}.fifo`;
  const of = (customerId: string, body: string): OutgoingMessage => ({
    ...message(body),
    body: JSON.stringify({ customerId, body }),
  });
  /** Of each call what its entries say of a field. */
  const said = (field: string) =>
    aws.calls.map(({ input }) =>
      batchEntries(input).map((_, index) => input[`PublishBatchRequestEntries.member.${index + 1}.${field}`]),
    );

  test('keeps its order on a FIFO topic also where a message is tried again', async () => {
    let calls = 0;
    const accepted: string[] = [];
    aws.script['sns:PublishBatch'] = (input) => {
      const entries = batchEntries(input);
      // No order may overtake one of its group that was refused.
      const refused = calls++ === 0 ? entries.slice(0, 1) : [];
      const taken = entries.slice(refused.length);
      accepted.push(...taken.map(({ body }) => JSON.parse(body).body));
      return batchAnswer(
        taken.map(({ id }) => id),
        refused.map(({ id }) => ({ id, code: 'InternalError', senderFault: false })),
      );
    };

    await publish({ topicArn: fifo, messages: [of('a', '1'), of('b', '2'), of('a', '3')] });

    expect(accepted).toEqual(['2', '1', '3']);
  });

  test('is "no-customer" for what names none', async () => {
    aws.script['sns:PublishBatch'] = allOf;
    const bodies = ['not JSON', 'null', '{"customerId":7}', '{"customerId":"with blanks"}'];

    await publish({ topicArn: fifo, messages: bodies.map(message) });

    expect(said('MessageGroupId')).toEqual(bodies.map(() => ['no-customer']));
  });

  test('has IDs by which copies are known, and another order under the same ID is not', async () => {
    aws.script['sns:PublishBatch'] = allOf;
    const first = { ...of('a', '1'), id: 'x'.repeat(64) };
    const other = { ...of('a', '2'), id: first.id };

    await publish({ topicArn: fifo, messages: [first, first, other] });

    const [[one], [copy], [another]] = said('MessageDeduplicationId') as [[string], [string], [string]];
    expect(copy).toBe(one);
    expect(another).not.toBe(one);
    expect(one).toMatch(/^x{64}:order\.placed:[0-9a-f]{32}$/);
    expect(one.length).toBeLessThanOrEqual(128);
  });

  test('is said on a standard topic where queues are to be fair, and nowhere else', async () => {
    aws.script['sns:PublishBatch'] = allOf;

    await publish({ messages: [of('a', '1'), of('a', '2')], fairQueues: true });
    await publish({ messages: [of('a', '1'), of('a', '2')] });

    expect(said('MessageGroupId')).toEqual([
      ['a', 'a'],
      [undefined, undefined],
    ]);
    expect(said('MessageDeduplicationId').flat()).toEqual([undefined, undefined, undefined, undefined]);
  });
});
