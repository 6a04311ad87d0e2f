/** Sends single dead letters back to their consumer's queue, each of them before it is deleted. */
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import {
  DeleteMessageBatchCommand,
  type Message,
  type MessageAttributeValue,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSMessageAttribute } from 'aws-lambda';
import { originalAttributes, toRequest } from '../../contract/dead-letter.ts';
import { messageAttributes } from '../../contract/order.ts';
import { explain } from '../aws/errors.ts';
import type { Edit } from './edits.ts';
import { type Letter, readLetter, sentAt } from './letter.ts';
import { forEachBatch } from './look.ts';

export interface SendBackOptions {
  readonly sqs: SQSClient;
  /** URL of the dead-letter queue. */
  readonly from: string;
  /** URL of the consumer's queue. */
  readonly to: string;
  /** IDs of all letters that lay there before; what comes later is never sent back. */
  readonly present: ReadonlySet<string>;
  /** Hashes of the bodies that were sent back; grows. */
  readonly sentBodies: Set<string>;
  /** What takes the place of a letter's body and contract attributes. */
  readonly edit: (letter: Letter) => Edit | undefined;
  /** Letters per second, at most. */
  readonly rate?: number;
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
  /** Letters that SQS did not take; they stay where they are. */
  readonly refused: { letter: Letter; reason: string }[];
  /** Letters that were sent, but are still here as well. To send them once more does no harm. */
  notDeleted: number;
  /** Letters that SQS would take for duplicates now; they stay where they are. */
  tooRecent: number;
  /** Why it ended before its end. */
  stopped?: string;
}

/**
 * On a FIFO queue SQS accepts, and throws away, what has the deduplication ID of another message of the last 5 minutes. A
 * minute more, for the clock of this machine.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
 */
const DEDUPLICATION_MS = 6 * 60_000;
/** Errors that are about one message, so that the next one may do better. */
const ABOUT_THE_MESSAGE =
  /^(InvalidMessageContents|InvalidParameterValue|InvalidAttributeValue|InvalidParameterCombination)$/;

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
  /** IDs of those that have not been met yet. */
  private readonly left: Set<string>;
  private readonly isFifo: boolean;
  private readonly stop = new AbortController();
  private readonly ends: AbortSignal;
  private readonly result: SentBack = { sent: 0, cameBack: [], refused: [], notDeleted: 0, tooRecent: 0 };
  /** When the rate lets the next letter through. */
  private next = performance.now();
  private handled = 0;

  constructor(wanted: ReadonlySet<string>, options: SendBackOptions) {
    this.options = options;
    this.wanted = wanted.size;
    this.left = new Set(wanted);
    this.isFifo = options.to.endsWith('.fifo');
    this.ends = AbortSignal.any([options.signal, this.stop.signal]);
  }

  async run(): Promise<SentBack> {
    const { sqs, from, rate } = this.options;
    try {
      await forEachBatch(sqs, from, (messages) => this.handle(messages), {
        signal: this.ends,
        handlingSeconds: rate === undefined ? 0 : this.wanted / rate,
        pollers: this.isFifo ? 1 : undefined,
      });
    } catch (error) {
      const said = explain(error);
      if (said === undefined) throw error;
      this.result.stopped ??= said;
    }
    return this.result;
  }

  /** Sends those of the messages that are wanted. @returns those that are gone from the dead-letter queue */
  private async handle(messages: Message[]): Promise<Message[]> {
    const { present, sentBodies, onProgress } = this.options;
    for (const message of messages) {
      if (present.has(message.MessageId ?? '') || !sentBodies.has(hash(message.Body))) continue;
      this.result.cameBack.push(readLetter(message));
      this.stop.abort();
    }
    const letters = messages.filter(({ MessageId = '' }) => this.left.delete(MessageId)).map(readLetter);
    const sent: Letter[] = [];
    const send = async (letter: Letter) => {
      if (await this.send(letter)) sent.push(letter);
    };
    // A group's order is its letters' order.
    if (this.isFifo) for (const letter of letters) await send(letter);
    else await Promise.all(letters.map(send));
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

  /** @returns whether SQS has it now */
  private async send(letter: Letter): Promise<boolean> {
    const { sqs, to, edit, sentBodies, now = Date.now } = this.options;
    await this.turn();
    if (this.ends.aborted) return false;
    const { MessageGroupId, MessageDeduplicationId } = letter.message.Attributes ?? {};
    if (
      this.isFifo &&
      MessageDeduplicationId &&
      now() - sentAt(letter.message).getTime() < DEDUPLICATION_MS
    ) {
      this.result.tooRecent++;
      return false;
    }
    const edited = edit(letter);
    const body = edited?.body ?? letter.body;
    // Before it is sent: it may be back before the answer is here.
    sentBodies.add(hash(body));
    try {
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: to,
          MessageBody: body,
          MessageAttributes: {
            ...attributesBefore(letter.message),
            ...(edited && messageAttributes(edited.order)),
          },
          ...(MessageGroupId && { MessageGroupId }),
          ...(this.isFifo && MessageDeduplicationId && { MessageDeduplicationId }),
        }),
      );
      return true;
    } catch (error) {
      const reason = explain(error, 'sqs:SendMessage') ?? String(error);
      if (error instanceof Error && ABOUT_THE_MESSAGE.test(error.name)) {
        this.result.refused.push({ letter, reason });
      } else this.end(reason);
      return false;
    }
  }

  private async delete(letters: Letter[]): Promise<Message[]> {
    if (letters.length === 0) return [];
    const messages = letters.map(({ message }) => message);
    try {
      return await deleteLetters(this.options.sqs, this.options.from, messages);
    } catch (error) {
      this.end(explain(error, 'sqs:DeleteMessage') ?? String(error));
      return [];
    }
  }

  private end(reason: string): void {
    this.result.stopped ??= reason;
    this.stop.abort();
  }

  /** Resolves when the rate lets the next letter through, or when it is over. */
  private async turn(): Promise<void> {
    const { rate } = this.options;
    if (rate === undefined) return;
    const wait = this.next - performance.now();
    this.next = Math.max(this.next, performance.now()) + 1000 / rate;
    if (wait > 0) await setTimeout(wait, undefined, { signal: this.ends }).catch(() => {});
  }
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

/** The attributes that the message had before it died. */
function attributesBefore({ MessageAttributes = {} }: Message): Record<string, MessageAttributeValue> {
  const asFunctionsGetThem = Object.entries(MessageAttributes).map(
    ([name, { DataType = '', StringValue, BinaryValue }]): [string, SQSMessageAttribute] => [
      name,
      {
        dataType: DataType as SQSMessageAttribute['dataType'],
        ...(BinaryValue
          ? { binaryValue: Buffer.from(BinaryValue).toString('base64') }
          : { stringValue: StringValue ?? '' }),
      },
    ],
  );
  return toRequest(originalAttributes(Object.fromEntries(asFunctionsGetThem)));
}

function hash(body = ''): string {
  return createHash('sha256').update(body).digest('base64');
}
