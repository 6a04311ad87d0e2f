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
export async function sendBack(wanted: ReadonlySet<string>, options: SendBackOptions): Promise<SentBack> {
  const { sqs, from, to, present, sentBodies, edit, rate, signal, onProgress, now = Date.now } = options;
  const isFifo = to.endsWith('.fifo');
  const left = new Set(wanted);
  const result: SentBack = { sent: 0, cameBack: [], refused: [], notDeleted: 0, tooRecent: 0 };
  const stop = new AbortController();
  const ends = AbortSignal.any([signal, stop.signal]);
  let handled = 0;
  let next = performance.now();

  const handle = async (messages: Message[]) => {
    for (const message of messages) {
      if (present.has(message.MessageId ?? '') || !sentBodies.has(hash(message.Body))) continue;
      result.cameBack.push(readLetter(message));
      stop.abort();
    }
    const letters = messages.filter(({ MessageId = '' }) => left.delete(MessageId)).map(readLetter);
    const sent: Letter[] = [];
    const send = async (letter: Letter) => {
      if (await sendOne(letter)) sent.push(letter);
    };
    // A group's order is its letters' order.
    if (isFifo) for (const letter of letters) await send(letter);
    else await Promise.all(letters.map(send));
    const deleted = await deleteAll(sent);
    result.sent += sent.length;
    result.notDeleted += sent.length - deleted.length;
    onProgress(result.sent);
    handled += letters.length;
    if (handled === wanted.size) stop.abort();
    return deleted;
  };

  try {
    await forEachBatch(sqs, from, handle, {
      signal: ends,
      handlingSeconds: rate === undefined ? 0 : wanted.size / rate,
      pollers: isFifo ? 1 : undefined,
    });
  } catch (error) {
    const said = explain(error);
    if (said === undefined) throw error;
    result.stopped ??= said;
  }
  return result;

  /** @returns whether SQS has it now */
  async function sendOne(letter: Letter): Promise<boolean> {
    await turn();
    if (ends.aborted) return false;
    const { MessageGroupId, MessageDeduplicationId } = letter.message.Attributes ?? {};
    if (isFifo && MessageDeduplicationId && now() - sentAt(letter.message).getTime() < DEDUPLICATION_MS) {
      result.tooRecent++;
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
          ...(isFifo && MessageDeduplicationId && { MessageDeduplicationId }),
        }),
      );
      return true;
    } catch (error) {
      const reason = explain(error, 'sqs:SendMessage') ?? String(error);
      if (error instanceof Error && ABOUT_THE_MESSAGE.test(error.name))
        result.refused.push({ letter, reason });
      else {
        result.stopped ??= reason;
        stop.abort();
      }
      return false;
    }
  }

  async function deleteAll(letters: Letter[]): Promise<Message[]> {
    if (letters.length === 0) return [];
    try {
      return await deleteLetters(
        sqs,
        from,
        letters.map(({ message }) => message),
      );
    } catch (error) {
      result.stopped ??= explain(error, 'sqs:DeleteMessage') ?? String(error);
      stop.abort();
      return [];
    }
  }

  /** Resolves when the rate lets the next letter through, or when it is over. */
  async function turn(): Promise<void> {
    if (rate === undefined) return;
    const wait = next - performance.now();
    next = Math.max(next, performance.now()) + 1000 / rate;
    if (wait > 0) await setTimeout(wait, undefined, { signal: ends }).catch(() => {});
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
