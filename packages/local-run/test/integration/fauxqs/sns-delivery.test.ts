import { randomUUID } from 'node:crypto';
import {
  CreateTopicCommand,
  GetSubscriptionAttributesCommand,
  type MessageAttributeValue,
  PublishCommand,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { DeleteQueueCommand, GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { beforeEach, expect, test } from '@jest/globals';
import {
  problems as denied,
  emulators,
  letTopicIn,
  makeQueue,
  queueArn,
  sns,
  sqs,
  useEmulators,
} from '../../fixtures/emulators.ts';

const KEY = 'arn:aws:kms:us-east-1:000000000000:key/k';
const OTHER_TOPIC = 'arn:aws:sns:us-east-1:000000000000:other';
useEmulators();
let TopicArn: string;
/** Queue URLs. */
let queue: string;
let letters: string;

const letIn = (url: string, source = TopicArn, more = {}) => letTopicIn(url, source, more);
const subscribe = (attributes: Record<string, string> = {}) =>
  sns.send(
    new SubscribeCommand({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: queueArn(queue),
      ReturnSubscriptionArn: true,
      Attributes: {
        RawMessageDelivery: 'true',
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn(letters) }),
        ...attributes,
      },
    }),
  );
const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const publish = (
  Message: string,
  MessageAttributes: Record<string, MessageAttributeValue> = { kind: text('order') },
) => sns.send(new PublishCommand({ TopicArn, Message, MessageAttributes }));
/** SNS delivers here before it answers the publisher, so that nobody has to wait for a message. */
const messagesIn = async (QueueUrl: string) =>
  (await sqs.send(new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ['All'] }))).Messages ?? [];
const bodiesIn = async (url: string) => (await messagesIn(url)).map(({ Body }) => Body);

beforeEach(async () => {
  const id = randomUUID();
  TopicArn = (await sns.send(new CreateTopicCommand({ Name: id }))).TopicArn ?? '';
  queue = await makeQueue({}, id);
  letters = await makeQueue({}, `${id}-letters`);
  denied.length = 0;
});

test('a queue whose policy lets the topic in gets the message', async () => {
  await letIn(queue);
  await letIn(letters);
  await subscribe();

  await publish('a');

  expect(await bodiesIn(queue)).toEqual(['a']);
  expect(await bodiesIn(letters)).toEqual([]);
  expect(denied).toEqual([]);
});

test('a queue that lets another topic in refuses the message, which goes to the dead-letter queue as it is', async () => {
  await letIn(queue, OTHER_TOPIC);
  await letIn(letters);
  await subscribe();

  await publish('a');

  expect(await bodiesIn(queue)).toEqual([]);
  expect(await messagesIn(letters)).toMatchObject([
    { Body: 'a', MessageAttributes: { kind: { StringValue: 'order' } } },
  ]);
  expect(denied).toEqual([
    `sns.amazonaws.com for ${TopicArn} is not authorized to perform: sqs:SendMessage on resource: ` +
      `${queueArn(queue)} because no resource-based policy allows the sqs:SendMessage action`,
  ]);
});

test('a message to a queue that is gone goes to the dead-letter queue', async () => {
  await letIn(queue);
  await letIn(letters);
  await subscribe();
  await sqs.send(new DeleteQueueCommand({ QueueUrl: queue }));

  await publish('a');

  expect(await bodiesIn(letters)).toEqual(['a']);
});

test('a dead-letter queue whose policy does not let the topic in gets nothing', async () => {
  await letIn(letters, OTHER_TOPIC);
  await subscribe();

  await publish('a');

  expect(await bodiesIn(letters)).toEqual([]);
  expect(denied).toHaveLength(2);
});

test('without a dead-letter queue the message is lost, and the publisher hears nothing of it', async () => {
  await subscribe({ RedrivePolicy: '' });

  await expect(publish('a')).resolves.toBeDefined();

  expect(await bodiesIn(queue)).toEqual([]);
});

test('what the filter keeps back reaches neither queue', async () => {
  await letIn(letters);
  await subscribe({ FilterPolicy: JSON.stringify({ kind: ['order'] }) });

  await publish('kept back', { kind: text('other') });
  await publish('a');

  expect(await bodiesIn(letters)).toEqual(['a']);
});

test.each([
  ['another value', { kind: text('other') }, true],
  ['an empty value', { kind: text('') }, true],
  ['other attributes only', { id: text('1') }, true],
  ['a known value', { kind: text('order') }, false],
  ['no attribute at all', {}, false],
  ['a malformed value', { kind: { DataType: 'String.Array', StringValue: '["other"' } }, false],
  ['a number that is none', { kind: { DataType: 'Number', StringValue: 'other' } }, false],
])(
  '"anything but what is known, or nothing" passes a message with %s: %j, %s',
  async (_, attributes, passes) => {
    await letIn(queue);
    await subscribe({
      FilterPolicy: JSON.stringify({ kind: [{ exists: false }, { 'anything-but': ['order'] }] }),
    });

    await publish('a', attributes);

    expect(await bodiesIn(queue)).toEqual(passes ? ['a'] : []);
  },
);

test('a policy that is put right lets the next message in', async () => {
  await letIn(queue, OTHER_TOPIC);
  await letIn(letters);
  await subscribe();
  await publish('a');
  await letIn(queue);

  await publish('b');

  expect(await bodiesIn(queue)).toEqual(['b']);
  expect(await bodiesIn(letters)).toEqual(['a']);
});

test('a look at a subscription, and then at its queue, is no delivery', async () => {
  const { SubscriptionArn } = await subscribe();
  await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));

  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queue.split('/').at(-1) }));

  expect(QueueUrl).toBe(queue);
  expect(denied).toEqual([]);
});

test('an encrypted queue takes the key for SNS as well', async () => {
  const keyPolicy = (source: string) => ({
    Statement: [
      { Effect: 'Allow', Principal: { AWS: '000000000000' }, Action: 'kms:*', Resource: '*' },
      {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        Resource: '*',
        Condition: { ArnLike: { 'aws:SourceArn': source } },
      },
    ],
  });
  await letIn(queue, TopicArn, { KmsMasterKeyId: KEY });
  await letIn(letters);
  await subscribe();

  await emulators.api.permit({ callers: [], keyPolicies: { [KEY]: keyPolicy(OTHER_TOPIC) }, buckets: {} });
  await publish('a');
  await emulators.api.permit({
    callers: [],
    keyPolicies: { [KEY]: keyPolicy('arn:aws:sns:us-east-1:*:*') },
    buckets: {},
  });
  await publish('b');

  expect(await bodiesIn(queue)).toEqual(['b']);
  expect(await bodiesIn(letters)).toEqual(['a']);
  expect(denied).toEqual([
    `sns.amazonaws.com for ${TopicArn} is not authorized to perform: kms:GenerateDataKey on resource: ${KEY} ` +
      'because no resource-based policy allows the kms:GenerateDataKey action',
  ]);
});
