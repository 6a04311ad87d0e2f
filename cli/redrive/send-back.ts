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
  /** IDs of all letters that lay there before; what comes later is never sent back. */
  readonly present: ReadonlySet<string>;
  /** Hashes of the bodies that were sent back; grows. */
  readonly sentBodies: Set<string>;
  /** What takes the place of a letter's body and contract attributes. */
  readonly edit: (letter: Letter) => Correction | undefined;
  /** Letters per second, at most. */
  readonly rate?: number | undefined;
  readonly signal: AbortSignal;
  /** Called with letters that were sent, before they are deleted; what it throws keeps them from it, and ends the redrive. */
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
  /** Letters that were sent, but are still here as well. To send them once more does no harm. */
  notDeleted: number;
  /** Letters that SQS would take for duplicates now; they stay where they are. */
  tooRecent: number;
  /** Why it ended before its end. */
  stopped?: string | undefined;
}

/**
 * On a FIFO queue SQS accepts, and throws away, what has the deduplication ID of another message of the last 5 minutes. A
 * minute more, for the clock of this machine.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
 */
const DEDUPLICATION_MS = 6 * 60_000;

/**
 * Sends the letters with the IDs `wanted` back, as they were before they died, and deletes each after it was sent: wherever
 * this ends, a letter is in one of the two queues or, for a moment, in both. Stops when letters come back. Does not throw for
 * anything that AWS answers.
 */
export function sendBack(wanted: ReadonlySet<string>, options: SendBackOptions): Promise<SentBack> {
  return new SendBack(wanted, options).run();
}

class SendBack {
  private readonly options: SendBackOptions;
  private readonly wanted: number;
  /** IDs of those that have not been received yet. */
  private readonly left: Set<string>;
  private readonly isFifo: boolean;
  private readonly pace: Pace;
  private readonly stop = new AbortController();
  private readonly ends: AbortSignal;
  private readonly result: SentBack = { sent: 0, cameBack: [], refused: [], notDeleted: 0, tooRecent: 0 };
  private handled = 0;

  constructor(wanted: ReadonlySet<string>, options: SendBackOptions) {
    this.options = options;
    this.wanted = wanted.size;
    this.left = new Set(wanted);
    this.isFifo = options.route.to.groupOf !== undefined;
    this.pace = new Pace(options.rate);
    this.ends = AbortSignal.any([options.signal, this.stop.signal]);
  }

  async run(): Promise<SentBack> {
    const { sqs, route, rate } = this.options;
    try {
      await forEachBatch(sqs, route.from.url, (messages) => this.handle(messages), {
        signal: this.ends,
        handlingSeconds: rate === undefined ? 0 : this.wanted / rate,
        pollers: this.isFifo ? 1 : pollersFor(rate),
      });
    } catch (error) {
      const reason = explain(error);
      if (reason === undefined) throw error;
      this.result.stopped ??= reason;
    }
    return this.result;
  }

  /** Sends those of the messages that are wanted. @returns those that are gone from their queue */
  private async handle(messages: Message[]): Promise<Message[]> {
    const { route, present, sentBodies, onProgress } = this.options;
    const { read } = route.from;
    for (const message of messages) {
      if (present.has(message.MessageId ?? '') || !sentBodies.has(hash(message.Body))) continue;
      this.result.cameBack.push(read(message));
      this.stop.abort();
    }
    const letters = messages.filter(({ MessageId = '' }) => this.left.delete(MessageId)).map(read);
    const sent = await this.send(letters.flatMap((letter) => this.outgoing(letter) ?? []));
    this.result.sent += sent.length;
    this.result.notDeleted += sent.length;
    this.options.onSent?.(sent);
    const deleted = await this.delete(sent);
    this.result.notDeleted -= deleted.length;
    onProgress(this.result.sent);
    this.handled += letters.length;
    if (this.handled === this.wanted) this.stop.abort();
    return deleted;
  }

  /** The letter as it is to be sent; undefined where it stays, which is counted. */
  private outgoing(letter: Letter): OutgoingLetter | undefined {
    const { route, edit, now = Date.now } = this.options;
    const hasId = letter.message.Attributes?.MessageDeduplicationId !== undefined;
    if (this.isFifo && hasId && now() - sentAt(letter.message).getTime() < DEDUPLICATION_MS) {
      this.result.tooRecent++;
      return undefined;
    }
    const edited = edit(letter);
    const reason = route.refusal?.(letter, edited);
    if (reason === undefined) {
      return { letter, body: edited?.body ?? letter.body, attributes: sentAttributes(letter, edited) };
    }
    this.result.refused.push({ letter, reason });
    return undefined;
  }

  /** @returns those that were taken */
  private async send(messages: OutgoingLetter[]): Promise<Letter[]> {
    const { route, sentBodies } = this.options;
    // Before they are sent: they may be back before the answer is here.
    for (const { body } of messages) sentBodies.add(hash(body));
    const { failed, stopped } = await sendMessages(route.to, {
      messages,
      pace: this.pace,
      concurrency: 1,
      endsAtFailure: true,
      signal: this.ends,
    });
    if (stopped !== undefined && !this.ends.aborted) this.end(stopped);
    const reasons = new Map(failed.map(({ index, reason }) => [messages[index], reason]));
    for (const message of messages) {
      const reason = reasons.get(message);
      if (reason !== undefined && reason !== stopped) {
        this.result.refused.push({ letter: message.letter, reason });
      }
    }
    return messages.filter((message) => !reasons.has(message)).map(({ letter }) => letter);
  }

  private async delete(letters: Letter[]): Promise<Message[]> {
    if (letters.length === 0) return [];
    const messages = letters.map(({ message }) => message);
    try {
      return await deleteLetters(this.options.sqs, this.options.route.from.url, messages);
    } catch (error) {
      this.end(explain(error, 'sqs:DeleteMessage') ?? String(error));
      return [];
    }
  }

  private end(reason: string): void {
    this.result.stopped ??= reason;
    this.stop.abort();
  }
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
