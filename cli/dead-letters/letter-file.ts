/** Dead letters saved in a file, one JSON object a line. */
import fs from 'node:fs';
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { usageError } from '../command-error.ts';
import { type Letter, sentAt } from './letter.ts';

/** Writes letters to a file that was not there before and that only its owner can read: they hold personal data. */
export class LetterFile {
  readonly path: string;
  written = 0;
  private readonly file: number;

  /** @throws CommandError, wrong usage, for a file that is there already or cannot be made */
  constructor(path: string) {
    this.path = path;
    try {
      this.file = fs.openSync(path, 'wx', 0o600);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reasons: Record<string, string> = {
        EEXIST: 'it is there already',
        ENOENT: 'there is no such directory',
      };
      throw usageError(`Cannot write ${path}: ${reasons[code ?? ''] ?? message}`);
    }
  }

  write(consumer: string, letter: Letter): void {
    fs.writeSync(this.file, `${JSON.stringify(exported(consumer, letter))}\n`);
    this.written++;
  }

  /** Has the disk keep what was written so far. */
  sync(): void {
    fs.fsyncSync(this.file);
  }

  close(): void {
    this.sync();
    fs.closeSync(this.file);
  }

  /** Removes the file: half an export looks like a whole one. */
  discard(): void {
    fs.closeSync(this.file);
    fs.rmSync(this.path);
  }
}

/** A letter as it is exported and as `--json --show` prints it. */
export function exported(consumer: string, letter: Letter) {
  const { messageId, orderId, reason, body, at, context, message } = letter;
  const {
    ApproximateReceiveCount,
    ApproximateFirstReceiveTimestamp,
    MessageGroupId,
    MessageDeduplicationId,
  } = message.Attributes ?? {};
  return {
    consumer,
    messageId,
    orderId,
    reason: reason ?? null,
    at: isoTime(at),
    sentAt: isoTime(sentAt(message)),
    attempts: context.attempts,
    firstReceivedAt: context.firstReceivedAt ?? isoTime(new Date(Number(ApproximateFirstReceiveTimestamp))),
    // Of the dead-letter queue, every look included.
    receives: Number(ApproximateReceiveCount),
    messageGroupId: MessageGroupId,
    messageDeduplicationId: MessageDeduplicationId,
    body,
    attributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, inJson(value)]),
    ),
  };
}

function isoTime(time: Date): string | undefined {
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

function inJson({ DataType, StringValue, BinaryValue }: MessageAttributeValue) {
  return BinaryValue
    ? { DataType, BinaryValue: Buffer.from(BinaryValue).toString('base64') }
    : { DataType, StringValue };
}
