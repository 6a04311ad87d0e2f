import { CreateTopicCommand, PublishCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  DeleteMessageCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { expect, test } from '@jest/globals';
import {
  emulators,
  letTopicIn,
  makeQueue,
  queueArn,
  redrivePolicy,
  sns,
  sqs,
  useEmulators,
} from '../../fixtures/emulators.ts';

useEmulators();

async function queue(name: string, attributes: Record<string, string> = {}): Promise<string> {
  const url = await makeQueue(attributes, name);
  await letTopicIn(url);
  return url;
}
const send = (QueueUrl: string, DelaySeconds = 0) =>
  sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x', DelaySeconds }));
async function receive(QueueUrl: string, VisibilityTimeout = 30): Promise<string | undefined> {
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout }));
  return Messages?.[0]?.ReceiptHandle;
}
const sampleOf = async (name: string) =>
  (await emulators.api.sample()).queues.find((each) => each.name === name);
const topicCounts = async (name: string) =>
  (await emulators.api.sample()).topics.find((each) => each.name === name)?.counts;

test('a queue tells apart what waits, what is worked on and what is not due, and counts what passed', async () => {
  const url = await queue('depth');
  for (let message = 0; message < 4; message += 1) await send(url);
  await send(url, 900);
  const ReceiptHandle = await receive(url);
  await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }));

  await receive(url);

  expect(await sampleOf('depth')).toMatchObject({
    visible: 2,
    inFlight: 1,
    delayed: 1,
    sent: 5,
    received: 2,
    deleted: 1,
  });
});

test('a message whose visibility timeout is over counts as waiting, though nobody has received since', async () => {
  const url = await queue('over');
  await send(url);

  await receive(url, 0);

  expect(await sampleOf('over')).toMatchObject({ visible: 1, inFlight: 0 });
});

test('the oldest message counts while it is worked on, and no more once it was received three times', async () => {
  const url = await queue('old');
  expect(await sampleOf('old')).not.toHaveProperty('oldestSince');
  await send(url);
  const before = (await sampleOf('old'))?.oldestSince;
  const busy = await queue('busy');
  await send(busy);
  await receive(busy);

  const seen: unknown[] = [];
  for (let receives = 1; receives <= 3; receives += 1) {
    await receive(url, 0);
    seen.push((await sampleOf('old'))?.oldestSince);
  }

  expect(before).toEqual(expect.any(Number));
  expect(seen).toEqual([before, before, undefined]);
  expect(await sampleOf('busy')).toMatchObject({ inFlight: 1, oldestSince: expect.any(Number) });
});

test('a message that SQS moves is not sent to the dead-letter queue, and is as old there as its stay', async () => {
  await queue('letters');
  const url = await queue('moved', redrivePolicy('letters', 3));
  await send(url);
  const sentAt = (await sampleOf('moved'))?.oldestSince ?? Number.POSITIVE_INFINITY;
  // Long enough for another millisecond.
  while (Date.now() <= sentAt);
  for (let receives = 0; receives < 4; receives += 1) await receive(url, 0);

  const letters = await sampleOf('letters');

  expect(letters).toMatchObject({ visible: 1, sent: 0 });
  expect(letters?.oldestSince).toBeGreaterThan(sentAt);
  expect(await sampleOf('moved')).toMatchObject({ visible: 0, sent: 1, movedToDeadLetterQueue: 1 });
});

test('a dead letter is old from its move on, however often it had been received, until three receives there', async () => {
  await queue('looked-at');
  const url = await queue('poisoned', redrivePolicy('looked-at', 5));
  await send(url);
  for (let receives = 0; receives < 6; receives += 1) await receive(url, 0);
  const letters = url.replace('poisoned', 'looked-at');
  const seen = [(await sampleOf('looked-at'))?.oldestSince];
  for (let looks = 0; looks < 3; looks += 1) {
    await receive(letters, 0);
    seen.push((await sampleOf('looked-at'))?.oldestSince);
  }

  expect(seen).toEqual([seen[0], seen[0], seen[0], undefined]);
  expect(seen[0]).toEqual(expect.any(Number));
});

test('receives that return nothing are counted, at once and after their wait, and those that still wait are known', async () => {
  const url = await queue('polled');
  await receive(url);
  const poll = sqs.send(new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 1 }));
  let waiting = await sampleOf('polled');
  while (waiting?.polls === 0) waiting = await sampleOf('polled');
  await poll;

  const after = await sampleOf('polled');

  expect(waiting).toMatchObject({ emptyReceives: 1, polls: 1 });
  expect(after).toMatchObject({ emptyReceives: 2, polls: 0, received: 0 });
});

test('a receive that returns a message or fails is no empty one', async () => {
  const url = await queue('busy-again');
  await send(url);

  await receive(url);
  await expect(
    sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 11 })),
  ).rejects.toThrow();

  expect(await sampleOf('busy-again')).toMatchObject({ received: 1, emptyReceives: 0 });
});

test('a topic counts what even its dead-letter queue did not take, and not what had none', async () => {
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'lossy' }));
  const subscribe = (name: string, Attributes: Record<string, string>) =>
    sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: queueArn(name), Attributes }));
  await subscribe('never-there', {
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn('nor-that') }),
  });
  await subscribe('never-there-either', {});

  await sns.send(new PublishCommand({ TopicArn, Message: 'lost' }));

  expect(await topicCounts('lossy')).toEqual({
    NumberOfMessagesPublished: 1,
    NumberOfNotificationsFailed: 2,
    NumberOfNotificationsFailedToRedriveToDlq: 1,
  });
});

test('a topic counts deliveries, failures and what filters keep out, by the reason', async () => {
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'orders' }));
  const subscribe = (name: string, Attributes: Record<string, string>) =>
    sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: queueArn(name), Attributes }));
  await queue('takes-all');
  await subscribe('takes-all', {});
  await queue('takes-placed');
  await subscribe('takes-placed', { FilterPolicy: JSON.stringify({ kind: ['placed'] }) });
  const gone = await queue('gone');
  await queue('kept');
  await subscribe('gone', { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn('kept') }) });
  await sqs.send(new DeleteQueueCommand({ QueueUrl: gone }));
  const publish = (Message: string, kind?: string, DataType = 'String') =>
    sns.send(
      new PublishCommand({
        TopicArn,
        Message,
        ...(kind !== undefined && { MessageAttributes: { kind: { DataType, StringValue: kind } } }),
      }),
    );

  await publish('{}', 'placed');
  await publish('{}', 'dropped');
  await publish('{}');
  await publish('{}', '["placed"', 'String.Array');

  expect(await topicCounts('orders')).toEqual({
    NumberOfMessagesPublished: 4,
    NumberOfNotificationsDelivered: 5,
    NumberOfNotificationsFailed: 4,
    NumberOfNotificationsRedrivenToDlq: 4,
    NumberOfNotificationsFilteredOut: 3,
    'NumberOfNotificationsFilteredOut-MessageAttributes': 1,
    'NumberOfNotificationsFilteredOut-NoMessageAttributes': 1,
    'NumberOfNotificationsFilteredOut-InvalidAttributes': 1,
  });
});
