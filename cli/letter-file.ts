// Dead letters in a file, one JSON object a line: saved there, or corrected there to be sent again.
import fs from 'node:fs';
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { checkOrder, type Order } from '../contract/order.ts';
import { wrongUsage } from './fault.ts';
import { type Letter, sentAt } from './letter.ts';
import { type FileProblem, notJson, readText } from './order-file.ts';

/** Writes letters to a file that was not there before and that only its owner can read: they hold personal data. */
export class LetterFile {
  readonly path: string;
  written = 0;
  private readonly file: number;

  /** @throws Fault, wrong usage, for a file that is there already or cannot be made */
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
      throw wrongUsage(`Cannot write ${path}: ${reasons[code ?? ''] ?? message}`);
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

/** Corrected orders, by the letters that they stand in for. */
export interface Edits {
  /** The correction of a letter, if there is one. */
  for(letter: Letter): Edit | undefined;
  readonly edits: readonly Edit[];
}

export interface Edit {
  /** From 1. */
  readonly line: number;
  /** The message ID or orderId of the letter. */
  readonly replaces: string;
  readonly body: string;
  readonly order: Order;
}

/**
 * Reads corrections. A line is an object with `messageId` or `orderId`, where there are both the first one counts, and the
 * corrected `body`, an order or its JSON text: an exported line with its body put right. A line that is an order replaces the
 * letter with its orderId.
 * @throws Fault for a file that cannot be read
 */
export async function readEdits(file: string): Promise<Edits & { problems: FileProblem[] }> {
  const problems: FileProblem[] = [];
  const byId = new Map<string, Edit>();
  const lines = (await readText(file)).split('\n');
  for (const [index, text] of lines.entries()) {
    if (text.trim() === '') continue;
    const line = index + 1;
    const edit = readEdit(text, line, problems);
    const earlier = edit && byId.get(edit.replaces);
    if (earlier) {
      problems.push({ line, field: edit.replaces, message: `is replaced on line ${earlier.line} already` });
    } else if (edit) byId.set(edit.replaces, edit);
  }
  if (byId.size === 0 && problems.length === 0) {
    problems.push({ line: 1, field: 'body', message: 'is missing: there is no line in the file' });
  }
  return {
    problems,
    edits: Array.from(byId.values()),
    for: ({ messageId, orderId }) =>
      byId.get(messageId) ?? (orderId === undefined ? undefined : byId.get(orderId)),
  };
}

function readEdit(text: string, line: number, problems: FileProblem[]): Edit | undefined {
  const refuse = (field: string, message: string) => {
    problems.push({ line, field, message });
    return undefined;
  };
  let value: Record<string, unknown>;
  let order: unknown;
  let body: string;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse('line', notJson(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('line', 'must be an object');
  }
  const replaces = value.messageId ?? value.orderId;
  if (typeof replaces !== 'string' || replaces === '') {
    return refuse('messageId', 'is missing: name the letter by it or by orderId');
  }
  const corrected = value.body ?? value;
  try {
    order = typeof corrected === 'string' ? JSON.parse(corrected) : corrected;
    body = typeof corrected === 'string' ? corrected : JSON.stringify(corrected);
  } catch (error) {
    return refuse('body', notJson(error));
  }
  const result = checkOrder(order);
  if ('order' in result) return { line, replaces, body, order: result.order };
  problems.push(...result.problems.map((problem) => ({ line, ...problem })));
  return undefined;
}

function isoTime(time: Date): string | undefined {
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

function inJson({ DataType, StringValue, BinaryValue }: MessageAttributeValue) {
  return BinaryValue
    ? { DataType, BinaryValue: Buffer.from(BinaryValue).toString('base64') }
    : { DataType, StringValue };
}
