/** How the archive keeps messages: the function of the archive writes objects so, operators' commands read them. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';

/** What operators call the archive's queue and function. No consumer may be called so. */
export const ARCHIVE = 'archive';
/** All objects of the archive, and nothing else, have keys that begin so. */
export const ARCHIVE_PREFIX = 'orders/';

const attribute = z.strictObject({
  dataType: z.string(),
  stringValue: z.optional(z.string()),
  /** Base64. */
  binaryValue: z.optional(z.base64()),
});

const line = z.strictObject({
  /** Of the message in the archive's queue: a copy that was published has another. */
  messageId: z.string(),
  /** When it came into the archive's queue, which is when it was published, or when an operator sent it back there. */
  sentAt: z.iso.datetime(),
  /** Its message group, if it had one. */
  groupId: z.optional(z.string()),
  /** Its place in the archive's queue, where that is FIFO: the later one of a group has the greater number. */
  sequenceNumber: z.optional(z.string().check(z.regex(/^\d+$/))),
  attributes: z.record(z.string(), attribute),
  /** As it was published, byte for byte, whether or not it is JSON. */
  body: z.string(),
});

/** A message as the archive has it, in one line of JSON. */
export type ArchivedMessage = z.output<typeof line>;

/** An object of the archive: where it lies, and its content before it is compressed. */
export interface ArchiveObject {
  readonly key: string;
  readonly content: string;
}

/** What a key says of its object. */
export interface ArchiveKey {
  /** When the first of its messages came, to the millisecond. */
  readonly firstAt: Date;
  /** SHA-256 of its content, in hex. */
  readonly digest: string;
}

/**
 * The object that holds these messages, which all came in the same hour. Its key has the hour, as partitions of a table are
 * written, when the first message came, and the digest of the content: the same messages are the same object, however often it
 * is written, and an object that was changed or cut off can be told.
 * @param messages at least one
 */
export function archiveObject(messages: readonly ArchivedMessage[]): ArchiveObject {
  const content = messages
    .toSorted(inOrder)
    .map((message) => `${JSON.stringify(message)}\n`)
    .join('');
  // Sequence numbers of different groups say nothing of the time.
  const [firstAt = ''] = messages.map(({ sentAt }) => sentAt).sort();
  return { key: `${hourPrefix(new Date(firstAt))}${firstAt}-${digestOf(content)}.jsonl.gz`, content };
}

/** Of a group of a FIFO queue the places in it, otherwise when they came. */
export function inOrder(one: ArchivedMessage, other: ArchivedMessage): number {
  if (one.sequenceNumber && other.sequenceNumber) {
    return Number(BigInt(one.sequenceNumber) - BigInt(other.sequenceNumber));
  }
  return compare(one.sentAt, other.sentAt) || compare(one.messageId, other.messageId);
}

/** The same on every machine, whatever its language. */
function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** What the key of an object says; undefined for one that is not the archive's. */
export function parseArchiveKey(key: string): ArchiveKey | undefined {
  const [, prefix, firstAt, digest] =
    /^(orders\/dt=\d{4}-\d\d-\d\d\/hh=\d\d\/)([\d-]{10}T[\d:.]{12}Z)-([\da-f]{64})\.jsonl\.gz$/.exec(key) ??
    [];
  const at = new Date(firstAt ?? '');
  if (digest === undefined || Number.isNaN(at.getTime()) || hourPrefix(at) !== prefix) return undefined;
  return { firstAt: at, digest };
}

/** SHA-256 in hex of an object's content. */
export function digestOf(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The message in a line; undefined for anything that the archive does not write. */
export function parseArchivedMessage(text: string): ArchivedMessage | undefined {
  try {
    const result = line.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

/** What the keys of messages that came in the hour of `at` begin with: `orders/dt=2026-11-26/hh=10/`. */
export function hourPrefix(at: Date): string {
  const [day, hour] = at.toISOString().split(/[T:]/);
  return `${ARCHIVE_PREFIX}dt=${day}/hh=${hour}/`;
}
