// What a dead letter says of itself: whose order, why, since when.
import type { Message } from '@aws-sdk/client-sqs';
import { type Command, InvalidArgumentError } from 'commander';
import type { DeadLetterContext } from '../contract/dead-letter.ts';
import { since } from './since.ts';
import { count, format, hang, time } from './table.ts';

export interface Letter {
  readonly messageId: string;
  readonly body: string;
  /** Absent where the body names none. */
  readonly orderId?: string;
  /** Absent where SQS or SNS put the letter there. */
  readonly reason?: { readonly error: string; readonly message: string };
  /** When the consumer gave it up; where SQS or SNS did, when SQS first got the message. */
  readonly at: Date;
  /** As the consumer said; unchecked, since anybody who may publish can set attributes. */
  readonly context: Partial<DeadLetterContext>;
  /** As SQS handed it out. */
  readonly message: Message;
}

/** Letters of one reason. */
interface ReasonGroup {
  readonly reason: string;
  count: number;
  first: Date;
  last: Date;
}

/** What narrows down a verb's letters. */
export interface LetterFilter {
  readonly reason?: string;
  readonly order?: string;
  readonly since?: Date;
}

export const NO_REASON = 'no reason: see logs';

/** Reads what SQS handed out with all attributes. */
export function readLetter(message: Message): Letter {
  const { MessageId: messageId = '', Body: body = '', MessageAttributes = {}, Attributes = {} } = message;
  const { DeadLetterError, DeadLetterMessage, DeadLetterContext } = MessageAttributes;
  const context = parseObject(DeadLetterContext?.StringValue) as Partial<DeadLetterContext>;
  const orderId = orderIdOf(body);
  const givenUp = new Date(String(context.deadLetteredAt));
  const isStale = isOfEarlierDeath(message);
  return {
    messageId,
    body,
    ...(orderId !== undefined && { orderId }),
    ...(DeadLetterError?.StringValue &&
      !isStale && {
        reason: { error: DeadLetterError.StringValue, message: DeadLetterMessage?.StringValue ?? '' },
      }),
    at: isStale || Number.isNaN(givenUp.getTime()) ? sentAt(message) : givenUp,
    context,
    message: { ...message, Attributes },
  };
}

/**
 * Whether the reason is of a death before this one: the letter was redriven with its attributes, and then crashed its consumer
 * until SQS moved it. Such a move, and nothing else, leaves DeadLetterQueueSourceArn.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
 */
function isOfEarlierDeath({ Attributes }: Message): boolean {
  return Attributes?.DeadLetterQueueSourceArn !== undefined;
}

/** When SQS got the message, by its own clock. For one that SQS moved here, that is when it came to the queue. */
export function sentAt({ Attributes }: Message): Date {
  return new Date(Number(Attributes?.SentTimestamp));
}

/** The reason as it is grouped by: without what differs from message to message. */
export function reasonOf({ reason }: Letter): string {
  if (!reason) return NO_REASON;
  const shape = reason.message
    .replace(/\b[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\b/gi, '…')
    .replace(/\b(?=\w*\d)(?=\w*[a-z])\w{12,}\b/gi, '…')
    .replace(/\b\d{5,}\b/g, '…')
    .replace(/\[\d+\]/g, '[…]');
  return printable(shape && shape !== '-' ? `${reason.error}: ${shape}` : reason.error).replace(/\s+/g, ' ');
}

/** Text of strangers, safe for a terminal: without control characters but line breaks and tabs. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\t\n]/gu, '\u{FFFD}');
}

/** Counts letters by their reasons. */
export class Reasons {
  private readonly groups = new Map<string, ReasonGroup>();

  add(letter: Letter): void {
    this.count(reasonOf(letter), letter.at);
  }

  count(reason: string, at: Date): void {
    const group = this.groups.get(reason);
    if (!group) {
      this.groups.set(reason, { reason, count: 1, first: at, last: at });
      return;
    }
    group.count++;
    if (at < group.first) group.first = at;
    if (at > group.last) group.last = at;
  }

  get total(): number {
    return this.list().reduce((sum, group) => sum + group.count, 0);
  }

  /** The most frequent first. */
  list(): ReasonGroup[] {
    return Array.from(this.groups.values()).sort(
      (a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1),
    );
  }

  /** Some lines a reason. */
  describe(): string {
    const groups = this.list();
    const width = Math.max(0, ...groups.map((group) => format(group.count).length));
    return groups
      .flatMap((group) => [
        hang(`  ${format(group.count).padStart(width)}`, group.reason, width + 4),
        ' '.repeat(width + 4) +
          (group.count === 1
            ? `at ${time(group.first)}`
            : `first ${time(group.first)}, last ${time(group.last)}`),
      ])
      .join('\n');
  }
}

/** `billing: 12 dead letters`. */
export function headline(consumer: string, letters: number): string {
  return `${consumer}: ${letters === 0 ? 'no dead letters' : count(letters, 'dead letter')}`;
}

/** What to say of letters that SQS counts but did not hand out; undefined if there are none. */
export function unseenLine(consumer: string, unseen: number): string | undefined {
  if (unseen === 0) return undefined;
  const text = `SQS counts about ${format(unseen)} more, which somebody else is looking at or has just taken away. Look again in a minute.`;
  return hang(`${consumer}:`, text, consumer.length + 2);
}

/** Gives a command the options of LetterFilter. */
export function addLetterFilter(command: Command): Command {
  return command
    .option('--reason <text>', 'only those whose reason has this in it, in any case', reasonText)
    .option('--order <orderId>', 'only those of this order')
    .option('--since <time>', 'only those from then on: 15m, 2h, 3d or 2026-11-22T17:00:00Z', (text) =>
      since(text),
    );
}

/** Whether a letter is one of those asked for. */
export function letterFilter({ reason, order, since: from }: LetterFilter): (letter: Letter) => boolean {
  const wanted = reason?.toLowerCase();
  return (letter) =>
    (wanted === undefined || spellings(letter).some((each) => each.toLowerCase().includes(wanted))) &&
    (order === undefined || letter.orderId === order) &&
    (from === undefined || letter.at >= from);
}

/** The filter in words, ` of the reason "NotJson"`; empty where everything is meant. */
export function describeFilter({ reason, order, since: from }: LetterFilter): string {
  return [
    ...(reason === undefined ? [] : [`reason "${printable(reason)}"`]),
    ...(order === undefined ? [] : [`order ${printable(order)}`]),
    ...(from === undefined ? [] : [`since ${time(from)}`]),
  ].join(', ');
}

function spellings(letter: Letter): string[] {
  const { reason } = letter;
  return [reasonOf(letter), ...(reason ? [`${reason.error}: ${reason.message}`] : [])];
}

function reasonText(text: string): string {
  if (text.trim() === '')
    throw new InvalidArgumentError('It must be a part of a reason, like SchemaViolation.');
  return text;
}

/** The orderId that a body names, as it is or in SNS's envelope. */
function orderIdOf(body: string): string | undefined {
  const value = parseObject(body);
  const { orderId } = value.Type === 'Notification' ? parseObject(value.Message) : value;
  return typeof orderId === 'string' ? printable(orderId) : undefined;
}

function parseObject(text: unknown): Record<string, unknown> {
  try {
    const value = JSON.parse(String(text));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
