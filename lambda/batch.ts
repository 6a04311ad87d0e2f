/** The SQS batch every consumer shares: each message ends acknowledged, tried again later, or dead-lettered with its reason. */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { Logger } from '@aws-lambda-powertools/logger';
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { ChangeMessageVisibilityCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Context, SQSBatchResponse, SQSEvent, SQSMessageAttributes, SQSRecord } from 'aws-lambda';
import pLimit from 'p-limit';
import type { MetricName } from '../contract/metrics.ts';
import { retryDelay } from '../contract/retries.ts';
import { deadLetter } from './dead-letter.ts';
import { readBody } from './message-body.ts';
import { inTurn, isOrdered } from './message-groups.ts';
import { PermanentError } from './permanent-error.ts';

/** What a consumer does with one message; it knows nothing of queues. */
export type MessageHandler<T> = {
  /** Checks the JSON value of a body, beside the message's attributes. Throws PermanentError for what is no such message. */
  readonly parse: (value: unknown, attributes: SQSMessageAttributes) => T;
  /**
   * Returns what became of the message, for the log. Throws PermanentError, or any other error to try again. On the signal it
   * begins nothing new: the message has been reported as failed.
   */
  readonly handle: (message: T, signal: AbortSignal) => Promise<string>;
  /** What the log may say of a body, known good or not: identifiers only. */
  readonly identify: (value: unknown) => Record<string, string>;
};

/**
 * What a consumer does with a record, of whatever content: it returns what became of it, for the log, or nothing where that is not
 * worth a line; it throws as `MessageHandler.handle` does.
 * @param about what the log says of the record; it may add to it
 */
export type RecordHandler = (
  record: SQSRecord,
  about: Record<string, string | number>,
  signal: AbortSignal,
) => Promise<string | undefined>;

/** Metrics by the names of the contract, and no others. */
export type ConsumerMetrics = Omit<Metrics, 'addMetric'> & {
  addMetric(name: MetricName, unit: Parameters<Metrics['addMetric']>[1], value: number): void;
};

/** The queue the messages come from, and the means to talk to it. */
export type Queue = {
  readonly sqs: SQSClient;
  readonly consumer: string;
  readonly url: string;
  readonly deadLetterUrl: string;
  /** Receives after which SQS itself moves a message to the dead-letter queue. */
  readonly maxReceiveCount: number;
  /**
   * What a permanent error means for the messages behind it in its group, on a FIFO queue. `skip`: it is dead-lettered at once
   * and they go on, so that the group's order has a gap, which the consumer has to bear. `block`: it is tried again like any
   * other error, and they wait until an operator has dealt with it or it has had all its tries; meanwhile the group stands
   * still, which the alarm on the age of the oldest message tells. Without a group it is always dead-lettered at once.
   * @default 'skip'
   */
  readonly onPermanentError?: 'skip' | 'block' | undefined;
  readonly logger: Logger;
  readonly metrics: ConsumerMetrics;
};

/** A message with those that wait behind it in its group. */
type Delivery = { readonly record: SQSRecord; readonly behind: readonly SQSRecord[] };

/** What the log says of a message. */
type About = { messageId: string; attempt: number; requestId: string } & Record<string, string | number>;

/**
 * Records of a batch that are under way at the same time. Each makes one call after the other, and an SDK client has 50 sockets:
 * a call that had to wait for one would spend its connection timeout on the wait.
 * https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/node-configuring-maxsockets.html
 */
const CONCURRENCY = 40;
/** The share of its time after which an invocation gives up unfinished messages, so that finished ones are not repeated. */
const USABLE_TIME = 0.95;

type LambdaHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

/** The Lambda handler for batches of one queue, whose messages are handled one by one: see `recordsHandler`. */
export function batchHandler<T>(handler: MessageHandler<T>, queue: Queue): LambdaHandler {
  const { parse, handle, identify } = handler;
  const handleRecord: RecordHandler = async (record, about, signal) => {
    const value = readBody(record.body);
    Object.assign(about, identify(value));
    return await handle(parse(value, record.messageAttributes), signal);
  };
  return recordsHandler(() => handleRecord, queue);
}

/**
 * The Lambda handler for batches of one queue; its event source mapping must have ReportBatchItemFailures.
 * Records run concurrently, a bounded number at a time, and none can fail its neighbours; but on a FIFO queue those of a group
 * run one after the other, and behind one that failed the rest of its group comes back untried.
 * @param begin what is done with the records of a batch; it may begin something for all of them together
 */
export function recordsHandler(
  begin: (records: readonly SQSRecord[], signal: AbortSignal) => RecordHandler,
  queue: Queue,
): LambdaHandler {
  const consumer = new Consumer(begin, queue);
  return (event, context) => consumer.process(event, context);
}

class Consumer {
  private readonly begin: Parameters<typeof recordsHandler>[0];
  private readonly queue: Queue;

  constructor(begin: Parameters<typeof recordsHandler>[0], queue: Queue) {
    this.begin = begin;
    this.queue = queue;
  }

  async process(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
    const { metrics } = this.queue;
    const deadline = this.deadlineOf(context);
    const limit = pLimit(CONCURRENCY);
    try {
      const handle = this.begin(event.Records, deadline.signal);
      const turns = inTurn(event.Records, (record, behind) =>
        limit(async () => {
          deadline.signal.throwIfAborted();
          await this.deliver({ record, behind }, handle, context.awsRequestId, deadline.signal);
        }),
      );
      return await processPartialResponse(
        event,
        (record: SQSRecord) => Promise.race([turns.get(record), deadline.passed]),
        new BatchProcessor(EventType.SQS),
        { context, throwOnFullBatchFailure: false },
      );
    } finally {
      deadline.clear();
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    }
  }

  /** Passes shortly before Lambda would kill the function, and the whole batch with it: then all work that is under way ends. */
  private deadlineOf(context: Context): { passed: Promise<never>; signal: AbortSignal; clear: () => void } {
    const { promise: passed, reject } = Promise.withResolvers<never>();
    passed.catch(() => {}); // A batch may be over before anybody listens.
    const stop = new AbortController();
    const timer = setTimeout(() => {
      this.queue.logger.error('out of time, unfinished messages stay in the queue', {
        requestId: context.awsRequestId,
      });
      const error = new Error('out of time');
      stop.abort(error);
      reject(error);
    }, context.getRemainingTimeInMillis() * USABLE_TIME);
    return { passed, signal: stop.signal, clear: () => clearTimeout(timer) };
  }

  private async deliver(
    delivery: Delivery,
    handle: RecordHandler,
    requestId: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { record, behind } = delivery;
    const { logger, maxReceiveCount } = this.queue;
    const attempt = Number(record.attributes.ApproximateReceiveCount);
    const about: About = { messageId: record.messageId, attempt, requestId };
    try {
      const outcome = await handle(record, about, signal);
      if (outcome !== undefined) logger.info(outcome, about);
    } catch (thrown) {
      const error = asError(thrown);
      // It has been reported as failed already, and comes back by itself.
      if (signal.aborted) throw error;
      if (!this.isFinal(error, record) && attempt < maxReceiveCount) {
        const heldUp = behind.length > 0 && { heldUp: behind.length };
        logger.warn('failed, will be tried again', { ...about, ...heldUp, error: loggable(error) });
        await this.retryLater(delivery, about);
        throw error;
      }
      await this.sendToDeadLetterQueue(delivery, error, about, signal);
    }
  }

  private isFinal(error: Error, record: SQSRecord): boolean {
    const holdsUpItsGroup = this.queue.onPermanentError === 'block' && isOrdered(record);
    return error instanceof PermanentError && !holdsUpItsGroup;
  }

  private async sendToDeadLetterQueue(
    delivery: Delivery,
    error: Error,
    about: About,
    signal: AbortSignal,
  ): Promise<void> {
    const { sqs, consumer, deadLetterUrl, logger, metrics } = this.queue;
    try {
      const letter = deadLetter(delivery.record, error, { consumer, requestId: about.requestId });
      await sqs.send(new SendMessageCommand({ QueueUrl: deadLetterUrl, ...letter }), { abortSignal: signal });
    } catch (sendError) {
      if (signal.aborted) throw error;
      logger.error('could not be dead-lettered, stays in the queue', {
        ...about,
        error: loggable(error),
        sendError: loggable(asError(sendError)),
      });
      await this.retryLater(delivery, about);
      throw error;
    }
    metrics.addMetric('DeadLettered', MetricUnit.Count, 1);
    logger.error('dead-lettered', { ...about, error: loggable(error) });
  }

  /** Those behind it come back at the same time: as long as one of a group is hidden, the group is locked. */
  private async retryLater({ record, behind }: Delivery, about: About): Promise<void> {
    this.queue.metrics.addMetric('Retried', MetricUnit.Count, 1);
    const delay = retryDelay(about.attempt);
    await Promise.all([record, ...behind].map((each) => this.hide(each, delay, about)));
  }

  private async hide({ receiptHandle }: SQSRecord, seconds: number, about: About): Promise<void> {
    const { sqs, url, logger } = this.queue;
    try {
      await sqs.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: url,
          ReceiptHandle: receiptHandle,
          VisibilityTimeout: seconds,
        }),
      );
    } catch (error) {
      // The message then waits out the queue's own visibility timeout.
      logger.warn('could not set the time of the next try', { ...about, error: loggable(asError(error)) });
    }
  }
}

/** Not the error itself: the log would show all it carries, and DynamoDB's carry items. */
function loggable(error: Error): Record<string, string | undefined> {
  const { name, message, stack } = error;
  return error instanceof PermanentError ? { name, message } : { name, message, stack };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
