/** Records that are objects in S3: what describes them, without their content. */
import {
  HeadObjectCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { domain } from '#domain';
import type { Item } from '../../contract/domain.ts';
import type { BucketHandles } from '../../contract/stack-outputs.ts';

/** Each takes a request of its own. */
const PARALLEL_READS = 16;

/**
 * Objects that are records of these IDs: their user metadata, `digest` among it, which says what event each was made of, its ID
 * under the name that the domain has for it, and `at`, when it was written, in ISO 8601.
 * @returns ID → object
 * @throws whatever the SDK throws
 */
export async function readObjectRecords(
  s3: S3Client,
  bucket: BucketHandles,
  ids: readonly string[],
): Promise<Map<string, Item>> {
  const read = async (id: string) => [id, await describe(s3, bucket, id)] as const;
  const found = await pLimit(PARALLEL_READS).map(new Set(ids), read);
  return new Map(found.filter((entry): entry is [string, Item] => entry[1] !== undefined));
}

/** All objects under the bucket's prefix, each as `readObjectRecords` has it. @throws whatever the SDK throws */
export async function allObjectRecords(s3: S3Client, bucket: BucketHandles): Promise<Item[]> {
  const ids: string[] = [];
  const pages = paginateListObjectsV2({ client: s3 }, { Bucket: bucket.name, Prefix: bucket.prefix });
  for await (const { Contents = [] } of pages) {
    ids.push(...Contents.map(({ Key = '' }) => Key.slice(bucket.prefix.length)));
  }
  return [...(await readObjectRecords(s3, bucket, ids)).values()];
}

async function describe(s3: S3Client, bucket: BucketHandles, id: string): Promise<Item | undefined> {
  const [Bucket, Key] = [bucket.name, bucket.prefix + id];
  try {
    const { Metadata, LastModified } = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    return { ...Metadata, [domain.events.settings.idField]: id, at: LastModified?.toISOString() };
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error;
    const { httpStatusCode } = error.$metadata;
    if (httpStatusCode === 404) return undefined;
    if (httpStatusCode !== 403) throw error;
    // The answer to this request has no body that says so; a listing is either denied with words, or shows what else was.
    await s3.send(new ListObjectsV2Command({ Bucket, Prefix: Key, MaxKeys: 1 }));
    error.name = 'AccessDenied';
    error.message = `not authorized to perform: s3:GetObject on resource: arn:aws:s3:::${Bucket}/${Key}`;
    throw error;
  }
}
