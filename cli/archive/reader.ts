/** Reads the archive from one end of a span of time to the other, some objects at a time, however many there are. */
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { type ArchivedMessage, inOrder, parseArchiveKey } from '../../contract/archive.ts';
import { listObjects, readObject, type Span } from './objects.ts';

export interface ArchiveReading {
  readonly s3: S3Client;
  readonly bucket: string;
  readonly span: Span;
  /** The key of an object: only what is behind it is read. @default - all of the span */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
}

/** What is to be read. */
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

/** Messages that were read together. */
export interface Portion {
  /** Those of the span, in the order of their groups where the archive's queue is FIFO. */
  readonly messages: readonly ArchivedMessage[];
  readonly skipped: readonly SkippedObject[];
  /** How many they came from, with those that were skipped. */
  readonly objects: number;
  /** The last of these objects. */
  readonly lastKey: string;
}

/** Objects that are read at the same time; each takes some MB of memory. */
const READS = 8;
const MINUTE_MS = 60_000;

/** Counts what is to be read. @throws whatever the SDK throws */
export async function sizeOf({ s3, bucket, span, after, signal }: ArchiveReading): Promise<ArchiveSize> {
  let [objects, bytes] = [0, 0];
  for await (const object of listObjects(s3, bucket, span, after)) {
    signal.throwIfAborted();
    objects += 1;
    bytes += object.bytes;
  }
  return { objects, bytes };
}

/**
 * Reads the messages of a span, an object's at a time. Those of a FIFO queue come by the minute, put in order: two objects of a
 * minute can hold messages of the same group. What cannot be read is skipped and named.
 * @throws whatever the SDK throws; an AbortError on the signal
 */
export async function* readArchive({
  s3,
  bucket,
  span,
  after,
  signal,
}: ArchiveReading): AsyncGenerator<Portion> {
  const contents = Readable.from(listObjects(s3, bucket, span, after)).map(
    (object) => readObject(s3, bucket, object),
    { concurrency: READS, signal },
  ) as AsyncIterable<Awaited<ReturnType<typeof readObject>>>;
  let gathered: Portion[] = [];
  let minute: number | undefined;
  for await (const content of contents) {
    const begun = minuteOf(content.key);
    if (gathered.length > 0 && begun !== undefined && begun !== minute) {
      yield together(gathered);
      gathered = [];
    }
    const portion = portionOf(content, span);
    gathered.push(portion);
    minute = begun ?? minute;
    if (gathered.length > 1 || isOrdered(portion)) continue;
    yield portion;
    gathered = [];
  }
  if (gathered.length > 0) yield together(gathered);
}

function isOrdered({ messages }: Portion): boolean {
  return messages[0]?.sequenceNumber !== undefined;
}

function portionOf(content: Awaited<ReturnType<typeof readObject>>, { from, to }: Span): Portion {
  const { key } = content;
  if ('problem' in content) {
    return { messages: [], skipped: [{ key, problem: content.problem }], objects: 1, lastKey: key };
  }
  const messages = content.messages.filter(({ sentAt }) => {
    const at = new Date(sentAt);
    return at >= from && at < to;
  });
  return { messages, skipped: [], objects: 1, lastKey: key };
}

function together(portions: readonly Portion[]): Portion {
  return {
    messages: portions.flatMap(({ messages }) => messages).sort(inOrder),
    skipped: portions.flatMap(({ skipped }) => skipped),
    objects: portions.length,
    lastKey: portions.at(-1)?.lastKey ?? '',
  };
}

/** Of the first message of an object; undefined for what is no object of the archive. */
function minuteOf(key: string): number | undefined {
  const firstAt = parseArchiveKey(key)?.firstAt.getTime();
  return firstAt === undefined ? undefined : Math.floor(firstAt / MINUTE_MS);
}
