import { GetSubscriptionAttributesCommand } from '@aws-sdk/client-sns';
import { DeleteQueueCommand, GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { beforeEach, expect, test } from '@jest/globals';
import {
  bodiesIn,
  problems as denied,
  emulators,
  letTopicIn,
  makeQueue,
  makeTopic,
  publish,
  queueArn,
  receive,
  redrivePolicy,
  sns,
  sqs,
  subscribe,
  text,
  useEmulators,
} from '../../fixtures/emulators.ts';
import { allow } from '../../fixtures/policies.ts';
import { KEY } from '../../fixtures/worker.ts';

const OTHER_TOPIC = 'arn:aws:sns:us-east-1:000000000000:other';
useEmulators();
let TopicArn: string;
/** Queue URLs. */
let queue: string;
let letters: string;

const letIn = (url: string, source = TopicArn, more = {}) => letTopicIn(url, source, more);

beforeEach(async () => {
  TopicArn = await makeTopic();
  queue = await makeQueue();
  letters = await makeQueue();
  denied.length = 0;
});

test.each<[what: string, queueLetsIn: () => string, lettersLetIn: () => string, string[], string[], number]>([
  ['a queue gets what its topic publishes', () => TopicArn, () => TopicArn, ['a'], [], 0],
  [
    'a dead-letter queue that does not let the topic in gets nothing',
    () => OTHER_TOPIC,
    () => OTHER_TOPIC,
    [],
    [],
    2,
  ],
])('%s', async (_, queueLetsIn, lettersLetIn, inQueue, inLetters, denials) => {
  await letIn(queue, queueLetsIn());
  await letIn(letters, lettersLetIn());
  await subscribe(TopicArn, queue, redrivePolicy(letters));

  await publish(TopicArn, 'a');

  expect([await bodiesIn(queue), await bodiesIn(letters)]).toEqual([inQueue, inLetters]);
  expect(denied).toHaveLength(denials);
});

test('a queue that lets another topic in refuses messages, which go to the dead-letter queue, until its policy is put right', async () => {
  await letIn(queue, OTHER_TOPIC);
  await letIn(letters);
  await subscribe(TopicArn, queue, redrivePolicy(letters));

  await publish(TopicArn, 'a', { kind: text('order') });
  await letIn(queue);
  await publish(TopicArn, 'b');

  expect(await receive(letters)).toMatchObject([
    { Body: 'a', MessageAttributes: { kind: { StringValue: 'order' } } },
  ]);
  expect(await bodiesIn(queue)).toEqual(['b']);
  expect(denied).toEqual([
    `sns.amazonaws.com for ${TopicArn} is not authorized to perform: sqs:SendMessage on resource: ` +
      `${queueArn(queue)} because no resource-based policy allows the sqs:SendMessage action`,
  ]);
});

test('a message to a queue that is gone goes to the dead-letter queue, but not what the filter keeps back', async () => {
  await letIn(letters);
  await subscribe(TopicArn, queue, {
    ...redrivePolicy(letters),
    FilterPolicy: JSON.stringify({ kind: ['order'] }),
  });
  await sqs.send(new DeleteQueueCommand({ QueueUrl: queue }));

  await publish(TopicArn, 'kept back', { kind: text('other') });
  await publish(TopicArn, 'a', { kind: text('order') });

  expect(await bodiesIn(letters)).toEqual(['a']);
});

test('without a dead-letter queue the message is lost, and the publisher hears nothing of it', async () => {
  await subscribe(TopicArn, queue);

  await expect(publish(TopicArn, 'a')).resolves.toBeDefined();

  expect(await bodiesIn(queue)).toEqual([]);
});

test.each([
  ['another value', { kind: text('other') }, true],
  ['an empty value', { kind: text('') }, true],
  ['other attributes only', { id: text('1') }, true],
  ['a known value', { kind: text('order') }, false],
  ['no attribute at all', {}, false],
  ['a malformed value', { kind: text('["other"', 'String.Array') }, false],
  ['a number that is none', { kind: text('other', 'Number') }, false],
])(
  '"anything but what is known, or nothing" passes a message with %s: %j, %s',
  async (_, attributes, passes) => {
    await letIn(queue);
    await subscribe(TopicArn, queue, {
      FilterPolicy: JSON.stringify({ kind: [{ exists: false }, { 'anything-but': ['order'] }] }),
    });

    await publish(TopicArn, 'a', attributes);

    expect(await bodiesIn(queue)).toEqual(passes ? ['a'] : []);
  },
);

test('a look at a subscription, and then at its queue, is no delivery', async () => {
  const { SubscriptionArn } = await subscribe(TopicArn, queue, redrivePolicy(letters));
  await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));

  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queue.split('/').at(-1) }));

  expect(QueueUrl).toBe(queue);
  expect(denied).toEqual([]);
});

test('an encrypted queue takes the key for SNS as well', async () => {
  const keyPolicy = (source: string) => ({
    Statement: [
      allow('kms:*', '*', { Principal: { AWS: '000000000000' } }),
      allow(['kms:Decrypt', 'kms:GenerateDataKey*'], '*', {
        Principal: { Service: 'sns.amazonaws.com' },
        Condition: { ArnLike: { 'aws:SourceArn': source } },
      }),
    ],
  });
  await letIn(queue, TopicArn, { KmsMasterKeyId: KEY });
  await letIn(letters);
  await subscribe(TopicArn, queue, redrivePolicy(letters));

  for (const [body, source] of [
    ['a', OTHER_TOPIC],
    ['b', 'arn:aws:sns:us-east-1:*:*'],
  ] as const) {
    await emulators.api.permit({ callers: [], keyPolicies: { [KEY]: keyPolicy(source) }, buckets: {} });
    await publish(TopicArn, body);
  }

  expect(await bodiesIn(queue)).toEqual(['b']);
  expect(await bodiesIn(letters)).toEqual(['a']);
  expect(denied).toEqual([
    `sns.amazonaws.com for ${TopicArn} is not authorized to perform: kms:GenerateDataKey on resource: ${KEY} ` +
      'because no resource-based policy allows the kms:GenerateDataKey action',
  ]);
});
