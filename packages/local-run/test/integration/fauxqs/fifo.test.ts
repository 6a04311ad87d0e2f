import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { PublishCommand } from '@aws-sdk/client-sns';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { beforeEach, expect, test } from '@jest/globals';
import { clientSettings } from '../../../src/client/client-settings.ts';
import { Emulators } from '../../../src/server/emulators.ts';
import {
  bodiesOf as bodies,
  bodiesIn,
  emulators,
  letTopicIn,
  makeQueue,
  makeTopic,
  queueArn,
  receive,
  redrivePolicy,
  send as sendTo,
  sns,
  sqs,
  subscribe,
  useEmulators,
} from '../../fixtures/emulators.ts';
import { temporaryFolder } from '../../fixtures/temporary.ts';

/** URL. */
let queue: string;
useEmulators();

const makeFifo = (attributes: Record<string, string> = {}) =>
  makeQueue({ FifoQueue: 'true', ...attributes }, `${randomUUID()}.fifo`);

beforeEach(async () => {
  queue = await makeFifo();
});

/** The first letter is the group. */
const sendAs = (url: string, body: string, MessageDeduplicationId: string, client = sqs) =>
  sendTo(url, body, { MessageGroupId: body.slice(0, 1), MessageDeduplicationId }, client);
const send = async (url: string, ...all: string[]) => {
  for (const body of all) await sendAs(url, body, body);
};
const hide = (message: Message | undefined, VisibilityTimeout: number) =>
  sqs.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl: queue,
      ReceiptHandle: message?.ReceiptHandle,
      VisibilityTimeout,
    }),
  );

test('a receive gives several messages of one group in order, then fills up from others', async () => {
  await send(queue, 'a1', 'b1', 'a2', 'b2', 'a3');

  expect(await bodiesIn(queue)).toEqual(['a1', 'a2', 'a3', 'b1', 'b2']);
});

test('no message of a group is given out while one of it is in flight, and what lies in the queue is seen', async () => {
  await send(queue, 'a1', 'a2', 'a3', 'b1');

  const first = await receive(queue, { MaxNumberOfMessages: 2 });
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: first[0]?.ReceiptHandle }));
  const held = await emulators.api.messagesIn(path.posix.basename(queue));

  expect(bodies(first)).toEqual(['a1', 'a2']);
  expect(held.map(({ body }) => body).sort()).toEqual(['a2', 'a3', 'b1']);
  expect(await bodiesIn(queue)).toEqual(['b1']);
});

test.each<[what: string, end: (received: Message[]) => Promise<unknown>]>([
  ['expire together', () => emulators.api.passTime(31)],
  ['are given back one by one', (received) => Promise.all(received.map((message) => hide(message, 0)))],
])('messages of a group that %s come back in order, before what was sent later', async (_, end) => {
  await send(queue, 'a1', 'a2', 'a3');
  const received = await receive(queue);
  await send(queue, 'a4');

  await end(received);

  expect(await bodiesIn(queue)).toEqual(['a1', 'a2', 'a3', 'a4']);
});

test('a message that waits for its next try holds up its group alone', async () => {
  await send(queue, 'a1', 'a2', 'b1');
  const [a1, a2, b1] = await receive(queue);

  for (const message of [a2, b1]) await hide(message, 0);
  await hide(a1, 60);

  expect(await bodiesIn(queue)).toEqual(['b1']);
});

test('a message that is received without being hidden comes once in an answer', async () => {
  await send(queue, 'a1', 'a2');

  expect(bodies(await receive(queue, { VisibilityTimeout: 0 }))).toEqual(['a1', 'a2']);
});

test('with the scope messageGroup the same ID is a duplicate within its group only', async () => {
  const byGroup = await makeFifo({
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
  });

  const first = await sendAs(byGroup, 'a1', 'same');
  const again = await sendAs(byGroup, 'a2', 'same');
  await sendAs(byGroup, 'b1', 'same');

  expect(again).toMatchObject({ MessageId: first.MessageId, SequenceNumber: first.SequenceNumber });
  expect(await bodiesIn(byGroup)).toEqual(['a1', 'b1']);
});

test('what SQS moves to a FIFO dead-letter queue keeps its group and has its message ID for deduplication, and a move task gives it back in order', async () => {
  const letters = await makeFifo();
  queue = await makeFifo(redrivePolicy(letters, 1));
  await send(queue, 'a1', 'a2', 'a3');
  const sent = await receive(queue);
  for (const message of sent) await hide(message, 0);

  expect(await receive(queue)).toEqual([]);
  const moved = await receive(letters, { VisibilityTimeout: 0 });
  await sqs.send(
    new StartMessageMoveTaskCommand({ SourceArn: queueArn(letters), DestinationArn: queueArn(queue) }),
  );
  const back: Message[] = [];
  while (back.length < 3) {
    const messages = await receive(queue, { WaitTimeSeconds: 5 });
    if (messages.length === 0) break;
    back.push(...messages);
    for (const { ReceiptHandle } of messages) {
      await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle }));
    }
  }

  expect(bodies(moved)).toEqual(['a1', 'a2', 'a3']);
  expect(moved.map(({ Attributes }) => Attributes)).toMatchObject(
    sent.map(({ MessageId }) => ({ MessageGroupId: 'a', MessageDeduplicationId: MessageId })),
  );
  expect(bodies(back)).toEqual(['a1', 'a2', 'a3']);
  expect(back.map(({ Attributes }) => Attributes?.MessageGroupId)).toEqual(['a', 'a', 'a']);
});

test('on a kept state a group waits for what was in flight, goes on in order, and what is sent later comes last', async () => {
  const stateDirectory = temporaryFolder('fifo-state-');
  const live = async (work: (url: string, life: Emulators, client: SQSClient) => Promise<void>) => {
    const life = await Emulators.start({ port: 0, stateDirectory });
    const client = new SQSClient(clientSettings(life.endpoint));
    await work(`${life.endpoint}/000000000000/kept.fifo`, life, client);
    client.destroy();
    await life.stop();
  };
  await live(async (url, _, client) => {
    await client.send(new CreateQueueCommand({ QueueName: 'kept.fifo', Attributes: { FifoQueue: 'true' } }));
    for (const body of ['a1', 'a2', 'b1', 'a3']) await sendAs(url, body, body, client);
    await receive(url, { MaxNumberOfMessages: 2 }, client);
  });

  const received: unknown[] = [];
  await live(async (url, life, client) => {
    await sendAs(url, 'a4', 'a4', client);
    received.push(bodies(await receive(url, {}, client)));
    await life.api.passTime(31);
    received.push(bodies(await receive(url, {}, client)));
  });

  expect(received).toEqual([['b1'], ['a1', 'a2', 'a3', 'a4', 'b1']]);
});

test('a FIFO topic hands group and deduplication ID to a FIFO queue, and neither to a standard queue', async () => {
  const TopicArn = await makeTopic(`${randomUUID()}.fifo`, { FifoTopic: 'true' });
  const standard = await makeQueue();
  for (const url of [queue, standard]) {
    await letTopicIn(url, TopicArn);
    await subscribe(TopicArn, url);
  }

  await sns.send(
    new PublishCommand({ TopicArn, Message: 'a1', MessageGroupId: 'a', MessageDeduplicationId: 'one' }),
  );

  const [ordered] = await receive(queue);
  const [unordered] = await receive(standard);
  expect(ordered?.Attributes).toMatchObject({ MessageGroupId: 'a', MessageDeduplicationId: 'one' });
  expect(unordered?.Body).toBe('a1');
  expect(unordered?.Attributes).not.toHaveProperty('MessageGroupId');
  expect(unordered?.Attributes).not.toHaveProperty('MessageDeduplicationId');
});
