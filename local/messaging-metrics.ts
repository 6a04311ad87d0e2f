// Counts and gauges of the queues and topics of fauxqs, as SQS and SNS give them to CloudWatch.
import type { DeliveryOutcome } from './sns-delivery.ts';

/** Per queue since the start, as CloudWatch counts them: a message that SQS itself moves to a dead-letter queue is not `sent` there. */
export interface QueueCounts {
  sent: number;
  received: number;
  deleted: number;
  movedToDeadLetterQueue: number;
}

/** A look at a queue. */
export interface QueueSample extends QueueCounts {
  name: string;
  visible: number;
  inFlight: number;
  delayed: number;
  /** When the oldest message that counts came in, in milliseconds since the epoch. */
  oldestSince?: number;
}

/** What a topic did since the start, by the name of its CloudWatch metric. */
interface TopicSample {
  name: string;
  counts: Record<string, number>;
}

export interface MessagingSample {
  queues: QueueSample[];
  topics: TopicSample[];
}

interface Message {
  messageId: string;
  sentTimestamp: number;
  approximateReceiveCount: number;
}
interface Queue {
  name: string;
  inspectMessages(): { ready: Message[]; delayed: Message[]; inflight: { message: Message }[] };
  dequeue(...args: unknown[]): Message[];
}
interface SpyEvent {
  service: string;
  messageId: string;
  status: string;
  queueName?: string;
  topicArn?: string;
  body: string;
  messageAttributes: Attributes;
}
type Attributes = Record<string, { DataType: string; StringValue?: string }>;
type Policy = Record<string, unknown>;
interface Spying {
  spy?: { addMessage(event: SpyEvent): void };
}
interface SqsStore extends Spying {
  allQueues(): Iterable<Queue>;
  processAllTimers(): void;
}
interface Subscription {
  protocol: string;
  attributes: Record<string, string>;
}
interface SnsStore extends Spying {
  getTopic(arn: string): { name: string; subscriptionArns: string[] } | undefined;
  getSubscription(arn: string): Subscription | undefined;
}

/** The parts of fauxqs that it looks at. */
export interface Fauxqs {
  sqsStore: SqsStore;
  snsStore: SnsStore;
  SqsQueue: { prototype: Queue };
  matchesFilterPolicy(policy: Policy, attributes: Attributes): boolean;
  matchesFilterPolicyOnBody(policy: Policy, body: string): boolean;
}

/**
 * Receives from which on a message no longer counts for the age of the oldest one.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
 */
const POISON_RECEIVES = 3;
const FILTERED_OUT = 'NumberOfNotificationsFilteredOut';

/** Watches the stores from when it is made. */
export class MessagingMetrics {
  private readonly fauxqs: Fauxqs;
  private readonly onMoved: (messageId: string, queueName: string) => void;
  private readonly queues = new Map<string, QueueCounts>();
  private readonly topics = new Map<string, Record<string, number>>();
  /** Messages on their way to a dead-letter queue. */
  private readonly moving = new Set<string>();
  /** When SQS moved a message to a dead-letter queue, from where on its age counts there. */
  private readonly movedAt = new Map<string, number>();

  /** @param onMoved called when SQS itself moves a message out of a queue, to its dead-letter queue */
  constructor(fauxqs: Fauxqs, onMoved: (messageId: string, queueName: string) => void) {
    this.fauxqs = fauxqs;
    this.onMoved = onMoved;
    fauxqs.sqsStore.spy = { addMessage: (event) => this.onQueueEvent(event) };
    fauxqs.snsStore.spy = { addMessage: (event) => this.onPublish(event) };
    const counts = (name: string) => this.countsOf(name);
    const { dequeue } = fauxqs.SqsQueue.prototype;
    fauxqs.SqsQueue.prototype.dequeue = function counted(this: Queue, ...args: unknown[]) {
      const messages = dequeue.apply(this, args);
      counts(this.name).received += messages.length;
      return messages;
    };
  }

  /** Counts what became of a message that a subscription's filter let pass. */
  onDelivery(topicArn: string, outcome: DeliveryOutcome): void {
    if (outcome === 'delivered') this.count(topicArn, 'NumberOfNotificationsDelivered');
    else this.count(topicArn, 'NumberOfNotificationsFailed');
    if (outcome === 'redriven') this.count(topicArn, 'NumberOfNotificationsRedrivenToDlq');
  }

  /** By queue name. */
  counts(): Record<string, QueueCounts> {
    return Object.fromEntries(this.queues);
  }

  sample(): MessagingSample {
    const { sqsStore } = this.fauxqs;
    sqsStore.processAllTimers();
    return {
      queues: [...sqsStore.allQueues()].map((queue) => this.sampleQueue(queue)),
      topics: [...this.topics].map(([name, counts]) => ({ name, counts })),
    };
  }

  private sampleQueue(queue: Queue): QueueSample {
    const { ready, delayed, inflight } = queue.inspectMessages();
    let oldest = Number.POSITIVE_INFINITY;
    const look = (message: Message): void => {
      const movedAt = this.movedAt.get(message.messageId);
      if (movedAt !== undefined) oldest = Math.min(oldest, movedAt);
      else if (message.approximateReceiveCount < POISON_RECEIVES) {
        oldest = Math.min(oldest, message.sentTimestamp);
      }
    };
    for (const message of ready) look(message);
    for (const message of delayed) look(message);
    for (const { message } of inflight) look(message);
    return {
      name: queue.name,
      ...this.countsOf(queue.name),
      visible: ready.length,
      inFlight: inflight.length,
      delayed: delayed.length,
      ...(Number.isFinite(oldest) && { oldestSince: oldest }),
    };
  }

  private onQueueEvent({ queueName = '', status, messageId }: SpyEvent): void {
    const queue = this.countsOf(queueName);
    if (status === 'consumed') {
      queue.deleted += 1;
      this.movedAt.delete(messageId);
    } else if (status === 'dlq') {
      queue.movedToDeadLetterQueue += 1;
      this.moving.add(messageId);
      this.movedAt.set(messageId, Date.now());
      this.onMoved(messageId, queueName);
    } else if (!this.moving.delete(messageId)) queue.sent += 1;
  }

  /** fauxqs announces a message before it looks at the filters. */
  private onPublish({ topicArn = '', body, messageAttributes }: SpyEvent): void {
    const { snsStore } = this.fauxqs;
    this.count(topicArn, 'NumberOfMessagesPublished');
    for (const arn of snsStore.getTopic(topicArn)?.subscriptionArns ?? []) {
      const subscription = snsStore.getSubscription(arn);
      if (subscription?.protocol !== 'sqs') continue;
      for (const metric of this.filteredOut(subscription.attributes, body, messageAttributes)) {
        this.count(topicArn, metric);
      }
    }
  }

  private count(topicArn: string, metric: string): void {
    const { name = '' } = this.fauxqs.snsStore.getTopic(topicArn) ?? {};
    const counts = this.topics.get(name) ?? {};
    counts[metric] = (counts[metric] ?? 0) + 1;
    this.topics.set(name, counts);
  }

  /**
   * The metrics that count a message which a subscription's filter does not let through.
   * @see https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
   */
  private filteredOut(settings: Record<string, string>, body: string, attributes: Attributes): string[] {
    if (!settings.FilterPolicy) return [];
    const policy: Policy = JSON.parse(settings.FilterPolicy);
    const { matchesFilterPolicy, matchesFilterPolicyOnBody } = this.fauxqs;
    if (settings.FilterPolicyScope === 'MessageBody') {
      if (matchesFilterPolicyOnBody(policy, body)) return [];
      return [FILTERED_OUT, `${FILTERED_OUT}-${isJson(body) ? 'MessageBody' : 'InvalidMessageBody'}`];
    }
    if (matchesFilterPolicy(policy, attributes)) return [];
    const given = Object.values(attributes);
    if (given.length === 0) return [FILTERED_OUT, `${FILTERED_OUT}-NoMessageAttributes`];
    const isMalformed = given.some(
      ({ DataType, StringValue = '' }) =>
        (DataType === 'String.Array' && !isJson(StringValue)) ||
        (DataType === 'Number' && !Number.isFinite(Number(StringValue || Number.NaN))),
    );
    return [FILTERED_OUT, `${FILTERED_OUT}-${isMalformed ? 'InvalidAttributes' : 'MessageAttributes'}`];
  }

  private countsOf(queue: string): QueueCounts {
    let counts = this.queues.get(queue);
    if (!counts) {
      counts = { sent: 0, received: 0, deleted: 0, movedToDeadLetterQueue: 0 };
      this.queues.set(queue, counts);
    }
    return counts;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
