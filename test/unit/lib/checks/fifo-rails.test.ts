/** What the guard rails refuse of FIFO topics and queues, which CDK lets through. */
import { expect, test } from '@jest/globals';
import { Duration, type Stack } from 'aws-cdk-lib';
import {
  Code,
  EventSourceMapping,
  type EventSourceMappingOptions,
  Function as LambdaFunction,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import { DeduplicationScope, FifoThroughputLimit, Queue, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { stages } from '../../../../lib/config.ts';
import { synthesize } from '../../../fixtures/synthesized.ts';
import { problemsOf, synth } from './parcels.ts';

interface Letters {
  topic?: 'FIFO' | 'standard';
  queue?: 'FIFO' | 'standard';
  deadLetterQueue?: 'FIFO' | 'standard';
  undelivered?: 'FIFO' | 'standard';
  protocol?: SubscriptionProtocol;
  throughput?: QueueProps;
  mapping?: EventSourceMappingOptions;
}

/** All of it FIFO, but for what a test says. */
function ordered(stack: Stack, parts: Letters = {}): void {
  const kind = (of: 'FIFO' | 'standard' = 'FIFO') => (of === 'FIFO' ? { fifo: true } : {});
  const topic = new Topic(stack, 'Topic', kind(parts.topic));
  const retentionPeriod = Duration.days(14);
  const deadLetterQueue = new Queue(stack, 'DeadLetters', {
    ...kind(parts.deadLetterQueue),
    retentionPeriod,
  });
  const undelivered = new Queue(stack, 'Undelivered', { ...kind(parts.undelivered), retentionPeriod });
  const queue = new Queue(stack, 'Queue', {
    ...kind(parts.queue),
    ...parts.throughput,
    visibilityTimeout: Duration.seconds(180),
    deadLetterQueue: { queue: deadLetterQueue, maxReceiveCount: 5 },
  });
  const { protocol = SubscriptionProtocol.SQS } = parts;
  new Subscription(stack, 'Subscription', {
    topic,
    protocol,
    endpoint: protocol === SubscriptionProtocol.SQS ? queue.queueArn : 'ops@example.com',
    deadLetterQueue: undelivered,
  });
  const target = new LambdaFunction(stack, 'Function', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline('exports.handler = async () => {};'),
    timeout: Duration.seconds(20),
  });
  new EventSourceMapping(stack, 'Messages', {
    target,
    eventSourceArn: queue.queueArn,
    batchSize: 10,
    ...parts.mapping,
  });
}

test.each<[string, Letters]>([
  ['all of it is FIFO', {}],
  [
    'a standard queue with standard dead letters is behind a FIFO topic',
    { queue: 'standard', deadLetterQueue: 'standard' },
  ],
  [
    'the throughput and the deduplication are by group',
    {
      throughput: {
        fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      },
    },
  ],
])('synth takes it where %s', (_, parts) => {
  expect(() => synth((stack) => ordered(stack, parts))).not.toThrow();
});

test.each<[string, Letters, string]>([
  [
    'a FIFO queue with a standard dead-letter queue',
    { deadLetterQueue: 'standard' },
    'Post/DeadLetters: it is standard, but must be FIFO like the queue whose dead letters it takes, Post/Queue ',
  ],
  [
    'a standard queue with a FIFO dead-letter queue',
    { queue: 'standard' },
    'Post/DeadLetters: it is FIFO, but must be standard like the queue whose dead letters it takes, Post/Queue ',
  ],
  [
    'a FIFO queue behind a standard topic',
    { topic: 'standard', undelivered: 'standard' },
    'Post/Queue: it is FIFO, but is subscribed to the standard topic Post/Topic ',
  ],
  [
    'a standard queue for what a FIFO topic cannot deliver',
    { undelivered: 'standard' },
    'Post/Undelivered: it is standard, but must be FIFO like the topic whose undelivered messages it takes, Post/Topic ',
  ],
  [
    'a FIFO topic that sends mails',
    { protocol: SubscriptionProtocol.EMAIL },
    'Post/Subscription: protocol is email, but the FIFO topic Post/Topic delivers to SQS only ',
  ],
  [
    'throughput by group with deduplication for the whole queue',
    { throughput: { fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID } },
    'Post/Queue: FifoThroughputLimit is perMessageGroupId, which needs the DeduplicationScope messageGroup ',
  ],
  [
    'a batch of eleven from a FIFO queue',
    { mapping: { batchSize: 11 } },
    'Post/Messages: batch size is 11, but may be 10 at most for a FIFO queue ',
  ],
  [
    'a batch window for a FIFO queue',
    { mapping: { maxBatchingWindow: Duration.seconds(1) } },
    'Post/Messages: batch window is 1 seconds, but a FIFO queue has none: leave it out ',
  ],
])('synth refuses %s', (_, parts, message) => {
  const [problem, ...others] = problemsOf((stack) => ordered(stack, parts));

  expect(problem).toContain(message);
  expect(others).toEqual([]);
});

/** The stack of dev, whose customers have so many orders in their busiest second. */
const peaking =
  (peakPerCustomer: number, ordered = true) =>
  () =>
    synthesize('dev', { settings: { ...stages.dev, ordered, peakPerCustomer } });

test('synth refuses a customer with more orders a second than a message group takes, and says what to do', () => {
  expect(peaking(301)).toThrow(
    'OrderFanOut-dev: peakPerCustomer is 301 a second, but may be 300 at most, the calls that the partition of a message group ' +
      'takes: make the group finer than the customer, such as the order, or leave the stage on standard queues ' +
      '(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html)',
  );
});

test.each<[string, () => void]>([
  ['as many as a message group takes', peaking(300)],
  ['more where no group is to keep its order', peaking(301, false)],
])('synth takes %s', (_, synthesized) => {
  expect(synthesized).not.toThrow();
});

test('synth refuses a part of an order in a second', () => {
  expect(peaking(0.5)).toThrow('peakPerCustomer is 0.5, but must be a whole number');
});
