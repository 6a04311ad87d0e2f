/** The objects of the archive in a span of time, and what they hold. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import {
  ARCHIVE_PREFIX,
  type ArchivedMessage,
  digestOf,
  hourPrefix,
  parseArchivedMessage,
  parseArchiveKey,
} from '../../contract/archive.ts';

/** From `from` on and up to, without, `to`. */
export interface Span {
  readonly from: Date;
  readonly to: Date;
}

/** An object of the archive's bucket. */
export interface StoredObject {
  readonly key: string;
  /** Compressed. */
  readonly bytes: number;
}

/** What an object holds, or why it cannot be read. */
export type ObjectContent = StoredObject &
  ({ readonly messages: readonly ArchivedMessage[] } | { readonly problem: string });

/** An invocation, and so an object, holds 6 MB at most, which grow by what JSON has to escape. */
const MOST_BYTES = 64 * 2 ** 20;
const TOO_LARGE = 'it is larger than the archive writes';
const HOUR_MS = 3_600_000;

const decompress = promisify(gunzip);

/**
 * Lists the objects of all hours that the span touches, in the order of their keys, which is the order in which they began; whatever
 * else lies among them as well.
 * @param after the key behind which it begins @default - with the first
 * @throws whatever the SDK throws
 */
export async function* listObjects(
  s3: S3Client,
  Bucket: string,
  { from, to }: Span,
  after = '',
): AsyncGenerator<StoredObject> {
  const begin = hourPrefix(from);
  const end = hourPrefix(new Date(Math.ceil(to.getTime() / HOUR_MS) * HOUR_MS));
  const request = { Bucket, Prefix: ARCHIVE_PREFIX, StartAfter: after > begin ? after : begin };
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, request)) {
    for (const { Key: key = '', Size: bytes = 0 } of Contents) {
      if (key >= end) return;
      yield { key, bytes };
    }
  }
}

/**
 * Reads an object, and makes sure that it is what the archive has written: its key has the digest of its content.
 * @throws whatever the SDK throws, but for an object that is gone
 */
export async function readObject(s3: S3Client, Bucket: string, object: StoredObject): Promise<ObjectContent> {
  const { key, bytes } = object;
  const bad = (problem: string) => ({ ...object, problem });
  const written = parseArchiveKey(key);
  if (!written) return bad('its key is none that the archive gives');
  if (bytes > MOST_BYTES) return bad(TOO_LARGE);
  const compressed = await contentOf(s3, Bucket, key);
  if (!compressed) return bad('it has been deleted meanwhile');
  let content: string;
  try {
    content = (await decompress(compressed, { maxOutputLength: MOST_BYTES })).toString();
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return bad(isTooLarge ? TOO_LARGE : 'it is cut off, or not compressed by gzip');
  }
  if (digestOf(content) !== written.digest)
    return bad('its content is not what its key says: it was changed');
  const messages = content.split('\n').slice(0, -1).map(parseArchivedMessage);
  const wrong = messages.indexOf(undefined);
  if (wrong !== -1) return bad(`line ${wrong + 1} is none that the archive writes`);
  return { ...object, messages: messages as ArchivedMessage[] };
}

async function contentOf(s3: S3Client, Bucket: string, Key: string): Promise<Uint8Array | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    return await Body?.transformToByteArray();
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return undefined;
    throw error;
  }
}
