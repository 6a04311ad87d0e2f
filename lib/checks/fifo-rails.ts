/** Mistakes with FIFO topics and queues that CDK accepts, and SNS, SQS or Lambda refuse at deployment. */
import type { CfnResource } from 'aws-cdk-lib';
import type { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { type CfnSubscription, CfnTopic } from 'aws-cdk-lib/aws-sns';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import type { IConstruct } from 'constructs';
import type { EventCatalogue } from '../../contract/event-catalogue.ts';
import { invalid } from '../settings/validation.ts';
import { numberOf, ownerOf, resolve, resourceReferredTo } from './references.ts';

const LAMBDA_SQS = 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html';
const SQS_DEAD_LETTERS =
  'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html';
const SQS_HIGH_THROUGHPUT =
  'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html';
const SNS_DEAD_LETTERS = 'https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html';
const SNS_FIFO_DELIVERY = 'https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html';
const SQS_QUOTAS =
  'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html';
const MAX_BATCH = 10;
/** Calls of one kind that a partition of a FIFO queue takes in a second. A message group is in one partition. */
const CALLS_PER_SECOND = 300;

/**
 * A message group must not get more in a second than its partition takes. Each event is a call of its own: a batch keeps a group's
 * sequence only if it holds one message of the group, since SNS may refuse an entry and take the next.
 * @param perSecond the setting `peakPerGroup`
 * @param catalogue what events are about, and by what they are grouped
 */
export function checkGroupPeak(
  scope: IConstruct,
  perSecond: number,
  { noun, groupField }: EventCatalogue['settings'],
): void {
  if (perSecond <= CALLS_PER_SECOND) return;
  throw invalid(
    scope,
    `peakPerGroup is ${perSecond} a second, but may be ${CALLS_PER_SECOND} at most, the calls that the partition of a message group ` +
      `takes: make the group finer than the ${groupField.replace(/Id$/, '')}, such as the ${noun}, or leave the stage on standard queues`,
    SQS_QUOTAS,
  );
}

/** A FIFO queue's dead-letter queue is FIFO, a standard one's is standard; throughput by group needs deduplication by group. */
export function checkFifoQueue(queue: CfnQueue, all: CfnResource[]): void {
  const byGroup = resolve(queue, queue.fifoThroughputLimit) === 'perMessageGroupId';
  if (byGroup && resolve(queue, queue.deduplicationScope) !== 'messageGroup') {
    throw invalid(
      ownerOf(queue),
      'FifoThroughputLimit is perMessageGroupId, which needs the DeduplicationScope messageGroup',
      SQS_HIGH_THROUGHPUT,
    );
  }
  const { deadLetterTargetArn } = resolve(queue, queue.redrivePolicy) ?? {};
  const deadLetterQueue = resourceReferredTo(queue, deadLetterTargetArn, CfnQueue, all);
  if (!deadLetterQueue || kindOfQueue(deadLetterQueue) === kindOfQueue(queue)) return;
  throw invalid(
    ownerOf(deadLetterQueue),
    `it is ${kindOfQueue(deadLetterQueue)}, but must be ${kindOfQueue(queue)} like the queue whose dead letters it takes, ` +
      ownerOf(queue).node.path,
    SQS_DEAD_LETTERS,
  );
}

/** A FIFO topic delivers only to queues, a standard one only to standard queues; their dead-letter queues are of the topic's kind. */
export function checkFifoSubscription(subscription: CfnSubscription, all: CfnResource[]): void {
  const topic = resourceReferredTo(subscription, subscription.topicArn, CfnTopic, all);
  if (!topic) return;
  const kind = kindOfTopic(topic);
  const path = ownerOf(topic).node.path;
  const protocol = resolve(subscription, subscription.protocol);
  if (kind === 'FIFO' && protocol !== 'sqs') {
    throw invalid(
      ownerOf(subscription),
      `protocol is ${protocol}, but the FIFO topic ${path} delivers to SQS only`,
      SNS_FIFO_DELIVERY,
    );
  }
  const queue = resourceReferredTo(subscription, subscription.endpoint, CfnQueue, all);
  if (queue && kind === 'standard' && kindOfQueue(queue) === 'FIFO') {
    throw invalid(
      ownerOf(queue),
      `it is FIFO, but is subscribed to the standard topic ${path}`,
      SNS_FIFO_DELIVERY,
    );
  }
  const undelivered = resourceReferredTo(subscription, subscription.redrivePolicy, CfnQueue, all);
  if (!undelivered || kindOfQueue(undelivered) === kind) return;
  throw invalid(
    ownerOf(undelivered),
    `it is ${kindOfQueue(undelivered)}, but must be ${kind} like the topic whose undelivered messages it takes, ${path}`,
    SNS_DEAD_LETTERS,
  );
}

/** A batch of a FIFO queue holds ten at most, and does not wait. */
export function checkFifoMapping(mapping: CfnEventSourceMapping, all: CfnResource[]): void {
  const queue = resourceReferredTo(mapping, mapping.eventSourceArn, CfnQueue, all);
  if (!queue || kindOfQueue(queue) === 'standard') return;
  const batchSize = numberOf(mapping, mapping.batchSize, MAX_BATCH);
  const window = numberOf(mapping, mapping.maximumBatchingWindowInSeconds, 0);
  if (batchSize !== undefined && batchSize > MAX_BATCH) {
    throw invalid(
      ownerOf(mapping),
      `batch size is ${batchSize}, but may be ${MAX_BATCH} at most for a FIFO queue`,
      LAMBDA_SQS,
    );
  }
  if (window === undefined || window === 0) return;
  throw invalid(
    ownerOf(mapping),
    `batch window is ${window} seconds, but a FIFO queue has none: leave it out`,
    LAMBDA_SQS,
  );
}

type Kind = 'FIFO' | 'standard';
function kindOfQueue(queue: CfnQueue): Kind {
  return resolve(queue, queue.fifoQueue) === true ? 'FIFO' : 'standard';
}
function kindOfTopic(topic: CfnTopic): Kind {
  return resolve(topic, topic.fifoTopic) === true ? 'FIFO' : 'standard';
}
