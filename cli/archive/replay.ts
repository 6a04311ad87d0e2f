/** A replay: messages of the archive go to the queue of one consumer, as they were published, and to nobody else. */
import { randomUUID } from 'node:crypto';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { explain } from '../aws/errors.ts';
import type { StackHandles } from '../aws/stack.ts';
import { lookAtDeadLetters } from '../dead-letters/look.ts';
import { NO_REASON } from '../dead-letters/reasons.ts';
import { awaitCanary } from '../outcomes/canary.ts';
import type { Takes } from '../outcomes/subscriptions.ts';
import { Pace } from '../publishing/batches.ts';
import { customerGroup } from '../publishing/customer-group.ts';
import { isFifo, toQueue } from '../publishing/destinations.ts';
import { type Destination, sendMessages } from '../publishing/sending.ts';
import { createProgress, type Progress } from '../terminal/progress.ts';
import { count, format } from '../terminal/text.ts';
import { findCanary } from './find-canary.ts';
import {
  type ArchiveReading,
  type ArchiveSize,
  type Portion,
  readArchive,
  type SkippedObject,
} from './reader.ts';
import { type ArchivedOutgoing, type ArchiveFilter, outgoing } from './selection.ts';

export interface Replay {
  readonly clients: Clients;
  readonly stack: StackHandles;
  readonly consumer: ConsumerHandles;
  /** Whether the consumer's subscription lets a message through. */
  readonly takes: Takes;
  readonly reading: ArchiveReading;
  readonly size: ArchiveSize;
  readonly filter: ArchiveFilter;
  /** Whether messages are counted and none is sent. */
  readonly isDryRun: boolean;
  /** Messages per second, at most. */
  readonly rate?: number | undefined;
  /** Whether one message is sent first, and the others only if it was processed within so many seconds. */
  readonly canarySeconds?: number | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Called when more were sent, with their number so far. */
  readonly onSent: (sent: number) => void;
}

/** What a replay came to. */
export interface ReplayResult {
  /** Messages of the span. */
  read: number;
  /** Event type → messages that the consumer takes and the filter lets through; those that name none under ''. */
  readonly wanted: Map<string, number>;
  sent: number;
  /** Messages that SQS refuses, and why: they are not sent. */
  readonly refused: { readonly messageId: string; readonly reason: string }[];
  /** Objects that could not be read. */
  readonly skipped: SkippedObject[];
  /** The object up to which all is sent: a replay that goes on begins after it. */
  after?: string;
  /** Why it ended before its end; absent after Ctrl-C. */
  stopped?: string;
  /** What the consumer has said of a canary that came back. */
  cameBack: readonly string[];
  /** Whether the canary was processed, so that the others could follow. */
  isProved: boolean;
  /** Nothing of the span could prove anything. */
  hasNoCanary: boolean;
  /** The command to type next, if it is not the usual one. */
  next?: readonly string[];
}

/**
 * Sends what is wanted, in the order in which it lies in the archive. Wherever it ends, every message of the objects up to `after` is
 * sent or refused; of the next ones some may be. Consumers take a message that they know already for a copy. On a FIFO queue a group
 * keeps the order of the archive, and a message gets a new deduplication ID: by the one it was published with SQS could throw it away.
 * @throws what is no answer of AWS, and no fault of the network
 */
export function replay(task: Replay): Promise<ReplayResult> {
  return new Replaying(task).run();
}

class Replaying {
  private readonly task: Replay;
  private readonly destination: Destination<ArchivedOutgoing>;
  private readonly pace: Pace;
  private readonly step: ReturnType<Progress['step']>;
  private readonly result: ReplayResult;

  constructor(task: Replay) {
    const { clients, consumer, rate, isDryRun, progress } = task;
    this.task = task;
    this.destination = destinationOf(clients.sqs, consumer.queueUrl);
    this.pace = new Pace(rate);
    this.step = progress.step(isDryRun ? 'Reading the archive' : 'Replaying');
    this.result = {
      read: 0,
      wanted: new Map(),
      sent: 0,
      refused: [],
      skipped: [],
      cameBack: [],
      isProved: false,
      hasNoCanary: false,
    };
  }

  async run(): Promise<ReplayResult> {
    const { isDryRun, canarySeconds, signal } = this.task;
    const { result, step } = this;
    try {
      const canary = canarySeconds === undefined || isDryRun ? undefined : await this.sendCanary();
      if (result.stopped === undefined && !signal.aborted) await this.sendAll(canary);
    } catch (error) {
      const reason = signal.aborted ? '' : explain(error);
      if (reason === undefined) {
        step.fail('The replay has failed');
        throw error;
      }
      if (reason) result.stopped = reason;
    }
    const done = isDryRun ? `Read ${count(result.read, 'message')}` : `Sent ${count(result.sent, 'message')}`;
    if (signal.aborted || result.stopped) step.fail(`${done}, then stopped`);
    else step.done(done);
    return result;
  }

  /** @param canary what is sent already */
  private async sendAll(canary: ArchivedOutgoing | undefined): Promise<void> {
    const { reading, size, isDryRun } = this.task;
    const { result, step } = this;
    let objects = 0;
    for await (const portion of readArchive(reading)) {
      if (!(await this.take(portion, canary?.messageId))) return;
      if (portion.lastKey !== undefined) result.after = portion.lastKey;
      objects += portion.objects;
      step.bar(objects, size.objects, `${format(isDryRun ? result.read : result.sent)} messages`);
    }
  }

  /** @returns whether all of it is sent */
  private async take({ messages, skipped }: Portion, canaryId: string | undefined): Promise<boolean> {
    const { isDryRun, signal } = this.task;
    const { result } = this;
    result.read += messages.length;
    result.skipped.push(...skipped);
    const wanted = this.select(messages);
    for (const { eventType = '' } of wanted) {
      result.wanted.set(eventType, (result.wanted.get(eventType) ?? 0) + 1);
    }
    if (isDryRun) return true;
    await this.send(wanted.filter(({ messageId }) => messageId !== canaryId));
    return result.stopped === undefined && !signal.aborted;
  }

  /** What the consumer takes and the filter lets through. */
  private select(messages: Portion['messages']): ArchivedOutgoing[] {
    const { consumer, takes, filter } = this.task;
    return messages
      .map((message) => outgoing(message, filter))
      .filter((message) => message !== undefined)
      .filter((message) => takes(consumer.name, message));
  }

  private async send(messages: readonly ArchivedOutgoing[]): Promise<void> {
    const { signal, onSent } = this.task;
    const { result } = this;
    const before = result.sent;
    const { sent, failed, stopped } = await sendMessages(this.destination, {
      messages,
      pace: this.pace,
      // What is not sent now is for the replay that goes on from here.
      endsAtFailure: true,
      signal,
      onProgress: (progress) => onSent(before + progress.sent),
    });
    result.sent += sent;
    for (const { index, reason } of failed) {
      if (reason !== stopped) result.refused.push({ messageId: messages[index]?.messageId ?? '', reason });
    }
    if (stopped !== undefined && !signal.aborted) result.stopped = stopped;
  }

  /** Sends one message and waits for its end. @returns it; undefined where nothing more is to be sent */
  private async sendCanary(): Promise<ArchivedOutgoing | undefined> {
    const { clients, consumer, reading, size, signal } = this.task;
    const { result, step } = this;
    step.update('Replaying: looking for a canary');
    const canary = await findCanary({
      clients,
      consumer,
      reading,
      select: (messages) => this.select(messages),
      onProgress: (objects) => step.bar(objects, size.objects),
    });
    if (!canary) {
      result.hasNoCanary = true;
      result.stopped = `${consumer.name} has all on record, or there is nothing valid: a canary would prove nothing`;
      return undefined;
    }
    const earlierLetters = new Set<string>();
    await lookAtDeadLetters(
      clients.sqs,
      consumer.deadLetterQueueUrl,
      ({ MessageId = '' }) => earlierLetters.add(MessageId),
      { signal },
    );
    await this.send([canary]);
    if (result.sent === 0 && !signal.aborted) result.stopped ??= 'SQS refuses the canary';
    if (result.stopped !== undefined || signal.aborted) return undefined;
    await this.awaitEnd(canary, earlierLetters);
    return canary;
  }

  private async awaitEnd(canary: ArchivedOutgoing, earlierLetters: ReadonlySet<string>): Promise<void> {
    const { clients, stack, consumer, canarySeconds = 0, signal } = this.task;
    const { result, step } = this;
    const { orderId = '' } = canary;
    step.update(`Replaying: waiting for the end of order ${orderId}`);
    const { isProcessed, refused, stopped, next } = await awaitCanary({
      clients,
      stack,
      consumers: [consumer],
      orderId,
      body: canary.body,
      earlierLetters,
      seconds: canarySeconds,
      progress: createProgress({ silent: true }),
      signal,
    });
    step.update('Replaying');
    result.isProved = isProcessed;
    result.cameBack = refused.map((reason) => reason ?? NO_REASON);
    if (stopped !== undefined) {
      result.stopped = stopped;
      result.next = next ?? ['failed', consumer.name];
    }
  }
}

/** Keeps each message's group; a FIFO queue takes what was sent before, since its ID is another in each replay. */
function destinationOf(sqs: SQSClient, queueUrl: string): Destination<ArchivedOutgoing> {
  const replayId = randomUUID();
  return toQueue(sqs, queueUrl, (message: ArchivedOutgoing) => ({
    groupId: message.groupId ?? (isFifo(queueUrl) ? customerGroup(message) : undefined),
    deduplicationId: isFifo(queueUrl) ? `${replayId}:${message.messageId}` : undefined,
  }));
}
