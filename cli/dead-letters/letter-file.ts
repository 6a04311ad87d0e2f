/** Dead letters saved in a file, one JSON object a line. */
import fs from 'node:fs';
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { CommandError, usageError } from '../terminal/command-error.ts';
import { named } from '../terminal/words.ts';
import { type Letter, sentAt } from './letter.ts';

/** Writes letters to a new file that only its owner can read: they hold personal data. */
export class LetterFile {
  readonly path: string;
  /** Number of letters in the file. */
  written = 0;
  private readonly file: number;
  /** In bytes. */
  private size = 0;

  /** @throws CommandError, wrong usage, for a file that exists or cannot be created */
  constructor(path: string) {
    this.path = path;
    try {
      this.file = fs.openSync(path, 'wx', 0o600);
    } catch (error) {
      throw usageError(cannotWrite(path, error));
    }
  }

  /**
   * Appends letters: all of them, or none.
   * @throws CommandError where they do not fit; the file then ends with the letter before them
   */
  append(consumer: string, letters: readonly Letter[]): void {
    const lines = letters.map((letter) => `${JSON.stringify(exported(consumer, letter))}\n`);
    const bytes = Buffer.from(lines.join(''));
    try {
      // A write may be short without an error.
      for (let done = 0; done < bytes.length; ) {
        done += fs.writeSync(this.file, bytes, done, bytes.length - done, this.size + done);
      }
    } catch (error) {
      fs.ftruncateSync(this.file, this.size);
      throw new CommandError(cannotWrite(this.path, error));
    }
    this.size += bytes.length;
    this.written += letters.length;
  }

  /** Flushes to disk. @throws CommandError where that fails */
  sync(): void {
    try {
      fs.fsyncSync(this.file);
    } catch (error) {
      throw new CommandError(cannotWrite(this.path, error));
    }
  }

  /** @throws CommandError where the last letters could not be flushed */
  close(): void {
    try {
      this.sync();
    } finally {
      fs.closeSync(this.file);
    }
  }

  /** Closes it, or removes it where it could not be flushed. @throws CommandError in that case */
  finish(): void {
    try {
      this.close();
    } catch (error) {
      fs.rmSync(this.path, { force: true });
      throw error;
    }
  }

  /** Removes the file: half an export looks like a whole one. */
  discard(): void {
    fs.closeSync(this.file);
    fs.rmSync(this.path);
  }
}

const REASONS: Record<string, string> = {
  EEXIST: 'it already exists',
  ENOENT: 'there is no such directory',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'it would exceed the largest file size',
};

function cannotWrite(path: string, error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return `Cannot write ${path}: ${REASONS[code] ?? message}`;
}

/** A letter as it is exported and as `--json --show` prints it. */
export function exported(consumer: string, letter: Letter) {
  const { messageId, id, reason, body, at, context, message } = letter;
  const {
    ApproximateReceiveCount,
    ApproximateFirstReceiveTimestamp,
    MessageGroupId,
    MessageDeduplicationId,
  } = message.Attributes ?? {};
  return {
    consumer,
    messageId,
    ...named(id),
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
