import { getEventListeners } from 'node:events';
import { SNSClient } from '@aws-sdk/client-sns';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { inBatches, messageSize, type OutgoingMessage } from '../../../../cli/publishing/batches.ts';
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
  orderId: `order-${body}`,
});
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

  test('fills batches up to ten entries', async () => {
    const batches = await collect(inBatches(numbered(25), { maxBytes }));

    expect(batches.map((batch) => batch.length)).toEqual([10, 10, 5]);
  });

  test('fills batches to the last byte, and not beyond it', async () => {
    const ofSize = (size: number) => message('x'.repeat(size - messageSize(message(''))));
    const [half, more] = [ofSize(MAX_TOPIC_BYTES / 2), ofSize(MAX_TOPIC_BYTES / 2 + 1)];

    const batches = await collect(inBatches([half, half, half, half, half, more], { maxBytes }));

    expect(batches.map((batch) => batch.length)).toEqual([2, 2, 1, 1]);
  });

  test('a message too large for any batch comes alone, the first one too', async () => {
    const tooLarge = message('x'.repeat(MAX_TOPIC_BYTES));

    const batches = await collect(inBatches([tooLarge, message('a'), message('b'), tooLarge], { maxBytes }));

    expect(batches.map((batch) => batch.length)).toEqual([1, 2, 1]);
  });

  test('counts UTF-8 bytes of the body, and name, type and value of each attribute', () => {
    const size = messageSize({ body: 'é€', attributes: { näme: { DataType: 'String', StringValue: 'ü' } } });

    const binary = { DataType: 'Binary', BinaryValue: new Uint8Array(100) };
    expect(size).toBe(5 + 5 + 6 + 2);
    expect(messageSize({ body: 'x', attributes: { y: binary } })).toBe(1 + 1 + 6 + 100);
  });

  test('a slow rate makes small batches', async () => {
    const batches = await collect(inBatches(numbered(6), { maxBytes, rate: 20 }));

    expect(batches.map((batch) => batch.length)).toEqual([2, 2, 2]);
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

test('only the entries that failed are sent again', async () => {
  const sent: string[][] = [];
  aws.script['sns:PublishBatch'] = (input) => {
    const entries = batchEntries(input);
    sent.push(entries.map(({ body }) => body));
    if (sent.length > 1) return allOf(input);
    const bad = entries.filter(({ body }) => body === '3' || body === '7');
    const good = entries.filter((entry) => !bad.includes(entry));
    return batchAnswer(
      good.map(({ id }) => id),
      bad.map(({ id }) => ({ id, code: 'InternalError', senderFault: false })),
    );
  };

  const result = await publish({ messages: numbered(10) });

  expect(result).toEqual({ sent: 10, failed: [] });
  expect(sent).toEqual([numbered(10).map(({ body }) => body), ['3', '7']]);
});

test('an entry that keeps failing is reported with its reason after the last try', async () => {
  aws.script['sns:PublishBatch'] = (input) => {
    const [first, ...rest] = batchEntries(input);
    const refuse = first?.body === '0' && [
      { id: first.id, code: 'InternalError', message: 'oh', senderFault: false },
    ];
    return refuse
      ? batchAnswer(
          rest.map(({ id }) => id),
          refuse,
        )
      : allOf(input);
  };

  const result = await publish({ messages: numbered(3), attempts: 4 });

  expect(result.sent).toBe(2);
  expect(result.failed).toEqual([
    { index: 0, orderId: 'order-0', reason: 'InternalError: oh (tried 4 times)' },
  ]);
  expect(aws.calls).toHaveLength(4);
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

test("an entry that is the sender's fault is not tried again", async () => {
  aws.script['sns:PublishBatch'] = (input) => {
    const [first, ...rest] = batchEntries(input).map(({ id }) => id);
    return batchAnswer(rest, [
      { id: first ?? '', code: 'InvalidParameter', message: 'bad', senderFault: true },
    ]);
  };

  const result = await publish({ messages: numbered(2) });

  expect(result).toEqual({
    sent: 1,
    failed: [{ index: 0, orderId: 'order-0', reason: 'InvalidParameter: bad' }],
  });
  expect(aws.calls).toHaveLength(1);
});

test('an entry that is refused with a code and no word has the code as its reason', async () => {
  aws.script['sns:PublishBatch'] = () => batchAnswer([], [{ id: '0', code: 'Invalid', senderFault: true }]);

  const { failed } = await publish({ messages: numbered(1) });

  expect(failed).toEqual([{ index: 0, orderId: 'order-0', reason: 'Invalid' }]);
});

test('an entry that is throttled is tried again, whosever fault AWS says it is', async () => {
  aws.script['sns:PublishBatch'] = (input) =>
    aws.calls.length > 1
      ? allOf(input)
      : batchAnswer(
          [],
          batchEntries(input).map(({ id }) => ({ id, code: 'Throttled', senderFault: true })),
        );

  const result = await publish({ messages: numbered(2) });

  expect(result).toEqual({ sent: 2, failed: [] });
});

test('an entry that the answer does not mention is sent again', async () => {
  aws.script['sns:PublishBatch'] = (input) => (aws.calls.length > 1 ? allOf(input) : batchAnswer(['1']));

  const result = await publish({ messages: numbered(2) });

  expect(result.sent).toBe(2);
  expect(aws.calls.map(({ input }) => batchEntries(input).map(({ body }) => body))).toEqual([
    ['0', '1'],
    ['0'],
  ]);
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
      .map(({ orderId }, index) => ({ index, orderId, reason }))
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

test('a message too large for SNS fails without a call, and its neighbours go', async () => {
  aws.script['sns:PublishBatch'] = allOf;

  const result = await publish({
    messages: [message('a'), message('x'.repeat(MAX_TOPIC_BYTES)), message('b')],
  });

  expect(result.sent).toBe(2);
  expect(result.failed).toEqual([
    expect.objectContaining({
      index: 1,
      reason: expect.stringMatching(/^has \d+ bytes .* SNS takes 262144$/),
    }),
  ]);
});

test('a message may have as many bytes as SNS takes, and none more', async () => {
  aws.script['sns:PublishBatch'] = allOf;
  const ofSize = (size: number) => message('x'.repeat(size - messageSize(message(''))));

  const result = await publish({ messages: [ofSize(MAX_TOPIC_BYTES), ofSize(MAX_TOPIC_BYTES + 1)] });

  expect(result.sent).toBe(1);
  expect(result.failed.map(({ index }) => index)).toEqual([1]);
});

test('failures are listed in the order of the messages, whichever was known first', async () => {
  aws.script['sns:PublishBatch'] = () => queryError('InternalFailure', '', 500);

  const result = await publish({
    messages: [message('a'), message('x'.repeat(MAX_TOPIC_BYTES))],
    attempts: 3,
  });

  expect(result.failed.map(({ index }) => index)).toEqual([0, 1]);
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
  expect(result.failed[0]).toEqual({ index: 10, orderId: 'order-10', reason: 'stopped before it was sent' });
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

test('the rate holds back what comes too early', async () => {
  aws.script['sns:PublishBatch'] = allOf;
  const start = performance.now();

  await publish({ messages: numbered(30), rate: 100 });

  // 30 messages at 100 a second, the first ten of them at once.
  expect(performance.now() - start).toBeGreaterThanOrEqual(195);
});

test('after a stall the rate makes up for a second of it, not for all', async () => {
  aws.script['sns:PublishBatch'] = allOf;
  let start = Number.NaN;

  await publish({
    messages: (async function* () {
      yield* numbered(10);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      start = performance.now();
      yield* numbered(150);
    })(),
    rate: 100,
  });

  // A hundred of the 150 are let through at once, and the ten after them.
  expect(performance.now() - start).toBeGreaterThanOrEqual(290);
  expect(performance.now() - start).toBeLessThan(10_000);
});

test('a run that has ended no longer listens to the signal', async () => {
  aws.script['sns:PublishBatch'] = allOf;
  const { signal } = new AbortController();

  await publish({ messages: numbered(1), signal });

  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('progress counts up to all messages', async () => {
  aws.script['sns:PublishBatch'] = allOf;
  const seen: number[] = [];

  await publish({
    messages: numbered(25),
    concurrency: 1,
    onProgress: ({ sent, failed }) => seen.push(sent + failed),
  });

  expect(seen).toEqual([10, 20, 25]);
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

  test('comes once in a batch for a FIFO topic, so that no order overtakes one that was refused', async () => {
    aws.script['sns:PublishBatch'] = allOf;

    await publish({ topicArn: fifo, messages: [of('a', '1'), of('b', '2'), of('a', '3'), of('c', '4')] });

    expect(said('MessageGroupId')).toEqual([
      ['a', 'b'],
      ['a', 'c'],
    ]);
  });

  test('keeps its order on a FIFO topic also where a message is tried again', async () => {
    let calls = 0;
    const accepted: string[] = [];
    aws.script['sns:PublishBatch'] = (input) => {
      const entries = batchEntries(input);
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
    const first = { ...of('a', '1'), orderId: 'x'.repeat(64) };
    const other = { ...of('a', '2'), orderId: first.orderId };

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
