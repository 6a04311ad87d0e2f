/** Sends single letters back to their consumer, or unrouted messages on, and deletes each one after it is sent. */
import { createHash } from 'node:crypto';
import { DeleteMessageBatchCommand, type Message, type SQSClient } from '@aws-sdk/client-sqs';
import { explain } from '../aws/errors.ts';
import { type Correction, type Letter, sentAt, sentAttributes } from '../dead-letters/letter.ts';
import { forEachBatch } from '../dead-letters/look.ts';
import { Pace } from '../publishing/batches.ts';
import { sendMessages } from '../publishing/sending.ts';
import type { OutgoingLetter, Route } from './route.ts';

export interface SendBackOptions {
  readonly sqs: SQSClient;
  readonly route: Pick<Route, 'from' | 'to' | 'refusal'>;
  /** IDs of all letters that were there before; later ones are never sent back. */
  readonly present: ReadonlySet<string>;
  /** Hashes of the bodies sent so far; grows. */
  readonly sentBodies: Set<string>;
  /** Replaces a letter's body and contract attributes. */
  readonly edit: (letter: Letter) => Correction | undefined;
  /** Letters per second, at most. */
  readonly rate?: number | undefined;
  readonly signal: AbortSignal;
  /** Called with sent letters before they are deleted; an error keeps them, and ends the redrive. */
  readonly onSent?: (letters: readonly Letter[]) => void;
  readonly onProgress: (sent: number) => void;
  readonly now?: () => number;
}

export interface SentBack {
  sent: number;
  /** Letters whose body had been sent back, and that are here again. */
  readonly cameBack: Letter[];
  /** Letters that were not taken, or would come straight back; they stay where they are. */
  readonly refused: { letter: Letter; reason: string }[];
  /** Letters that were sent, but are still here as well. Sending them again does no harm. */
  notDeleted: number;
  /** Letters that SQS would drop as duplicates now; they stay where they are. */
  tooRecent: number;
  /** Why it ended early. */
  stopped?: string | undefined;
}

/**
 * A FIFO queue drops messages with the deduplication ID of another one of the last 5 minutes. A minute more, for this machine's clock.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
 */
const DEDUPLICATION_MS = 6 * 60_000;

/**
 * Sends the letters with the IDs `wanted` back, as they were before they died, and deletes each after it was sent: wherever
 * this ends, a letter is in one of the two queues or, for a moment, in both. Stops when letters come back. Does not throw for
 * anything that AWS answers.
 */
export async function sendBack(
  wanted: ReadonlySet<string>,
  {
    sqs,
    route,
    present,
    sentBodies,
    edit,
    rate,
    signal,
    onSent,
    onProgress,
    now = Date.now,
  }: SendBackOptions,
): Promise<SentBack> {
  const { from, to } = route;
  const isFifo = to.groupOf !== undefined;
  const pace = new Pace(rate);
  /** IDs of those that have not been received yet. */
  const left = new Set(wanted);
  const stop = new AbortController();
  const ends = AbortSignal.any([signal, stop.signal]);
  const result: SentBack = { sent: 0, cameBack: [], refused: [], notDeleted: 0, tooRecent: 0 };
  let handled = 0;
  const end = (reason: string) => {
    result.stopped ??= reason;
    stop.abort();
  };

  /** The letter as it is to be sent; undefined where it stays, which is counted. */
  const outgoing = (letter: Letter): OutgoingLetter | undefined => {
    const hasId = letter.message.Attributes?.MessageDeduplicationId !== undefined;
    if (isFifo && hasId && now() - sentAt(letter.message).getTime() < DEDUPLICATION_MS) {
      result.tooRecent++;
      return undefined;
    }
    const edited = edit(letter);
    const reason = route.refusal?.(letter, edited);
    if (reason === undefined) {
      return { letter, body: edited?.body ?? letter.body, attributes: sentAttributes(letter, edited) };
    }
    result.refused.push({ letter, reason });
    return undefined;
  };

  /** @returns those that were taken */
  const send = async (messages: OutgoingLetter[]): Promise<Letter[]> => {
    // Before they are sent: they may come back before the response.
    for (const { body } of messages) sentBodies.add(hash(body));
    const options = { messages, pace, concurrency: 1, endsAtFailure: true, signal: ends };
    const { failed, stopped } = await sendMessages(to, options);
    if (stopped !== undefined && !ends.aborted) end(stopped);
    const reasons = new Map(failed.map(({ index, reason }) => [messages[index], reason]));
    for (const message of messages) {
      const reason = reasons.get(message);
      if (reason !== undefined && reason !== stopped) result.refused.push({ letter: message.letter, reason });
    }
    return messages.filter((message) => !reasons.has(message)).map(({ letter }) => letter);
  };

  /** Sends those of the messages that are wanted. @returns those that are gone from their queue */
  const handle = async (messages: Message[]): Promise<Message[]> => {
    for (const message of messages) {
      if (present.has(message.MessageId ?? '') || !sentBodies.has(hash(message.Body))) continue;
      result.cameBack.push(from.read(message));
      stop.abort();
    }
    const letters = messages.filter(({ MessageId = '' }) => left.delete(MessageId)).map(from.read);
    const sent = await send(letters.flatMap((letter) => outgoing(letter) ?? []));
    result.sent += sent.length;
    result.notDeleted += sent.length;
    onSent?.(sent);
    const deleted = await deleteSent(sent);
    result.notDeleted -= deleted.length;
    onProgress(result.sent);
    handled += letters.length;
    if (handled === wanted.size) stop.abort();
    return deleted;
  };

  const deleteSent = async (letters: Letter[]): Promise<Message[]> => {
    if (letters.length === 0) return [];
    const messages = letters.map(({ message }) => message);
    return deleteLetters(sqs, from.url, messages).catch((error) => {
      end(explain(error, 'sqs:DeleteMessage') ?? String(error));
      return [];
    });
  };

  await forEachBatch(sqs, from.url, handle, {
    signal: ends,
    handlingSeconds: rate === undefined ? 0 : wanted.size / rate,
    pollers: isFifo ? 1 : pollersFor(rate),
  }).catch((error) => {
    const reason = explain(error);
    if (reason === undefined) throw error;
    result.stopped ??= reason;
  });
  return result;
}

/** Batches that wait for each other are sent, but not deleted yet: no more of them than the rate needs. */
function pollersFor(rate: number | undefined): number | undefined {
  return rate === undefined ? undefined : Math.min(4, Math.ceil(rate / 50));
}

/** Deletes up to ten letters; returns those that are gone. @throws whatever the SDK throws */
export async function deleteLetters(
  sqs: SQSClient,
  queueUrl: string,
  letters: readonly Message[],
): Promise<Message[]> {
  const { Successful = [] } = await sqs.send(
    new DeleteMessageBatchCommand({
      QueueUrl: queueUrl,
      Entries: letters.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
    }),
  );
  const deleted = new Set(Successful.map(({ Id }) => Id));
  return letters.filter((_, index) => deleted.has(String(index)));
}

function hash(body = ''): string {
  return createHash('sha256').update(body).digest('base64');
}
