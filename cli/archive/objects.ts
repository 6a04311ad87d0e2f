/** The objects of the archive in a span of time, and what they hold. */
import { addAbortSignal, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { domain } from '#domain';
import {
  type ArchivedMessage,
  type ArchiveKey,
  archivePrefix,
  digestOf,
  hourPrefix,
  parseArchivedMessage,
  parseArchiveKey,
} from '../../contract/archive.ts';
import { explain, isDenied, isTransient } from '../aws/errors.ts';

/** From `from`, inclusive, to `to`, exclusive. */
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
  (
    | { readonly messages: readonly ArchivedMessage[] }
    /** `denied` is the error where S3 denies access. */
    | { readonly problem: string; readonly denied?: Error }
  );

/** An invocation, and so an object, holds at most 6 MB, and more once JSON has escaped it. */
const MOST_BYTES = 64 * 2 ** 20;
const TOO_LARGE = 'it is larger than the archive writes';
/** What the keys of the archive begin with. */
const PREFIX = archivePrefix(domain.topic);
const HOUR_MS = 3_600_000;
/** The SDK retries requests, but not reading the body of a response. */
const TRIES = 3;
/** For reading a whole object, however slowly it comes. */
const CONTENT_MS = 60_000;

const decompress = promisify(gunzip);

/** What an object's key says; undefined if it is no key of the archive. */
export function readKey(key: string): ArchiveKey | undefined {
  return parseArchiveKey(key, PREFIX);
}

/**
 * Lists the objects of all hours that the span touches, sorted by their keys, and so by their first messages; foreign
 * objects among them too.
 * @param after only keys behind this one @default - all
 * @throws whatever the SDK throws; an AbortError on the signal
 */
export async function* listObjects(
  s3: S3Client,
  Bucket: string,
  { from, to }: Span,
  { after = '', signal }: { readonly after?: string | undefined; readonly signal?: AbortSignal } = {},
): AsyncGenerator<StoredObject> {
  const begin = hourPrefix(PREFIX, from);
  const end = hourPrefix(PREFIX, new Date(Math.ceil(to.getTime() / HOUR_MS) * HOUR_MS));
  const request = { Bucket, Prefix: PREFIX, StartAfter: after > begin ? after : begin };
  const pages = paginateListObjectsV2({ client: s3 }, request, { abortSignal: signal });
  for await (const { Contents = [] } of pages) {
    for (const { Key: key = '', Size: bytes = 0 } of Contents) {
      signal?.throwIfAborted();
      if (key >= end) return;
      yield { key, bytes };
    }
  }
}

/**
 * Reads an object and verifies that the archive wrote it: its key contains the digest of its content.
 * @throws whatever the SDK throws, except for an object that is gone or denied; an AbortError on the signal
 */
export async function readObject(
  s3: S3Client,
  Bucket: string,
  object: StoredObject,
  signal: AbortSignal = new AbortController().signal,
): Promise<ObjectContent> {
  const { key, bytes } = object;
  const bad = (problem: string) => ({ ...object, problem });
  const written = readKey(key);
  if (!written) return bad('its key is not one of the archive');
  if (bytes > MOST_BYTES) return bad(TOO_LARGE);
  let content: string;
  try {
    const compressed = await contentOf(s3, Bucket, key, signal);
    content = (await decompress(compressed, { maxOutputLength: MOST_BYTES })).toString();
  } catch (error) {
    const { name, code = '' } = error as NodeJS.ErrnoException;
    if (name === 'NoSuchKey') return bad('it was deleted meanwhile');
    if (isDenied(error) || name === 'InvalidObjectState') {
      return { ...bad(explain(error, 's3:GetObject') ?? name), denied: error as Error };
    }
    if (code === 'ERR_BUFFER_TOO_LARGE') return bad(TOO_LARGE);
    if (code.startsWith('Z_')) return bad('it is truncated, or not gzip');
    throw error;
  }
  if (digestOf(content) !== written.digest) return bad('its content does not match the digest in its key');
  const messages = content.split('\n').slice(0, -1).map(parseArchivedMessage);
  const wrong = messages.indexOf(undefined);
  if (wrong !== -1) return bad(`line ${wrong + 1} was not written by the archive`);
  return { ...object, messages: messages as ArchivedMessage[] };
}

/** The bytes of an object. @throws as `readObject`, and for an object that is gone or denied */
async function contentOf(s3: S3Client, Bucket: string, Key: string, signal: AbortSignal): Promise<Buffer> {
  for (let tries = 1; ; tries += 1) {
    try {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal: signal });
      const ends = AbortSignal.any([signal, AbortSignal.timeout(CONTENT_MS)]);
      return await buffer(addAbortSignal(ends, Body as Readable));
    } catch (error) {
      signal.throwIfAborted();
      const isWorthATry = isTransient(error) || (error as Error).name === 'AbortError';
      if (tries === TRIES || !isWorthATry) throw error;
    }
  }
}
