import { setTimeout as pause } from 'node:timers/promises';
import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Qualifier } from './execution-environment.ts';
import type { LocalFunction } from './local-function.ts';
import { sqsRecord } from './sqs-event.ts';

/** An event source mapping of an SQS queue, with the template's terms. */
export interface MappingDefinition {
  /** The version or alias that is invoked; absent for the function itself. */
  qualifier?: Qualifier | undefined;
  queueUrl: string;
  queueArn: string;
  batchSize: number;
  windowSeconds: number;
  /** Most invocations at a time. */
  maximumConcurrency?: number | undefined;
  /** FunctionResponseTypes holds ReportBatchItemFailures. */
  reportsBatchItemFailures: boolean;
}

/**
 * Lambda begins with five pollers a queue (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html). On one
 * machine two are as fast, and the run takes 0.6 of the memory: each poller keeps an execution environment busy.
 */
const POLLERS = 2;
/** Short, since a poll is ended by letting it return: one that is aborted would still take the next message. */
const LONG_POLL_SECONDS = 1;
/** A batch that holds so much is handed over as it is. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const PAYLOAD_BYTES = 6 * 1024 * 1024;

/** Polls a queue and invokes a function with batches of its messages, as Lambda's event source mapping does. */
export class EventSourceMapping {
  readonly definition: MappingDefinition;
  readonly target: LocalFunction;
  private readonly sqs: SQSClient;
  private readonly report: (problem: string) => void;
  private pollers: Promise<void>[] = [];
  private isEnabled = true;
  private hasStarted = false;
  /** How often the batching windows were ended. */
  private windowsEnded = 0;
  /** Messages received, whose batch is not finished. */
  private held = 0;

  /**
   * @param sqs makes its calls with the function's credentials, as Lambda does
   * @param report called with each problem outside the function: a receive or a delete that fails
   */
  constructor(
    definition: MappingDefinition,
    target: LocalFunction,
    sqs: SQSClient,
    report: (problem: string) => void,
  ) {
    this.definition = definition;
    this.target = target;
    this.sqs = sqs;
    this.report = report;
  }

  /**
   * Asks the queue for its terms, as Lambda does when a mapping is made, and says why it would make none.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
   */
  async problemWithQueue(): Promise<string | undefined> {
    const { Attributes } = await this.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: this.definition.queueUrl,
        AttributeNames: ['VisibilityTimeout'],
      }),
    );
    const visibility = Number(Attributes?.VisibilityTimeout);
    const { timeoutSeconds } = this.target.definition;
    // Messages would come back while the function may still be at work.
    return visibility < timeoutSeconds
      ? `Queue visibility timeout: ${visibility} seconds is less than Function timeout: ${timeoutSeconds} seconds`
      : undefined;
  }

  /** Polls from here on, unless it is off. */
  start(): void {
    this.hasStarted = true;
    this.beginPolling();
  }

  /** Lets polls and invocations that are under way end, and starts no new ones. */
  async stop(): Promise<void> {
    this.hasStarted = false;
    await Promise.all(this.pollers);
  }

  /**
   * Turns it on, or off: then polls and invocations that are under way end first. One switch has to be over before the next.
   */
  async switchTo(isEnabled: boolean): Promise<void> {
    this.isEnabled = isEnabled;
    if (isEnabled) return this.beginPolling();
    await Promise.all(this.pollers);
    this.pollers = [];
  }

  /**
   * Ends the batching windows that are open: what was collected so far goes to the function as soon as the poll that is under way
   * returns, within a second.
   */
  endBatchingWindows(): void {
    this.windowsEnded += 1;
  }

  /** Whether it collects a batch, or its function works on one. */
  get holdsMessages(): boolean {
    return this.held > 0;
  }

  private get isPolling(): boolean {
    return this.hasStarted && this.isEnabled;
  }

  private beginPolling(): void {
    if (!this.isPolling || this.pollers.length > 0) return;
    const count = Math.min(this.definition.maximumConcurrency ?? POLLERS, POLLERS);
    this.pollers = Array.from({ length: count }, () => this.poll());
  }

  private async poll(): Promise<void> {
    while (this.isPolling) {
      const messages: Message[] = [];
      try {
        await this.collect(messages);
        await this.deliver(messages);
      } catch (error) {
        if (!this.isPolling) return;
        this.report(`polling ${this.definition.queueArn}: ${(error as Error).message}`);
        await pause(1000);
      } finally {
        this.held -= messages.length;
      }
    }
  }

  /** Adds up to a batch of messages; the window begins with the first one. */
  private async collect(messages: Message[]): Promise<void> {
    const { batchSize, windowSeconds } = this.definition;
    // As of before the first message: one that is on its way here when a window is ended is part of it.
    const { windowsEnded } = this;
    let closes = Number.POSITIVE_INFINITY;
    let bytes = 0;
    do {
      const left = Math.ceil((closes - Date.now()) / 1000);
      const { Messages = [] } = await this.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: this.definition.queueUrl,
          MaxNumberOfMessages: Math.min(10, batchSize - messages.length),
          WaitTimeSeconds: Math.max(0, Math.min(LONG_POLL_SECONDS, left)),
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        }),
      );
      if (messages.length === 0) closes = Date.now() + windowSeconds * 1000;
      messages.push(...Messages);
      this.held += Messages.length;
      bytes += Buffer.byteLength(JSON.stringify(Messages));
    } while (
      messages.length > 0 &&
      messages.length < batchSize &&
      bytes < PAYLOAD_BYTES &&
      Date.now() < closes &&
      this.windowsEnded === windowsEnded &&
      this.isPolling
    );
  }

  private async deliver(batch: Message[]): Promise<void> {
    if (batch.length === 0) return;
    const { queueArn, qualifier } = this.definition;
    const Records = batch.map((message) => sqsRecord(message, queueArn));
    const result = await this.target.invoke({ Records }, qualifier);
    if (!result.ok) return;
    const failed = this.definition.reportsBatchItemFailures
      ? failedIds(result.payload, batch)
      : new Set<string>();
    await this.delete(batch.filter((message) => !failed.has(message.MessageId ?? '')));
  }

  private async delete(messages: Message[]): Promise<void> {
    for (let from = 0; from < messages.length; from += 10) {
      const { Failed = [] } = await this.sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl: this.definition.queueUrl,
          Entries: messages
            .slice(from, from + 10)
            .map((message, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle })),
        }),
      );
      for (const { Code, Message: text } of Failed) this.report(`deleting a message: ${Code} ${text ?? ''}`);
    }
  }
}

/**
 * The messages that the handler says it could not take. An answer that makes no sense fails the whole batch.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
function failedIds(payload: unknown, batch: Message[]): Set<string> {
  const all = new Set(batch.map((message) => message.MessageId ?? ''));
  if (payload === null) return new Set();
  if (typeof payload !== 'object') return all;
  const failures = (payload as { batchItemFailures?: unknown }).batchItemFailures;
  if (failures === undefined || failures === null) return new Set();
  if (!Array.isArray(failures)) return all;
  const ids = failures.map((failure) => failure?.itemIdentifier);
  return ids.every((id) => all.has(id)) ? new Set(ids) : all;
}
