/** How the archive stores messages: its function writes the objects, operators' commands read them. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import type { AttributeValue } from './dead-letter.ts';

/** Name of the archive among the consumers. No other may have it. */
export const ARCHIVE = 'archive';

/** What the keys of all archived objects begin with, and no others: `readings/`. @param topic name of the topic that it archives */
export function archivePrefix(topic: string): string {
  return `${topic}/`;
}

/** An archived message. */
export interface ArchivedMessage {
  /** Its ID in the archive's queue: each published copy has its own. */
  readonly messageId: string;
  /** When it was sent to the archive's queue: when it was published, or when an operator sent it back. */
  readonly sentAt: string;
  /** Its message group, if it had one. */
  readonly groupId?: string | undefined;
  /** On a FIFO queue: within a group, later messages have greater numbers. */
  readonly sequenceNumber?: string | undefined;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** As published, byte for byte, whether or not it is JSON. */
  readonly body: string;
}

/**
 * A message as a line of JSON. In lower case, like the columns of a table: then nothing has to be mapped or compared ignoring case,
 * and attributes whose names differ only in case stay distinct.
 * https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html
 */
const lineAttribute = z.strictObject({
  datatype: z.string(),
  stringvalue: z.optional(z.string()),
  binaryvalue: z.optional(z.base64()),
});
const line = z.strictObject({
  messageid: z.string().check(z.regex(/^[\w-]{1,100}$/)),
  sentat: z.iso.datetime(),
  groupid: z.optional(z.string()),
  sequencenumber: z.optional(z.string().check(z.regex(/^\d+$/))),
  // A record of zod's would leave out an attribute `__proto__`.
  attributes: z.custom<Record<string, z.output<typeof lineAttribute>>>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      Object.values(value).every((each) => lineAttribute.safeParse(each).success),
  ),
  body: z.string(),
});

/** An object of the archive, with its content before compression. */
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
 * The object that holds these messages, which all came in the same hour. Its key has the hour in the form of a table's partitions,
 * the time of the first message, and the digest of the content: the same messages always make the same object, and an object that
 * was changed or truncated can be detected.
 * @param messages at least one
 * @param prefix of the archive: `archivePrefix`
 */
export function archiveObject(messages: readonly ArchivedMessage[], prefix: string): ArchiveObject {
  const content = inSequence(messages).map(lineOf).join('');
  // Sequence numbers of different groups say nothing of the time.
  const [firstAt = ''] = messages.map(({ sentAt }) => sentAt).sort();
  return { key: `${hourPrefix(prefix, new Date(firstAt))}${firstAt}-${digestOf(content)}.jsonl.gz`, content };
}

/** By sequence number if all come from a FIFO queue; otherwise by time. */
export function inSequence<Message extends ArchivedMessage>(messages: readonly Message[]): Message[] {
  const isFifo = messages.every(({ sequenceNumber }) => sequenceNumber !== undefined);
  return messages.toSorted((one, other) =>
    isFifo
      ? Number(BigInt(one.sequenceNumber ?? 0) - BigInt(other.sequenceNumber ?? 0))
      : compare(one.sentAt, other.sentAt) || compare(one.messageId, other.messageId),
  );
}

/** The same on every machine, whatever its language. */
function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** What an object's key says; undefined if it is no key of the archive with this prefix. */
export function parseArchiveKey(key: string, prefix: string): ArchiveKey | undefined {
  const [, hour, firstAt, digest] =
    /^(.+\/)([\d-]{10}T[\d:.]{12}Z)-([\da-f]{64})\.jsonl\.gz$/.exec(key) ?? [];
  const at = new Date(firstAt ?? '');
  if (digest === undefined || Number.isNaN(at.getTime()) || hourPrefix(prefix, at) !== hour) return undefined;
  return { firstAt: at, digest };
}

/** SHA-256 in hex of an object's content. */
export function digestOf(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

function lineOf({ messageId, sentAt, groupId, sequenceNumber, attributes, body }: ArchivedMessage): string {
  const values = Object.entries(attributes).map(([name, { dataType, stringValue, binaryValue }]) => [
    name,
    { datatype: dataType, stringvalue: stringValue, binaryvalue: binaryValue },
  ]);
  const fields: z.output<typeof line> = {
    messageid: messageId,
    sentat: sentAt,
    groupid: groupId,
    sequencenumber: sequenceNumber,
    attributes: Object.fromEntries(values),
    body,
  };
  return `${JSON.stringify(fields)}\n`;
}

/** The message in a line; undefined for anything that the archive does not write. */
export function parseArchivedMessage(text: string): ArchivedMessage | undefined {
  try {
    const result = line.safeParse(JSON.parse(text));
    return result.success ? messageIn(result.data) : undefined;
  } catch {
    return undefined;
  }
}

function messageIn({ groupid, sequencenumber, ...fields }: z.output<typeof line>): ArchivedMessage {
  const attributes = Object.entries(fields.attributes).map(
    ([name, { datatype, stringvalue, binaryvalue }]) => [
      name,
      { dataType: datatype, stringValue: stringvalue, binaryValue: binaryvalue },
    ],
  );
  return {
    messageId: fields.messageid,
    sentAt: fields.sentat,
    groupId: groupid,
    sequenceNumber: sequencenumber,
    attributes: Object.fromEntries(attributes),
    body: fields.body,
  };
}

/** What the keys of messages that came in the hour of `at` begin with: `readings/dt=2026-11-26/hh=10/`. */
export function hourPrefix(prefix: string, at: Date): string {
  const [day, hour] = at.toISOString().split(/[T:]/);
  return `${prefix}dt=${day}/hh=${hour}/`;
}
