import { setTimeout as pause } from 'node:timers/promises';
import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { EventSourceMapping, MappingDefinition } from '../../../src/lambda/event-source-mapping.ts';
import type { InvocationResult } from '../../../src/lambda/execution-environment.ts';
import {
  emulators,
  makeQueue,
  queueArn,
  send,
  sqs,
  text,
  untilEmpty,
  useEmulators,
} from '../../fixtures/emulators.ts';
import { type Event, mappingOf, ok } from '../../fixtures/mapping.ts';

/** URL. */
let queue: string;
useEmulators();
beforeEach(async () => {
  queue = await makeQueue();
});

function map(
  handle: (event: Event) => Promise<InvocationResult>,
  terms?: Partial<MappingDefinition>,
  url = queue,
): EventSourceMapping {
  const mapping = mappingOf(url, handle, terms);
  mapping.start();
  return mapping;
}

const sendMany = (bodies: string[], url = queue) =>
  sqs.send(
    new SendMessageBatchCommand({
      QueueUrl: url,
      Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
    }),
  );

/** Twenty messages, of which a receive takes at most ten. */
async function sendTwenty(): Promise<void> {
  for (const half of ['first', 'second']) {
    await sendMany(Array.from({ length: 10 }, (_, n) => `${half} ${n}`));
  }
}

/** Twice ten messages, as many as a receive takes. */
async function sendTwiceSevenMiB(): Promise<void> {
  for (let n = 0; n < 20; n++) await send(queue, 'x'.repeat(0.7 * 1024 ** 2));
}

describe('a batch', () => {
  test('holds the records in the form that Lambda gives them', async () => {
    const events: Event[] = [];
    map(async (event) => {
      events.push(event);
      return ok();
    });

    await send(queue, '{"a":1}', { MessageAttributes: { eventType: text('order.placed') } });
    await untilEmpty(queue);

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

  test.each([
    ['is filled during its window beyond the ten messages of one receive', sendTwenty, 20, 30, [20]],
    ['is never larger than the batch size, however many receives fill it', sendTwenty, 15, 1, [15, 5]],
    ['is handed over when its window closes, full or not', () => send(queue, 'alone'), 20, 1, [1]],
    ['is handed over when it holds 6 MiB', sendTwiceSevenMiB, 20, 30, [10, 10]],
  ])('%s', async (_, sendAll, batchSize, windowSeconds, expected) => {
    await sendAll();
    const sizes: number[] = [];

    map(
      async ({ Records }) => {
        sizes.push(Records.length);
        return ok();
      },
      { batchSize, windowSeconds, maximumConcurrency: 1 },
    );
    await untilEmpty(queue);

    expect(sizes).toEqual(expected);
  });
});

describe('a batching window that is ended', () => {
  const sample = async () => {
    await pause(10);
    const { queues } = await emulators.api.sample();
    return queues.find(({ name }) => queue.endsWith(name));
  };
  async function inFlight(count: number): Promise<void> {
    while ((await sample())?.inFlight !== count);
  }
  /** Resolves once each of the two pollers has ended a poll that it began, or was in, at the call. */
  async function pollsEnded(): Promise<void> {
    const { emptyReceives = 0 } = (await sample()) ?? {};
    while (((await sample())?.emptyReceives ?? 0) < emptyReceives + 3);
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
    // So that both pollers have some.
    await sendTwenty();
    await inFlight(20);
    expect(mapping.holdsMessages).toBe(true);

    mapping.endBatchingWindows();
    await untilEmpty(queue);
    expect(bodies).toHaveLength(20);

    // Of a poll that was under way the window has ended, too.
    await pollsEnded();
    await send(queue, 'later');
    await inFlight(1);
    await pollsEnded();
    expect({ count: bodies.length, holds: mapping.holdsMessages }).toEqual({ count: 20, holds: true });
    mapping.endBatchingWindows();
    await untilEmpty(queue);
    expect(bodies.at(-1)).toBe('later');
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
      await pause(20);
      now -= 1;
      return ok();
    },
    { batchSize: 1, maximumConcurrency: 2 },
  );
  await untilEmpty(queue);

  expect(most).toBe(2);
});

describe('what the function answers', () => {
  type Answer = (idOfBad?: string) => InvocationResult;

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
        return answer(Records.find(({ body }) => body === 'bad')?.messageId);
      },
      { maximumConcurrency: 1, ...terms },
      own,
    );
    await untilEmpty(own);
    return seen;
  }

  const fails = (itemIdentifier?: string) => ok({ batchItemFailures: [{ itemIdentifier }] });
  const [once, onlyBadAgain, bothAgain] = [
    { good: 1, bad: 1 },
    { good: 1, bad: 2 },
    { good: 2, bad: 2 },
  ];
  const cases: [name: string, times: object, answer: Answer, terms?: Partial<MappingDefinition>][] = [
    ['a partial failure', onlyBadAgain, fails],
    ['an empty list of failures', once, () => ok({ batchItemFailures: [] })],
    ['a null list of failures', once, () => ok({ batchItemFailures: null })],
    ['no answer', once, () => ok()],
    ['an unknown identifier', bothAgain, () => fails('other')],
    ['an empty identifier', bothAgain, () => fails('')],
    ['a wrong key', bothAgain, () => ok({ batchItemFailures: [{ messageId: 'x' }] })],
    ['a string', bothAgain, () => ok('done')],
    ['an error', bothAgain, () => ({ ok: false, errorType: 'Error', errorMessage: 'no' })],
    ['a partial failure, unasked', once, fails, { reportsBatchItemFailures: false }],
  ];

  test('decides which messages are deleted and which come again after their visibility timeout', async () => {
    const seen = await Promise.all(
      cases.map(async ([name, , answer, terms]) => [name, await tries(answer, terms)]),
    );

    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(cases.map(([name, times]) => [name, times])));
  });
});

test('a stop lets the invocation that is under way end and its messages be deleted', async () => {
  const entered = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const mapping = map(async () => {
    entered.resolve();
    await released.promise;
    return ok();
  });
  await send(queue, 'slow');
  await entered.promise;

  const stopped = mapping.stop();
  released.resolve();
  await stopped;

  await untilEmpty(queue);
});
