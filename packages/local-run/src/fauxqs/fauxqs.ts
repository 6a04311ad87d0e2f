// The adapter of fauxqs: it owns its stores and its HTTP application, and offers the rest of the local run hooks into them,
// which fauxqs does not have.

import type http from 'node:http';
import path from 'node:path';
import { buildApp } from 'fauxqs';
import type { HttpAnswer } from '../protocol/http-answer.ts';
import { deliverFifoAsSqs } from './fifo.ts';
import { passesFilterPolicy } from './filter-policy.ts';
import {
  type MessageAttributes,
  ObjectStore,
  objectsIn,
  type PersistenceManager,
  publish,
  Queue,
  QueueStore,
  type ReceivedMessage,
  type S3Object,
  type SnsSpyMessage,
  type SnsSubscription,
  type SnsTopic,
  type SqsQueue,
  type SqsSpyMessage,
  spy,
  TopicStore,
  transaction,
  withUrl,
} from './internals.ts';
import type { MessagingObserver } from './messaging-observer.ts';
import { keepState } from './persistence.ts';
import { type FauxqsRequest, prepareObject, readRequest } from './request.ts';

/** What SNS, SQS and S3 are started with. */
export interface FauxqsOptions {
  /** Folder in which queues, topics and buckets survive; in memory without it. */
  directory?: string | undefined;
  /** How much faster than on AWS visibility timeouts and delays pass. @default 1 */
  timeScale?: number | undefined;
}

/** An answer in place of fauxqs's own. */
export interface Interception extends HttpAnswer {
  /** Whether fauxqs does all the same what it was asked, and only its answer is lost. @default false */
  readonly isDone?: boolean;
}
type Interceptor = (request: FauxqsRequest) => Interception | undefined;

/** SNS, SQS and S3. There is one in a thread, since its hooks are in fauxqs's classes. */
export class Fauxqs {
  private readonly queues = new QueueStore();
  private readonly topics = new TopicStore();
  private readonly objects = new ObjectStore();
  private readonly app: ReturnType<typeof buildApp>;
  private readonly persistence: PersistenceManager | undefined;
  private readonly timeScale: number;
  private readonly observers: MessagingObserver[] = [];
  private readonly interceptors: Interceptor[] = [];
  private readonly additions: ((received: ReceivedMessage[]) => void)[] = [];
  private readonly getQueueByArn: (arn: string) => SqsQueue | undefined;
  private isDuplicated: (queue: SqsQueue) => boolean = () => false;
  private route: ((subscription: SnsSubscription) => SqsQueue | undefined) | undefined;
  /** Messages on their way to a dead-letter queue. */
  private readonly moving = new Set<string>();

  /** Loads what an earlier run left in the folder. */
  static async start(options: FauxqsOptions = {}): Promise<Fauxqs> {
    const fauxqs = new Fauxqs(options);
    await fauxqs.app.ready();
    return fauxqs;
  }

  private constructor({ directory, timeScale = 1 }: FauxqsOptions) {
    this.timeScale = timeScale;
    // Queue URLs then have the host of the request that asks for them.
    this.queues.host = '';
    this.getQueueByArn = this.queues.getQueueByArn.bind(this.queues);
    this.queues.spy = spy<SqsSpyMessage>((event) => this.onQueueEvent(event));
    this.topics.spy = spy<SnsSpyMessage>((event) => this.onPublish(event));
    this.hookDelivery();
    this.persistence =
      directory === undefined ? undefined : keepState(directory, this.queues, this.topics, this.objects);
    deliverFifoAsSqs();
    this.hookQueues();
    const stores = { sqsStore: this.queues, snsStore: this.topics, s3Store: this.objects };
    this.app = buildApp({ logger: false, stores });
    this.hookRequests();
  }

  observe(observer: MessagingObserver): void {
    this.observers.push(observer);
  }

  /** Lets `interceptor` answer requests. They are asked as they were added; the first answer counts. */
  intercept(interceptor: Interceptor): void {
    this.interceptors.push(interceptor);
  }

  /** Lets `add` change the messages in an answer to ReceiveMessage. */
  addToReceived(add: (received: ReceivedMessage[]) => void): void {
    this.additions.push(add);
  }

  /** Lets a message come twice into a queue, where `decide` says so. */
  duplicateWhere(decide: (queue: SqsQueue) => boolean): void {
    this.isDuplicated = decide;
  }

  /** Lets `route` choose the queue for each message that a subscription's filter lets pass; undefined takes it nowhere. */
  routeDeliveries(route: (subscription: SnsSubscription) => SqsQueue | undefined): void {
    this.route = route;
  }

  queue(arn: string): SqsQueue | undefined {
    return this.getQueueByArn(arn);
  }

  queueNamed(name: string): SqsQueue | undefined {
    return this.queues.getQueueByName(name);
  }

  allQueues(): Iterable<SqsQueue> {
    return this.queues.allQueues();
  }

  topic(arn: string): SnsTopic | undefined {
    return this.topics.getTopic(arn);
  }

  subscriptionsOf(topicArn: string): SnsSubscription[] {
    const arns = this.topics.getTopic(topicArn)?.subscriptionArns ?? [];
    return arns.flatMap((arn) => this.topics.subscriptions.get(arn) ?? []);
  }

  /** The objects of a bucket by key, without their bodies; undefined if there is no such bucket. */
  objectsIn(bucket: string): ReadonlyMap<string, S3Object> | undefined {
    return objectsIn(this.objects, bucket);
  }

  /** Publishes as a service does that acts by itself, without a request. @throws Error if there is no such topic */
  publish(TopicArn: string, Subject: string, Message: string): void {
    publish({ TopicArn, Subject, Message }, this.topics, this.queues);
  }

  /** Makes messages visible whose timeout or delay has ended; fauxqs itself does so only on a receive. */
  processTimers(): void {
    this.queues.processAllTimers();
  }

  /** Gives queues that were loaded the host of this run; they carry the one of the run that made them. */
  moveTo(host: string): void {
    for (const queue of [...this.allQueues()]) {
      withUrl(this.queues, queue, this.queues.buildQueueUrl(queue.name, '', host, ''));
    }
  }

  /** Answers an HTTP request to SNS, SQS or S3. */
  handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.app.routing(request, response);
  }

  /** Ends long polls. */
  endPolls(): void {
    this.queues.shutdown();
  }

  async close(): Promise<void> {
    await this.app.close();
    this.persistence?.close();
  }

  private hookQueues(): void {
    const { prototype } = Queue;
    const { enqueue, dequeue, changeVisibility } = prototype;
    const { createMessage } = QueueStore;
    const { timeScale, persistence, observers } = this;
    // From the outside in: the time is scaled, then the move to the dead-letter queue, a delete and an insert, is made one
    // transaction. The observers hear of what was received at the end.
    prototype.dequeue = function (max, visibilitySeconds, deadLetterQueues) {
      const seconds =
        timeScale === 1
          ? visibilitySeconds
          : (visibilitySeconds ?? Number(this.attributes.VisibilityTimeout)) / timeScale;
      let received: ReceivedMessage[] = [];
      // fauxqs would move a message from such a queue to itself without end.
      const others =
        deadLetterQueues && ((arn: string) => (arn === this.arn ? undefined : deadLetterQueues(arn)));
      const receive = () => {
        received = dequeue.call(this, max, seconds, others);
      };
      if (persistence) transaction(persistence, receive);
      else receive();
      for (const observer of observers) observer.onReceived?.(this.name, received.length);
      return received;
    };
    prototype.changeVisibility = function (receiptHandle, seconds) {
      changeVisibility.call(this, receiptHandle, seconds / timeScale);
    };
    QueueStore.createMessage = (body, attributes, delaySeconds, ...more) =>
      createMessage(body, attributes, delaySeconds && delaySeconds / timeScale, ...more);
    const isDuplicated = (queue: SqsQueue) => this.isDuplicated(queue);
    prototype.enqueue = function (message) {
      enqueue.call(this, message);
      // A FIFO queue takes nothing in twice.
      if (!this.isFifo() && isDuplicated(this))
        enqueue.call(this, createMessage(message.body, message.messageAttributes));
    };
  }

  /**
   * fauxqs announces each message, then goes through the topic's subscriptions and, for one whose filter lets the message
   * pass, looks up the queue to put it in. All of it happens in one go, so that nobody else looks up anything meanwhile.
   */
  private hookDelivery(): void {
    const getSubscription = this.topics.getSubscription.bind(this.topics);
    let current: SnsSubscription | undefined;
    let isPublishing = false;
    let published: MessageAttributes = {};
    this.observe({
      onPublished(_topicArn, attributes) {
        isPublishing = true;
        published = attributes;
        queueMicrotask(() => {
          isPublishing = false;
        });
      },
    });
    this.topics.getSubscription = (arn) => {
      current = getSubscription(arn);
      return current;
    };
    this.queues.getQueueByArn = (arn) => {
      // A queue that has just taken a message in may look up its own dead-letter queue, for one that it hands out.
      if (!this.route || !isPublishing || current?.endpoint !== arn) return this.getQueueByArn(arn);
      const subscription = current;
      current = undefined;
      return passesFilterPolicy(subscription.attributes.FilterPolicy, published)
        ? this.route(subscription)
        : undefined;
    };
  }

  private hookRequests(): void {
    const lost = new WeakMap<object, Interception>();
    this.app.addHook('preHandler', async (received, reply) => {
      const request = readRequest(received);
      const { raw } = request;
      for (const interceptor of this.interceptors) {
        const interception = interceptor(request);
        if (!interception) continue;
        if (interception.isDone) {
          lost.set(raw, interception);
          continue;
        }
        return reply.code(interception.status).headers(interception.headers).send(interception.body);
      }
      if (request.operation === 'PutObject') prepareObject(received);
      // The attributes are the queue's figures of now.
      if (request.operation === 'GetQueueAttributes') this.processTimers();
    });
    this.app.addHook('preSerialization', async (request, { statusCode }, payload) => {
      // No other answer has messages.
      const { Messages: received } = (payload ?? {}) as { Messages?: ReceivedMessage[] };
      if (received) for (const add of this.additions) add(received);
      const { operation, input } = readRequest(request);
      if (operation === 'ReceiveMessage' && !received && statusCode === 200) {
        const queueName = path.posix.basename(input.QueueUrl);
        for (const observer of this.observers) observer.onEmptyReceive?.(queueName);
      }
      return payload;
    });
    this.app.addHook('onSend', async ({ raw }, reply, payload) => {
      const interception = lost.get(raw);
      if (!interception) return payload;
      reply.code(interception.status).headers(interception.headers);
      return interception.body;
    });
  }

  private onQueueEvent({ queueName, messageId, status }: SqsSpyMessage): void {
    for (const observer of this.observers) {
      if (status === 'consumed') observer.onDeleted?.(queueName, messageId);
      else if (status === 'dlq') observer.onMovedToDeadLetterQueue?.(queueName, messageId);
      else if (!this.moving.has(messageId)) observer.onSent?.(queueName, messageId);
    }
    if (status === 'dlq') this.moving.add(messageId);
    else if (status === 'published') this.moving.delete(messageId);
  }

  private onPublish({ topicArn, messageAttributes }: SnsSpyMessage): void {
    for (const observer of this.observers) observer.onPublished?.(topicArn, messageAttributes);
  }
}
