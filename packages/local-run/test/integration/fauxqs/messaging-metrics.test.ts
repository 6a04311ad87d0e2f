import { DeleteMessageCommand, DeleteQueueCommand } from '@aws-sdk/client-sqs';
import { expect, test } from '@jest/globals';
import {
  emulators,
  letTopicIn,
  makeQueue,
  makeTopic,
  publish,
  receive as receiveMessages,
  redrivePolicy,
  send,
  sqs,
  subscribe,
  text,
  useEmulators,
} from '../../fixtures/emulators.ts';

useEmulators();

async function queue(name: string, attributes: Record<string, string> = {}): Promise<string> {
  const url = await makeQueue(attributes, name);
  await letTopicIn(url);
  return url;
}
async function receive(url: string, VisibilityTimeout = 30): Promise<string | undefined> {
  const [message] = await receiveMessages(url, { MaxNumberOfMessages: 1, VisibilityTimeout });
  return message?.ReceiptHandle;
}
const sampleOf = async (name: string) =>
  (await emulators.api.sample()).queues.find((each) => each.name === name);
const topicCounts = async (name: string) =>
  (await emulators.api.sample()).topics.find((each) => each.name === name)?.counts;

test('a queue tells apart what waits, what is worked on and what is not due, and counts what passed', async () => {
  const url = await queue('depth');
  for (let message = 0; message < 4; message += 1) await send(url);
  await send(url, 'x', { DelaySeconds: 900 });
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
    emptyReceives: 0,
  });
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
  // Its visibility timeout is over, though nobody has received since.
  expect(await sampleOf('old')).toMatchObject({ visible: 1, inFlight: 0 });
  expect(await sampleOf('busy')).toMatchObject({ inFlight: 1, oldestSince: expect.any(Number) });
});

test('a message that SQS moves is not sent to the dead-letter queue, and is as old there as its stay, until three receives', async () => {
  const letters = await queue('letters');
  const url = await queue('moved', redrivePolicy('letters', 5));
  await send(url);
  const sentAt = (await sampleOf('moved'))?.oldestSince ?? Number.POSITIVE_INFINITY;
  // Long enough for another millisecond.
  while (Date.now() <= sentAt);
  for (let receives = 0; receives < 6; receives += 1) await receive(url, 0);

  const moved = await sampleOf('letters');
  const seen: unknown[] = [];
  for (let looks = 0; looks < 3; looks += 1) {
    await receive(letters, 0);
    seen.push((await sampleOf('letters'))?.oldestSince);
  }

  expect(moved).toMatchObject({ visible: 1, sent: 0 });
  expect(moved?.oldestSince).toBeGreaterThan(sentAt);
  expect(seen).toEqual([moved?.oldestSince, moved?.oldestSince, undefined]);
  expect(await sampleOf('moved')).toMatchObject({ visible: 0, sent: 1, movedToDeadLetterQueue: 1 });
});

test('receives that return nothing are counted, at once and after their wait, not those that fail, and those that still wait are known', async () => {
  const url = await queue('polled');
  await receive(url);
  const poll = receiveMessages(url, { WaitTimeSeconds: 1 });
  let waiting = await sampleOf('polled');
  while (waiting?.polls === 0) waiting = await sampleOf('polled');
  await poll;
  await expect(receiveMessages(url, { MaxNumberOfMessages: 11 })).rejects.toThrow();

  const after = await sampleOf('polled');

  expect(waiting).toMatchObject({ emptyReceives: 1, polls: 1 });
  expect(after).toMatchObject({ emptyReceives: 2, polls: 0, received: 0 });
});

test('a topic counts what even its dead-letter queue did not take, and not what had none', async () => {
  const topic = await makeTopic('lossy');
  await subscribe(topic, 'never-there', redrivePolicy('nor-that'));
  await subscribe(topic, 'never-there-either');

  await publish(topic, 'lost');

  expect(await topicCounts('lossy')).toEqual({
    NumberOfMessagesPublished: 1,
    NumberOfNotificationsFailed: 2,
    NumberOfNotificationsFailedToRedriveToDlq: 1,
  });
});

test('a topic counts deliveries, failures and what filters keep out, by the reason', async () => {
  const topic = await makeTopic('orders');
  await queue('takes-all');
  await subscribe(topic, 'takes-all');
  await queue('takes-placed');
  await subscribe(topic, 'takes-placed', { FilterPolicy: JSON.stringify({ kind: ['placed'] }) });
  const gone = await queue('gone');
  await queue('kept');
  await subscribe(topic, 'gone', redrivePolicy('kept'));
  await sqs.send(new DeleteQueueCommand({ QueueUrl: gone }));

  await publish(topic, '{}', { kind: text('placed') });
  await publish(topic, '{}', { kind: text('dropped') });
  await publish(topic, '{}');
  await publish(topic, '{}', { kind: text('["placed"', 'String.Array') });

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
