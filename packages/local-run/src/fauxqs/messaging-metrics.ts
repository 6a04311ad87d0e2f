// Counts and gauges of the queues and topics of fauxqs, as SQS and SNS give them to CloudWatch.
import type { Fauxqs } from './fauxqs.ts';
import { isMalformed, passesFilterPolicy } from './filter-policy.ts';
import type { MessageAttributes, SqsQueue } from './internals.ts';
import type { DeliveryOutcome } from './sns-delivery.ts';

/** Per queue since the start, as CloudWatch counts them: a message that SQS itself moves to a dead-letter queue is not `sent` there. */
export interface QueueCounts {
  sent: number;
  received: number;
  /** Receives that returned nothing, long polls among them. */
  emptyReceives: number;
  deleted: number;
  movedToDeadLetterQueue: number;
}

/** A queue at one moment. */
export interface QueueSample extends QueueCounts {
  name: string;
  visible: number;
  inFlight: number;
  delayed: number;
  /** Receives that wait for a message. */
  polls: number;
  /** When the oldest message that counts came in, in milliseconds since the epoch. */
  oldestSince?: number;
}

/** What a topic did since the start, by the name of its CloudWatch metric. */
interface TopicSample {
  name: string;
  counts: Record<string, number>;
}

/** All queues and topics at one moment. */
export interface MessagingSample {
  queues: QueueSample[];
  topics: TopicSample[];
}

/**
 * Receives from which on a message no longer counts for the age of the oldest one, in any standard queue. That a dead-letter
 * queue counts the receives of its own, and not those before SQS moved the message there, follows from its age being
 * reported at all.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
 */
const POISON_RECEIVES = 3;
const FILTERED_OUT = 'NumberOfNotificationsFilteredOut';

/** Counts from when it is made. */
export class MessagingMetrics {
  private readonly fauxqs: Fauxqs;
  private readonly queues = new Map<string, QueueCounts>();
  private readonly topics = new Map<string, Record<string, number>>();
  /** When SQS moved a message to a dead-letter queue, from where on its age counts there, and how often it had been received. */
  private readonly moved = new Map<string, { at: number; receives: number }>();

  constructor(fauxqs: Fauxqs) {
    this.fauxqs = fauxqs;
    fauxqs.observe({
      onSent: (queueName) => {
        this.countsOf(queueName).sent += 1;
      },
      onReceived: (queueName, count) => {
        this.countsOf(queueName).received += count;
      },
      onEmptyReceive: (queueName) => {
        this.countsOf(queueName).emptyReceives += 1;
      },
      onDeleted: (queueName, messageId) => {
        this.countsOf(queueName).deleted += 1;
        this.moved.delete(messageId);
      },
      onMovedToDeadLetterQueue: (queueName, messageId) => {
        this.countsOf(queueName).movedToDeadLetterQueue += 1;
        const { RedrivePolicy = '{}' } = fauxqs.queueNamed(queueName)?.attributes ?? {};
        // The receive that is one too many moves it.
        const receives = JSON.parse(RedrivePolicy).maxReceiveCount + 1;
        this.moved.set(messageId, { at: Date.now(), receives });
      },
      onPublished: (topicArn, attributes) => this.countPublish(topicArn, attributes),
    });
  }

  /** Counts what became of a message that a subscription's filter let pass. */
  onDelivery(topicArn: string, outcome: DeliveryOutcome): void {
    if (outcome === 'delivered') this.count(topicArn, 'NumberOfNotificationsDelivered');
    else this.count(topicArn, 'NumberOfNotificationsFailed');
    if (outcome === 'redriven') this.count(topicArn, 'NumberOfNotificationsRedrivenToDlq');
    if (outcome === 'redrive-failed') this.count(topicArn, 'NumberOfNotificationsFailedToRedriveToDlq');
  }

  sample(): MessagingSample {
    this.fauxqs.processTimers();
    return {
      queues: [...this.fauxqs.allQueues()].map((queue) => this.sampleQueue(queue)),
      topics: [...this.topics].map(([name, counts]) => ({ name, counts: { ...counts } })),
    };
  }

  private sampleQueue(queue: SqsQueue): QueueSample {
    const { ready, delayed, inflight } = queue.inspectMessages();
    let oldest = Number.POSITIVE_INFINITY;
    for (const message of [...ready, ...delayed, ...inflight.map((each) => each.message)]) {
      const { at = message.sentTimestamp, receives = 0 } = this.moved.get(message.messageId) ?? {};
      if (message.approximateReceiveCount - receives < POISON_RECEIVES) oldest = Math.min(oldest, at);
    }
    return {
      name: queue.name,
      ...this.countsOf(queue.name),
      visible: ready.length,
      inFlight: inflight.length,
      delayed: delayed.length,
      polls: queue.pollWaiters.length,
      ...(Number.isFinite(oldest) && { oldestSince: oldest }),
    };
  }

  /** fauxqs tells of a message before it looks at the filters. */
  private countPublish(topicArn: string, attributes: MessageAttributes): void {
    this.count(topicArn, 'NumberOfMessagesPublished');
    for (const subscription of this.fauxqs.subscriptionsOf(topicArn)) {
      if (subscription.protocol !== 'sqs') continue;
      if (passesFilterPolicy(subscription.attributes.FilterPolicy, attributes)) continue;
      this.count(topicArn, FILTERED_OUT);
      this.count(topicArn, `${FILTERED_OUT}-${reasonToFilterOut(attributes)}`);
    }
  }

  private count(topicArn: string, metric: string): void {
    const { name = '' } = this.fauxqs.topic(topicArn) ?? {};
    const counts = this.topics.get(name) ?? {};
    counts[metric] = (counts[metric] ?? 0) + 1;
    this.topics.set(name, counts);
  }

  private countsOf(queue: string): QueueCounts {
    let counts = this.queues.get(queue);
    if (!counts) {
      counts = { sent: 0, received: 0, emptyReceives: 0, deleted: 0, movedToDeadLetterQueue: 0 };
      this.queues.set(queue, counts);
    }
    return counts;
  }
}

/** https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html */
function reasonToFilterOut(attributes: MessageAttributes): string {
  const given = Object.values(attributes);
  if (given.length === 0) return 'NoMessageAttributes';
  return given.some(isMalformed) ? 'InvalidAttributes' : 'MessageAttributes';
}
