/** A replay: messages of the archive go to the queue of one consumer, as they were published. */
import { randomUUID } from 'node:crypto';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { explain } from '../aws/errors.ts';
import type { StackHandles } from '../aws/stack.ts';
import { letterIds } from '../dead-letters/look.ts';
import { NO_REASON } from '../dead-letters/reasons.ts';
import { awaitCanary } from '../outcomes/canary.ts';
import type { Takes } from '../outcomes/subscriptions.ts';
import { Pace } from '../publishing/batches.ts';
import { isFifo, toQueue } from '../publishing/destinations.ts';
import { groupOf } from '../publishing/message-group.ts';
import { type Destination, sendMessages } from '../publishing/sending.ts';
import { createProgress, type Progress } from '../terminal/progress.ts';
import { count, format } from '../terminal/text.ts';
import { NOUN } from '../terminal/words.ts';
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
  /** Whether to count messages only. */
  readonly isDryRun: boolean;
  /** Messages per second, at most. */
  readonly rate?: number | undefined;
  /** Sends one message first, and the others only if it is processed within this time. */
  readonly canarySeconds?: number | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Called with the number of messages sent so far. */
  readonly onSent: (sent: number) => void;
}

export interface ReplayResult {
  /** Messages of the span. */
  read: number;
  /** Event type, or '' where there is none → messages that the consumer takes and the filter lets through. */
  readonly wanted: Map<string, number>;
  sent: number;
  /** Messages that SQS refuses, and why: they are not sent. */
  readonly refused: { readonly messageId: string; readonly reason: string }[];
  /** Objects that could not be read. */
  readonly skipped: SkippedObject[];
  /** The object up to which everything is sent: a replay can be resumed after it. */
  after?: string;
  /** Why it ended early; absent after Ctrl-C. */
  stopped?: string;
  /** The reasons of a canary that came back. */
  cameBack: readonly string[];
  /** Whether the canary was processed, so that the others could follow. */
  isProved: boolean;
  /** No message of the span could prove anything. */
  hasNoCanary: boolean;
  /** The command to type next, if it is not the usual one. */
  next?: readonly string[];
}

/**
 * Sends messages in the archive's sequence. Wherever it ends, every message of the objects up to `after` is sent or refused, and
 * some of the next ones may be. Consumers ignore a message that they have processed. On a FIFO queue a group keeps the sequence of the
 * archive, and a message gets a new deduplication ID: SQS could drop it as a duplicate by the one it was published with.
 * @throws errors that are neither AWS's nor the network's
 */
export async function replay(task: Replay): Promise<ReplayResult> {
  const { clients, stack, consumer, takes, reading, size, filter, isDryRun, signal, onSent } = task;
  const destination = destinationOf(clients.sqs, consumer.queueUrl);
  const pace = new Pace(task.rate);
  const step = task.progress.step(isDryRun ? 'Reading the archive' : 'Replaying');
  const result: ReplayResult = {
    read: 0,
    wanted: new Map(),
    sent: 0,
    refused: [],
    skipped: [],
    cameBack: [],
    isProved: false,
    hasNoCanary: false,
  };

  /** What the consumer takes and the filter lets through. */
  const select = (messages: Portion['messages']): ArchivedOutgoing[] =>
    messages
      .map((message) => outgoing(message, filter))
      .filter((message) => message !== undefined)
      .filter((message) => takes(consumer.name, message));

  const send = async (messages: readonly ArchivedOutgoing[]): Promise<void> => {
    const before = result.sent;
    const { sent, failed, stopped } = await sendMessages(destination, {
      messages,
      pace,
      // A resumed replay sends the rest.
      endsAtFailure: true,
      signal,
      onProgress: (progress) => onSent(before + progress.sent),
    });
    result.sent += sent;
    for (const { index, reason } of failed) {
      if (reason !== stopped) result.refused.push({ messageId: messages[index]?.messageId ?? '', reason });
    }
    if (stopped !== undefined && !signal.aborted) result.stopped = stopped;
  };

  const isOver = () => result.stopped !== undefined || signal.aborted;

  /** @returns whether all of it is sent */
  const take = async ({ messages, skipped }: Portion, canaryId: string | undefined): Promise<boolean> => {
    result.read += messages.length;
    result.skipped.push(...skipped);
    const wanted = select(messages);
    for (const { eventType = '' } of wanted) {
      result.wanted.set(eventType, (result.wanted.get(eventType) ?? 0) + 1);
    }
    if (isDryRun) return true;
    await send(wanted.filter(({ messageId }) => messageId !== canaryId));
    return !isOver();
  };

  const sendAll = async (canaryId: string | undefined): Promise<void> => {
    let objects = 0;
    for await (const portion of readArchive(reading)) {
      if (!(await take(portion, canaryId))) return;
      if (portion.lastKey !== undefined) result.after = portion.lastKey;
      objects += portion.objects;
      step.bar(objects, size.objects, `${format(isDryRun ? result.read : result.sent)} messages`);
    }
  };

  /** Sends one message and waits for its end. @returns its ID; undefined where nothing more is to be sent */
  const sendCanary = async (seconds: number): Promise<string | undefined> => {
    step.update('Replaying: looking for a canary');
    const onProgress = (objects: number) => step.bar(objects, size.objects);
    const canary = await findCanary({ clients, consumer, reading, select, onProgress });
    if (!canary) {
      result.hasNoCanary = true;
      result.stopped = `${consumer.name} has all on record, or there is nothing valid: a canary would prove nothing`;
      return undefined;
    }
    const earlierLetters = await letterIds(clients.sqs, consumer.deadLetterQueueUrl, signal);
    await send([canary]);
    if (result.sent === 0 && !signal.aborted) result.stopped ??= 'SQS refuses the canary';
    if (isOver()) return undefined;
    const { id = '', body } = canary;
    step.update(`Replaying: waiting for the end of ${NOUN} ${id}`);
    const { isProcessed, refused, stopped, next } = await awaitCanary({
      clients,
      stack,
      consumers: [consumer],
      id,
      body,
      earlierLetters,
      seconds,
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
    return canary.messageId;
  };

  try {
    const { canarySeconds } = task;
    const canaryId = canarySeconds === undefined || isDryRun ? undefined : await sendCanary(canarySeconds);
    if (!isOver()) await sendAll(canaryId);
  } catch (error) {
    const reason = signal.aborted ? '' : explain(error);
    if (reason === undefined) {
      step.fail('The replay has failed');
      throw error;
    }
    if (reason) result.stopped = reason;
  }
  const done = isDryRun ? `Read ${count(result.read, 'message')}` : `Sent ${count(result.sent, 'message')}`;
  if (isOver()) step.fail(`${done}, then stopped`);
  else step.done(done);
  return result;
}

/** Keeps each message's group. The deduplication ID differs in each replay, so that SQS drops no repeated message. */
function destinationOf(sqs: SQSClient, queueUrl: string): Destination<ArchivedOutgoing> {
  const replayId = randomUUID();
  return toQueue(sqs, queueUrl, (message: ArchivedOutgoing) => ({
    groupId: message.groupId ?? (isFifo(queueUrl) ? groupOf(message) : undefined),
    deduplicationId: isFifo(queueUrl) ? `${replayId}:${message.messageId}` : undefined,
  }));
}
