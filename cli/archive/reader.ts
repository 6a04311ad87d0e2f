/** Reads a span of the archive in sequence, a few objects at a time. */
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { type ArchivedMessage, inSequence } from '../../contract/archive.ts';
import {
  listObjects,
  type ObjectContent,
  readKey,
  readObject,
  type Span,
  type StoredObject,
} from './objects.ts';

export interface ArchiveReading {
  readonly s3: S3Client;
  readonly bucket: string;
  readonly span: Span;
  /** Only objects behind this key. @default - all of the span */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
}

export interface ArchiveSize {
  readonly objects: number;
  /** Compressed. */
  readonly bytes: number;
}

/** An object that could not be read, and why. */
export interface SkippedObject {
  readonly key: string;
  readonly problem: string;
}

export interface Portion {
  /** Those of the span, in the sequence of their groups where the archive's queue is FIFO. */
  readonly messages: readonly ArchivedMessage[];
  readonly skipped: readonly SkippedObject[];
  /** The number of objects, skipped ones included. */
  readonly objects: number;
  /** The last of these objects that the archive wrote; undefined where none is. */
  readonly lastKey: string | undefined;
}

/** Objects read at a time. Up to three times as many wait in memory. */
const READS = 4;
const MINUTE_MS = 60_000;

/** Counts what is to be read. @throws whatever the SDK throws; an AbortError on the signal */
export async function sizeOf({ s3, bucket, span, after, signal }: ArchiveReading): Promise<ArchiveSize> {
  let [objects, bytes] = [0, 0];
  for await (const object of listObjects(s3, bucket, span, { after, signal })) {
    objects += 1;
    bytes += object.bytes;
  }
  return { objects, bytes };
}

/**
 * Reads the messages of a span, object by object. Those of a FIFO queue come minute by minute, sorted: two objects of a minute can
 * hold messages of the same group. Objects that cannot be read are skipped and reported.
 * @throws whatever the SDK throws, also where S3 denies access to the first object; an AbortError on the signal
 */
export async function* readArchive({
  s3,
  bucket,
  span,
  after,
  signal,
}: ArchiveReading): AsyncGenerator<Portion> {
  const contents: AsyncIterable<ObjectContent> = Readable.from(
    listObjects(s3, bucket, span, { after, signal }),
  ).map((object: StoredObject) => readObject(s3, bucket, object, signal), { concurrency: READS, signal });
  let hasRead = false;
  let minute: Portion[] = [];
  let minuteAt: number | undefined;
  for await (const content of contents) {
    if ('denied' in content && content.denied && !hasRead) throw content.denied;
    hasRead ||= 'messages' in content;
    const at = minuteOf(content.key);
    if (minute.length > 0 && at !== undefined && at !== minuteAt) {
      yield together(minute);
      minute = [];
    }
    const portion = portionOf(content, span);
    minute.push(portion);
    minuteAt = at ?? minuteAt;
    if (minute.length > 1 || isOfFifoQueue(content)) continue;
    yield portion;
    minute = [];
  }
  if (minute.length > 0) yield together(minute);
}

function isOfFifoQueue(content: ObjectContent): boolean {
  return 'messages' in content && content.messages[0]?.sequenceNumber !== undefined;
}

function portionOf(content: ObjectContent, { from, to }: Span): Portion {
  const { key } = content;
  const read = { objects: 1, lastKey: readKey(key) ? key : undefined };
  if ('problem' in content) return { messages: [], skipped: [{ key, problem: content.problem }], ...read };
  const messages = content.messages.filter(({ sentAt }) => {
    const at = new Date(sentAt);
    return at >= from && at < to;
  });
  return { messages, skipped: [], ...read };
}

function together(portions: readonly Portion[]): Portion {
  const lastKey = portions.findLast((portion) => portion.lastKey !== undefined)?.lastKey;
  return {
    messages: inSequence(portions.flatMap(({ messages }) => messages)),
    skipped: portions.flatMap(({ skipped }) => skipped),
    objects: portions.length,
    lastKey,
  };
}

/** The minute of an object's first message; undefined for an object that the archive did not write. */
function minuteOf(key: string): number | undefined {
  const firstAt = readKey(key)?.firstAt.getTime();
  return firstAt === undefined ? undefined : Math.floor(firstAt / MINUTE_MS);
}
