import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { CreateTopicCommand, PublishCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { beforeEach, expect, test } from '@jest/globals';
import { clientSettings } from '../../../src/client/client-settings.ts';
import { Emulators } from '../../../src/server/emulators.ts';
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
const send = async (url: string, ...bodies: string[]) => {
  for (const body of bodies) await sendAs(url, body, body);
};
const sendAs = (QueueUrl: string, body: string, MessageDeduplicationId: string, client = sqs) =>
  client.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: body,
      MessageGroupId: body.slice(0, 1),
      MessageDeduplicationId,
    }),
  );
const receive = async (
  QueueUrl: string,
  options: { max?: number; visibility?: number } = {},
  client = sqs,
) => {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: options.max ?? 10,
      VisibilityTimeout: options.visibility,
      MessageSystemAttributeNames: ['All'],
    }),
  );
  return Messages;
};
const bodies = (messages: Message[]) => messages.map(({ Body }) => Body);
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

  expect(bodies(await receive(queue))).toEqual(['a1', 'a2', 'a3', 'b1', 'b2']);
});

test('no message of a group is given out while one of it is in flight', async () => {
  await send(queue, 'a1', 'a2', 'a3', 'b1');

  const first = await receive(queue, { max: 2 });
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: first[0]?.ReceiptHandle ?? '' }));

  expect(bodies(first)).toEqual(['a1', 'a2']);
  expect(bodies(await receive(queue))).toEqual(['b1']);
});

test('messages of a group that expire together come back in order, before what was sent later', async () => {
  await send(queue, 'a1', 'a2', 'a3');
  await receive(queue);
  await send(queue, 'a4');

  await emulators.api.passTime(31);

  expect(bodies(await receive(queue))).toEqual(['a1', 'a2', 'a3', 'a4']);
});

test('messages that are given back one by one come back in order', async () => {
  await send(queue, 'a1', 'a2', 'a3');
  for (const message of await receive(queue)) await hide(message, 0);

  expect(bodies(await receive(queue))).toEqual(['a1', 'a2', 'a3']);
});

test('a message that waits for its next try holds up its group alone', async () => {
  await send(queue, 'a1', 'a2', 'b1');
  const [a1, a2, b1] = await receive(queue);

  for (const message of [a2, b1]) await hide(message, 0);
  await hide(a1, 60);

  expect(bodies(await receive(queue))).toEqual(['b1']);
});

test('a message that is received without being hidden comes once in an answer', async () => {
  await send(queue, 'a1', 'a2');

  expect(bodies(await receive(queue, { visibility: 0 }))).toEqual(['a1', 'a2']);
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
  expect(bodies(await receive(byGroup))).toEqual(['a1', 'b1']);
});

test('with the scope of the whole queue the same ID is a duplicate in every group', async () => {
  await sendAs(queue, 'a1', 'same');
  await sendAs(queue, 'b1', 'same');

  expect(bodies(await receive(queue))).toEqual(['a1']);
});

test('what SQS moves to a FIFO dead-letter queue keeps its group and gets its message ID for deduplication', async () => {
  const letters = await makeFifo();
  queue = await makeFifo(redrivePolicy(letters, 1));
  await send(queue, 'a1', 'a2');
  const [a1, a2] = await receive(queue);
  for (const message of [a1, a2]) await hide(message, 0);

  expect(await receive(queue)).toEqual([]);
  const moved = await receive(letters);

  expect(bodies(moved)).toEqual(['a1', 'a2']);
  expect(moved.map(({ Attributes }) => Attributes)).toMatchObject([
    { MessageGroupId: 'a', MessageDeduplicationId: a1?.MessageId },
    { MessageGroupId: 'a', MessageDeduplicationId: a2?.MessageId },
  ]);
});

test('a move task gives a FIFO queue its messages back in the order of their group', async () => {
  const letters = await makeFifo();
  queue = await makeFifo(redrivePolicy(letters, 1));
  await send(queue, 'a1', 'a2', 'a3');
  for (const message of await receive(queue)) await hide(message, 0);
  await receive(queue);

  await sqs.send(new StartMessageMoveTaskCommand({ SourceArn: queueArn(letters) }));

  const back: Message[] = [];
  while (back.length < 3) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 }),
    );
    if (Messages.length === 0) break;
    for (const message of Messages) {
      back.push(message);
      await sqs.send(
        new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: message.ReceiptHandle ?? '' }),
      );
    }
  }
  expect(bodies(back)).toEqual(['a1', 'a2', 'a3']);
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
    await receive(url, { max: 2 }, client);
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

test('what lies in a FIFO queue is seen, visible and in flight', async () => {
  await send(queue, 'a1', 'b1');
  await receive(queue, { max: 1 });

  const held = await emulators.api.messagesIn(path.posix.basename(queue));
  expect(held.map(({ body }) => body).sort()).toEqual(['a1', 'b1']);
});

test('a FIFO topic hands group and deduplication ID to a FIFO queue, and neither to a standard queue', async () => {
  const { TopicArn } = await sns.send(
    new CreateTopicCommand({ Name: `${randomUUID()}.fifo`, Attributes: { FifoTopic: 'true' } }),
  );
  const standard = await makeQueue();
  for (const url of [queue, standard]) {
    await letTopicIn(url, TopicArn);
    await sns.send(
      new SubscribeCommand({
        TopicArn,
        Protocol: 'sqs',
        Endpoint: queueArn(url),
        Attributes: { RawMessageDelivery: 'true' },
      }),
    );
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
