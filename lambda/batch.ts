/** The SQS batch that all consumers share: each message is acknowledged, retried later, or dead-lettered with its reason. */
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
   * Returns the outcome for the log. Throws PermanentError, or any other error to retry. Starts nothing new once the signal is
   * aborted: the message has been reported as failed by then.
   */
  readonly handle: (message: T, signal: AbortSignal) => Promise<string>;
  /** What the log may show of a body, valid or not: identifiers only. */
  readonly identify: (value: unknown) => Record<string, string>;
};

/**
 * What a consumer does with a record, whatever its content: returns the outcome for the log, or undefined for no line; throws as
 * `MessageHandler.handle` does.
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

/** The queue the messages come from, and what is needed to answer it. */
export type Queue = {
  readonly sqs: SQSClient;
  readonly consumer: string;
  readonly url: string;
  readonly deadLetterUrl: string;
  /** Receives after which SQS itself moves a message to the dead-letter queue. */
  readonly maxReceiveCount: number;
  /**
   * What a permanent error does to the messages behind it in its group, on a FIFO queue. `skip`: it is dead-lettered at once and
   * they go on, which leaves a gap in the group's sequence that the consumer must tolerate. `block`: it is retried like any other
   * error, and they wait until an operator has dealt with it or its tries are used up; meanwhile the alarm on the age of the
   * oldest message goes off. Without a group it is always dead-lettered at once.
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
 * Records of a batch that are processed at the same time. Each makes one call after the other, and an SDK client has 50 sockets: a
 * call that waits for one uses up its connection timeout.
 * https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/node-configuring-maxsockets.html
 */
const CONCURRENCY = 40;
/** The share of its time after which an invocation gives up unfinished messages, so that finished ones are not processed again. */
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
 * Records are processed concurrently, a limited number at a time, and a failure does not affect others; but on a FIFO queue those
 * of a group are processed one after the other, and behind one that failed the rest of its group is returned untried.
 * @param begin called once a batch: it may start work for all records together
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

  /** Shortly before Lambda would kill the function, and fail the whole batch: then all work stops. */
  private deadlineOf(context: Context): { passed: Promise<never>; signal: AbortSignal; clear: () => void } {
    const { promise: passed, reject } = Promise.withResolvers<never>();
    passed.catch(() => {}); // A batch may end before anything awaits it.
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
      // It has been reported as failed already, and becomes visible again by itself.
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

  /** Those behind it become visible at the same time: while one message of a group is hidden, the group is locked. */
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
      // The queue's own visibility timeout then applies.
      logger.warn('could not set the time of the next try', { ...about, error: loggable(asError(error)) });
    }
  }
}

/** Not the error itself: the log would show all its properties, and DynamoDB's errors have items. */
function loggable(error: Error): Record<string, string | undefined> {
  const { name, message, stack } = error;
  return error instanceof PermanentError ? { name, message } : { name, message, stack };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
