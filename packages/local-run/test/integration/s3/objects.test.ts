// S3 over the SDK, as the operator.
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { emulators, settings, useEmulators } from '../../fixtures/emulators.ts';
import { signed } from '../../fixtures/policies.ts';

let s3: S3Client;
let made = 0;
let Bucket: string;

useEmulators();
beforeAll(() => {
  s3 = new S3Client(settings());
});

beforeEach(async () => {
  Bucket = `archive-${made++}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterAll(() => s3.destroy());

const put = (Key: string, more: Omit<PutObjectCommandInput, 'Bucket' | 'Key'>) =>
  s3.send(new PutObjectCommand({ Bucket, Key, ...more }));
async function get(Key: string) {
  const { Body, ...rest } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return { ...rest, bytes: Buffer.from((await Body?.transformToByteArray()) ?? []) };
}

const LINES = gzipSync('{"orderId":"order-1"}\n');
const GZIP = { ContentEncoding: 'gzip', ContentType: 'application/x-ndjson', Metadata: { records: '1' } };

test.each<[string, () => Omit<PutObjectCommandInput, 'Bucket' | 'Key'>]>([
  ['a buffer', () => ({ Body: LINES })],
  [
    'a stream',
    () => ({ Body: Readable.from([LINES.subarray(0, 7), LINES.subarray(7)]), ContentLength: LINES.length }),
  ],
  ['a buffer with another checksum', () => ({ Body: LINES, ChecksumAlgorithm: 'SHA256' as const })],
])('%s comes back byte for byte, with what was said of it', async (_, body) => {
  const key = 'orders/dt=2026-01-01/hh=00/a+b c~é&#%2F.jsonl.gz';

  const { ETag } = await put(key, { ...body(), ...GZIP });

  const read = await get(key);
  expect(gunzipSync(read.bytes).toString()).toBe('{"orderId":"order-1"}\n');
  expect(read).toMatchObject({ ...GZIP, ContentLength: LINES.length, ETag });
  expect(read.ChecksumCRC32 ?? read.ChecksumSHA256).toMatch(/=$/);
});

test('an empty object is an object, also where nothing says what it would be', async () => {
  await put('empty', { Body: Buffer.alloc(0) });
  await fetch(`${emulators.endpoint}/${Bucket}/bare`, {
    method: 'PUT',
    headers: signed('s3'),
  });

  expect(await get('empty')).toMatchObject({ ContentLength: 0, bytes: Buffer.alloc(0) });
  expect(await get('bare')).toMatchObject({ ContentLength: 0, bytes: Buffer.alloc(0) });
});

test('a listing says how large objects are and when they were written, and buckets are listed as well', async () => {
  const before = Date.now() - 1_000;
  const { ETag } = await put('key', { Body: 'text' });

  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
  const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));

  expect(Buckets.map(({ Name }) => Name)).toContain(Bucket);
  expect(Contents).toEqual([
    { Key: 'key', Size: 4, ETag, StorageClass: 'STANDARD', LastModified: expect.any(Date) },
  ]);
  expect(Contents[0]?.LastModified?.getTime()).toBeGreaterThan(before);
});

test('an object is written once where the write asks for that', async () => {
  const write = () => put('once', { Body: 'first', IfNoneMatch: '*' });

  await write();

  await expect(write()).rejects.toMatchObject({
    name: 'PreconditionFailed',
    $metadata: { httpStatusCode: 412 },
  });
  await put('once', { Body: 'second' });
  expect((await get('once')).bytes.toString()).toBe('second');
});

test('of many such writes at the same time one succeeds', async () => {
  const writes = Array.from({ length: 20 }, (_, index) =>
    put('race', { Body: `${index}`, Metadata: { by: `${index}` }, IfNoneMatch: '*' }).then(
      () => `${index}`,
      ({ name }: Error) => name,
    ),
  );

  const outcomes = await Promise.all(writes);

  const [winner, ...more] = outcomes.filter((outcome) => outcome !== 'PreconditionFailed');
  expect(more).toEqual([]);
  expect(await s3.send(new HeadObjectCommand({ Bucket, Key: 'race' }))).toMatchObject({
    Metadata: { by: winner },
    LastModified: expect.any(Date),
  });
});

test('what is deleted is gone, and what is not there is named', async () => {
  await put('key', { Body: 'text' });

  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'key' }));

  await expect(get('key')).rejects.toMatchObject({ name: 'NoSuchKey' });
  await expect(s3.send(new ListObjectsV2Command({ Bucket: 'none' }))).rejects.toMatchObject({
    name: 'NoSuchBucket',
  });
});

test('an object that is too large is refused as S3 does it, before it is sent', async () => {
  const answer = await fetch(`${emulators.endpoint}/${Bucket}/large`, {
    method: 'PUT',
    headers: { ...signed('s3'), 'x-amz-decoded-content-length': String(10 * 1024 * 1024 + 1) },
    body: new Blob(['0']).stream(),
    duplex: 'half',
  });

  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain('<Code>EntityTooLarge</Code>');
});

test('what the local run does not do is refused even to the operator, and names what it is', async () => {
  await put('key', { Body: 'text' });

  const copied = s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/key` }));
  const acl = put('key', { Body: 'text', ACL: 'public-read' });

  await expect(copied).rejects.toMatchObject({
    name: 'NotImplemented',
    message: 'no IAM action is known for the operation PutObject with x-amz-copy-source of s3',
    $metadata: { httpStatusCode: 501, attempts: 1 },
  });
  await expect(acl).rejects.toThrow('x-amz-acl');
  await expect(put('other', { Body: 'text', IfNoneMatch: '"etag"' })).rejects.toMatchObject({
    name: 'NotImplemented',
  });
});
