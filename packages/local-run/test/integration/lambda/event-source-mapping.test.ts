import { GetQueueAttributesCommand, SendMessageBatchCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EventSourceMapping, type MappingDefinition } from '../../../src/lambda/event-source-mapping.ts';
import type { InvocationResult } from '../../../src/lambda/execution-environment.ts';
import type { LocalFunction } from '../../../src/lambda/local-function.ts';
import { makeQueue, queueArn, sqs, untilEmpty, useEmulators } from '../../fixtures/emulators.ts';

interface Event {
  Records: {
    messageId: string;
    body: string;
    attributes: Record<string, string>;
    messageAttributes: object;
  }[];
}

/** URL. */
let queue: string;
const running: EventSourceMapping[] = [];
afterAll(() => Promise.all(running.map((each) => each.stop())));
useEmulators();
beforeEach(async () => {
  queue = await makeQueue();
});

/** A function of the test's own in place of a bundle: what is tried here is how it is invoked. */
function map(
  handle: (event: Event) => Promise<InvocationResult>,
  terms: Partial<MappingDefinition> = {},
  url = queue,
): EventSourceMapping {
  const target = { invoke: handle } as unknown as LocalFunction;
  const mapping = new EventSourceMapping(
    {
      queueUrl: url,
      queueArn: queueArn(url),
      batchSize: 10,
      windowSeconds: 0,
      maximumConcurrency: 2,
      reportsBatchItemFailures: true,
      isEnabled: true,
      ...terms,
    },
    target,
    sqs,
    () => {},
  );
  mapping.start();
  running.push(mapping);
  return mapping;
}

const ok = (payload: unknown = null): InvocationResult => ({ ok: true, payload });
const send = (body: string, attributes: Record<string, string> = {}) =>
  sqs.send(
    new SendMessageCommand({
      QueueUrl: queue,
      MessageBody: body,
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([key, StringValue]) => [key, { DataType: 'String', StringValue }]),
      ),
    }),
  );
const sendMany = (bodies: string[], url = queue) =>
  sqs.send(
    new SendMessageBatchCommand({
      QueueUrl: url,
      Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
    }),
  );

/** Maps the queue to a function that processes everything. @returns how many records each batch had, filled as they come */
function mapForSizes(terms: Partial<MappingDefinition>): number[] {
  const sizes: number[] = [];
  map(async ({ Records }) => {
    sizes.push(Records.length);
    return ok();
  }, terms);
  return sizes;
}

const empty = (url = queue) => untilEmpty(url);

describe('a batch', () => {
  test('holds the records in the form that Lambda gives them', async () => {
    const events: Event[] = [];
    map(async (event) => {
      events.push(event);
      return ok();
    });

    await send('{"a":1}', { eventType: 'order.placed' });
    await empty();

    expect(events).toHaveLength(1);
    expect(events[0]?.Records).toEqual([
      expect.objectContaining({
        body: '{"a":1}',
        eventSource: 'aws:sqs',
        eventSourceARN: queueArn(queue),
        awsRegion: 'us-east-1',
        attributes: expect.objectContaining({
          ApproximateReceiveCount: '1',
          SentTimestamp: expect.any(String),
        }),
        messageAttributes: {
          eventType: {
            stringValue: 'order.placed',
            dataType: 'String',
            stringListValues: [],
            binaryListValues: [],
          },
        },
      }),
    ]);
  });

  test('is filled during its window beyond the ten messages of one receive', async () => {
    await sendMany(Array.from({ length: 10 }, (_, n) => `first ${n}`));
    await sendMany(Array.from({ length: 10 }, (_, n) => `second ${n}`));

    const sizes = mapForSizes({ batchSize: 20, windowSeconds: 30, maximumConcurrency: 1 });
    await empty();

    expect(sizes).toEqual([20]);
  });

  test('is never larger than the batch size, however many receives fill it', async () => {
    await sendMany(Array.from({ length: 10 }, (_, n) => `first ${n}`));
    await sendMany(Array.from({ length: 10 }, (_, n) => `second ${n}`));

    const sizes = mapForSizes({ batchSize: 15, windowSeconds: 1, maximumConcurrency: 1 });
    await empty();

    expect(sizes).toEqual([15, 5]);
  });

  test('is handed over when its window closes, full or not', async () => {
    await send('alone');

    const sizes = mapForSizes({ batchSize: 20, windowSeconds: 1, maximumConcurrency: 1 });
    await empty();

    expect(sizes).toEqual([1]);
  });
});

describe('a batching window that is ended', () => {
  /** Resolves once this many messages are in flight. */
  async function inFlight(count: number): Promise<void> {
    for (;;) {
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl: queue,
          AttributeNames: ['ApproximateNumberOfMessagesNotVisible'],
        }),
      );
      if (Attributes?.ApproximateNumberOfMessagesNotVisible === String(count)) return;
      await new Promise(setImmediate);
    }
  }

  test('hands over what every poller has collected, and the next one lasts as long as ever', async () => {
    const bodies: string[] = [];
    const mapping = map(
      async ({ Records }) => {
        bodies.push(...Records.map(({ body }) => body));
        return ok();
      },
      { batchSize: 100, windowSeconds: 60 },
    );
    // Each receive takes at most ten, so that both pollers have some.
    await sendMany(Array.from({ length: 10 }, (_, n) => `first ${n}`));
    await sendMany(Array.from({ length: 10 }, (_, n) => `second ${n}`));
    await inFlight(20);
    expect(mapping.holdsMessages).toBe(true);

    mapping.endBatchingWindows();
    await empty();
    expect(bodies).toHaveLength(20);

    // Of a poll that was under way the window has ended, too.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await send('later');
    await inFlight(1);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect({ count: bodies.length, holds: mapping.holdsMessages }).toEqual({ count: 20, holds: true });
    mapping.endBatchingWindows();
    await empty();
    expect(bodies.at(-1)).toBe('later');
  });

  test('leaves nothing behind that would be held', async () => {
    const mapping = map(async () => ok(), { batchSize: 100, windowSeconds: 60 });
    await send('alone');
    await inFlight(1);

    mapping.endBatchingWindows();
    await empty();
    await mapping.stop();

    expect(mapping.holdsMessages).toBe(false);
  });
});

test('never more invocations run at a time than the maximum concurrency', async () => {
  await sendMany(Array.from({ length: 10 }, (_, n) => String(n)));
  let now = 0;
  let most = 0;

  map(
    async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 20));
      now -= 1;
      return ok();
    },
    { batchSize: 1, maximumConcurrency: 2 },
  );
  await empty();

  expect(most).toBe(2);
});

describe('what the function answers', () => {
  type Answer = (ids: { good?: string | undefined; bad?: string | undefined }) => InvocationResult;

  /** Answers once for a batch of one good and one bad message, well after that; says how often each came. */
  async function tries(
    answer: Answer,
    terms: Partial<MappingDefinition> = {},
  ): Promise<Record<string, number>> {
    const own = await makeQueue({ VisibilityTimeout: '1' });
    await sendMany(['good', 'bad'], own);
    const seen: Record<string, number> = { good: 0, bad: 0 };
    let first = true;
    map(
      async ({ Records }) => {
        for (const { body } of Records) seen[body] = (seen[body] ?? 0) + 1;
        if (!first) return ok();
        first = false;
        const id = (body: string) => Records.find((record) => record.body === body)?.messageId;
        return answer({ good: id('good'), bad: id('bad') });
      },
      { maximumConcurrency: 1, ...terms },
      own,
    );
    await empty(own);
    return seen;
  }

  const badFails: Answer = ({ bad }) => ok({ batchItemFailures: [{ itemIdentifier: bad }] });
  const cases: [
    name: string,
    times: { good: number; bad: number },
    answer: Answer,
    terms?: Partial<MappingDefinition>,
  ][] = [
    ['a partial failure', { good: 1, bad: 2 }, badFails],
    ['an empty list of failures', { good: 1, bad: 1 }, () => ok({ batchItemFailures: [] })],
    ['a null list of failures', { good: 1, bad: 1 }, () => ok({ batchItemFailures: null })],
    ['no answer', { good: 1, bad: 1 }, () => ok()],
    [
      'an unknown identifier',
      { good: 2, bad: 2 },
      () => ok({ batchItemFailures: [{ itemIdentifier: 'other' }] }),
    ],
    ['an empty identifier', { good: 2, bad: 2 }, () => ok({ batchItemFailures: [{ itemIdentifier: '' }] })],
    ['a wrong key', { good: 2, bad: 2 }, () => ok({ batchItemFailures: [{ messageId: 'x' }] })],
    ['a string', { good: 2, bad: 2 }, () => ok('done')],
    ['an error', { good: 2, bad: 2 }, () => ({ ok: false, errorType: 'Error', errorMessage: 'no' })],
    ['a partial failure, unasked', { good: 1, bad: 1 }, badFails, { reportsBatchItemFailures: false }],
  ];

  test('decides which messages are deleted and which come again after their visibility timeout', async () => {
    const seen = await Promise.all(
      cases.map(async ([name, , answer, terms]) => [name, await tries(answer, terms)]),
    );

    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(cases.map(([name, times]) => [name, times])));
  });
});

test('a stop lets the invocation that is under way end and its messages be deleted', async () => {
  let release = () => {};
  let entered = () => {};
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const mapping = map(async () => {
    entered();
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return ok();
  });
  await send('slow');
  await inside;

  const stopped = mapping.stop();
  release();
  await stopped;

  await empty();
});
