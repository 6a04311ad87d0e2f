import { setTimeout as pause } from 'node:timers/promises';
import {
  CancelMessageMoveTaskCommand,
  DeleteQueueCommand,
  ListMessageMoveTasksCommand,
  type ListMessageMoveTasksResultEntry,
  StartMessageMoveTaskCommand,
  type StartMessageMoveTaskCommandInput,
} from '@aws-sdk/client-sqs';
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  makeQueue,
  queueArn,
  receive,
  redrivePolicy,
  send,
  sizeOf,
  sqs,
  text,
  useEmulators,
} from '../../fixtures/emulators.ts';

useEmulators();
/** URLs. */
let source: string;
let deadLetters: string;

beforeEach(async () => {
  deadLetters = await makeQueue();
  source = await makeQueue(redrivePolicy(deadLetters, 1));
});

const start = (input: Partial<StartMessageMoveTaskCommandInput>) =>
  sqs.send(new StartMessageMoveTaskCommand({ SourceArn: queueArn(deadLetters), ...input }));

async function tasks(MaxResults = 10): Promise<ListMessageMoveTasksResultEntry[]> {
  const { Results = [] } = await sqs.send(
    new ListMessageMoveTasksCommand({ SourceArn: queueArn(deadLetters), MaxResults }),
  );
  return Results;
}

/** The newest task, once it is neither running nor being cancelled. */
async function ended(): Promise<ListMessageMoveTasksResultEntry> {
  for (;;) {
    const [newest] = await tasks(1);
    if (newest && newest.Status !== 'RUNNING' && newest.Status !== 'CANCELLING') return newest;
    await pause(5);
  }
}

describe('a message move task', () => {
  test('moves every message to the destination, with its attributes, a new ID and the time of the move', async () => {
    for (const body of ['a', 'b', 'c']) {
      await send(deadLetters, body, { MessageAttributes: { kind: text(`kind-${body}`) } });
    }
    const [before] = await receive(deadLetters, { VisibilityTimeout: 0 });

    await start({ DestinationArn: queueArn(source) });
    const task = await ended();
    const moved = await receive(source);

    expect(task).toMatchObject({
      Status: 'COMPLETED',
      SourceArn: queueArn(deadLetters),
      DestinationArn: queueArn(source),
      ApproximateNumberOfMessagesMoved: 3,
      ApproximateNumberOfMessagesToMove: 3,
    });
    expect(task.TaskHandle).toBeUndefined();
    expect(moved.map(({ Body, MessageAttributes }) => [Body, MessageAttributes?.kind?.StringValue])).toEqual(
      expect.arrayContaining([
        ['a', 'kind-a'],
        ['b', 'kind-b'],
        ['c', 'kind-c'],
      ]),
    );
    expect(moved.map(({ MessageId }) => MessageId)).not.toContain(before?.MessageId);
    expect(moved.map(({ Attributes }) => Attributes?.ApproximateReceiveCount)).toEqual(['1', '1', '1']);
    for (const { Attributes } of moved) {
      expect(Number(Attributes?.SentTimestamp)).toBeGreaterThanOrEqual(Number(task.StartedTimestamp));
    }
    expect(await sizeOf(deadLetters)).toBe(0);
  });

  test('is the only one of its source, can be cancelled, and leaves the rest where it is', async () => {
    for (let index = 0; index < 10; index++) await send(deadLetters, `letter ${index}`);

    const { TaskHandle } = await start({ DestinationArn: queueArn(source), MaxNumberOfMessagesPerSecond: 1 });
    const second = await start({ DestinationArn: queueArn(source) }).catch((error: Error) => error);
    const [running] = await tasks(1);
    await sqs.send(new CancelMessageMoveTaskCommand({ TaskHandle }));
    const task = await ended();
    const again = await sqs
      .send(new CancelMessageMoveTaskCommand({ TaskHandle }))
      .catch((error: Error) => error);

    expect(second).toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringContaining('There is already a task running'),
    });
    expect(running).toMatchObject({ Status: 'RUNNING', TaskHandle, MaxNumberOfMessagesPerSecond: 1 });
    expect(task.Status).toBe('CANCELLED');
    expect(again).toMatchObject({ name: 'ResourceNotFoundException', message: 'Task does not exist.' });
    const left = await receive(deadLetters);
    expect(left.length + (task.ApproximateNumberOfMessagesMoved ?? 0)).toBe(10);
    expect(left.length).toBeGreaterThan(0);
  });

  test('fails when its destination is deleted on the way', async () => {
    const destination = await makeQueue();
    for (const body of ['a', 'b', 'c']) await send(deadLetters, body);

    await start({ DestinationArn: queueArn(destination), MaxNumberOfMessagesPerSecond: 20 });
    await sqs.send(new DeleteQueueCommand({ QueueUrl: destination }));
    const task = await ended();

    expect(task).toMatchObject({
      Status: 'FAILED',
      FailureReason: 'AWS.SimpleQueueService.NonExistentQueue',
    });
    expect(await receive(deadLetters)).toHaveLength(3);
  });

  test('is listed, the newest first', async () => {
    await send(deadLetters, 'a');
    await start({ DestinationArn: queueArn(source) });
    await ended();
    await start({ DestinationArn: queueArn(source) });
    await ended();

    const all = await tasks();

    expect(all.map((task) => task.ApproximateNumberOfMessagesMoved)).toEqual([0, 1]);
  });
});

test('only a dead letter that SQS itself moved tells its source', async () => {
  await send(deadLetters, 'sent by a handler');
  await send(source, 'moved');
  for (let receives = 0; receives < 2; receives++) await receive(source, { VisibilityTimeout: 0 });

  const letters = await receive(deadLetters);

  expect(
    letters.map(({ Body, Attributes }) => [
      Body,
      (Attributes as Record<string, string>).DeadLetterQueueSourceArn,
    ]),
  ).toEqual([
    ['sent by a handler', undefined],
    ['moved', queueArn(source)],
  ]);
});

test.each<[what: string, call: () => Promise<unknown>, name: string, message: string]>([
  [
    'a source that is no dead-letter queue',
    () => start({ SourceArn: queueArn(source) }),
    'InvalidParameterValue',
    'Source queue must be configured as a Dead Letter Queue.',
  ],
  [
    'a source that is not there',
    () => start({ SourceArn: queueArn('gone') }),
    'ResourceNotFoundException',
    "The resource that you specified for the SourceArn parameter doesn't exist.",
  ],
  [
    'a destination that is not there',
    () => start({ DestinationArn: queueArn('gone') }),
    'ResourceNotFoundException',
    "The resource that you specified for the DestinationArn parameter doesn't exist.",
  ],
  [
    'a destination of the other type',
    async () => start({ DestinationArn: queueArn(await makeQueue({ FifoQueue: 'true' }, 'other.fifo')) }),
    'InvalidParameterValue',
    'The source queue and destination queue must be of the same queue type.',
  ],
  [
    'a move without a destination',
    () => start({}),
    'InvalidParameterValue',
    'The local run moves messages to a DestinationArn.',
  ],
])('%s is refused', async (_, call, name, message) => {
  await expect(call()).rejects.toMatchObject({ name, message });
});
