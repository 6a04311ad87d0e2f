// Calls to S3 of a caller with few permissions, over the SDK.
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { problems as denied, emulators, settings, useEmulators } from '../../fixtures/emulators.ts';
import { allow, signed } from '../../fixtures/policies.ts';
import { denialOf, KEY, keyOf, permit, WORKER } from '../../fixtures/worker.ts';

const Bucket = 'archive';
const BUCKET = `arn:aws:s3:::${Bucket}`;
const clients: Record<string, S3Client> = {};

useEmulators();
beforeAll(async () => {
  for (const key of ['local', WORKER, 'nobody']) {
    clients[key] = new S3Client(settings(key));
  }
  await by('local').send(new CreateBucketCommand({ Bucket }));
  await put('there', by('local'));
});

afterAll(() => {
  for (const client of Object.values(clients)) client.destroy();
});

const by = (key: string) => clients[key] as S3Client;
const worker = () => by(WORKER);
const put = (Key: string, client = worker()) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body: 'text' }));
const get = (Key: string) => worker().send(new GetObjectCommand({ Bucket, Key }));
const head = (Key: string, more: object = {}) =>
  worker().send(new HeadObjectCommand({ Bucket, Key, ...more }));
const list = (Prefix: string) => worker().send(new ListObjectsV2Command({ Bucket, Prefix }));

describe('a call that the role does not allow', () => {
  test('is AccessDenied, naming who, what and on what, and does nothing', async () => {
    await permit([allow('s3:PutObject', `${BUCKET}/mine/*`), allow('s3:GetObject', `${BUCKET}/*`)]);
    denied.length = 0;

    await put('mine/a');
    await expect(put('there')).rejects.toMatchObject({
      name: 'AccessDenied',
      message: denialOf('s3:PutObject', `"${BUCKET}/there"`),
      $metadata: { httpStatusCode: 403 },
    });
    await expect(worker().send(new DeleteObjectCommand({ Bucket, Key: 'there' }))).rejects.toThrow(
      denialOf('s3:DeleteObject', `"${BUCKET}/there"`),
    );

    // What the other thread says comes before its next answer.
    await emulators.api.accesses();
    expect(denied).toEqual([
      denialOf('s3:PutObject', `"${BUCKET}/there"`),
      denialOf('s3:DeleteObject', `"${BUCKET}/there"`),
    ]);
    expect(await (await get('there')).Body?.transformToString()).toBe('text');
  });

  test('is a refusal without words where the answer can have none', async () => {
    await permit([]);

    await expect(head('there')).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
  });
});

test('an access key that nobody has is refused', async () => {
  await expect(put('there', by('nobody'))).rejects.toMatchObject({
    name: 'InvalidAccessKeyId',
    $metadata: { httpStatusCode: 403 },
  });
});

test('what is not there is told only to those who may list the bucket', async () => {
  await permit([allow('s3:GetObject', `${BUCKET}/*`)]);
  await expect(get('missing')).rejects.toMatchObject({
    name: 'AccessDenied',
    message: denialOf('s3:ListBucket', `"${BUCKET}"`),
  });

  await permit([allow('s3:GetObject', `${BUCKET}/*`), allow('s3:ListBucket', BUCKET)]);
  await expect(get('missing')).rejects.toMatchObject({ name: 'NoSuchKey' });
  await expect(head('missing')).rejects.toMatchObject({ name: 'NotFound' });
});

test("a bucket's policy has the last word on its objects", async () => {
  const noDeletes = { ...allow('s3:DeleteObject*', `${BUCKET}/*`), Effect: 'Deny', Principal: '*' };
  await permit([allow('s3:*', [BUCKET, `${BUCKET}/*`])], {
    buckets: { [BUCKET]: { policy: JSON.stringify({ Statement: noDeletes }) } },
  });

  await expect(worker().send(new DeleteObjectCommand({ Bucket, Key: 'there' }))).rejects.toThrow(
    'with an explicit deny in a resource-based policy',
  );
  expect((await get('there')).ContentLength).toBe(4);
});

describe('in a bucket that is encrypted with a key', () => {
  const encrypted = { keyPolicies: keyOf(), buckets: { [BUCKET]: { key: KEY } } };
  const objects = allow(['s3:PutObject', 's3:GetObject', 's3:ListBucket'], [BUCKET, `${BUCKET}/*`]);

  test('a write takes a data key', async () => {
    await permit([objects, allow('kms:Decrypt', KEY)], encrypted);
    await expect(put('there')).rejects.toMatchObject({
      name: 'AccessDenied',
      message: denialOf('kms:GenerateDataKey', KEY),
      $metadata: { httpStatusCode: 403 },
    });

    await permit([objects, allow('kms:GenerateDataKey*', KEY)], encrypted);
    expect((await put('there')).ETag).toBeDefined();
  });

  test('a read takes decryption, and a look at what is known of it does not', async () => {
    await permit([objects, allow('kms:GenerateDataKey', KEY)], encrypted);
    await expect(get('there')).rejects.toMatchObject({
      name: 'AccessDenied',
      message: denialOf('kms:Decrypt', KEY),
    });
    expect((await head('there')).ContentLength).toBe(4);
    await expect(head('there', { ChecksumMode: 'ENABLED' })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
    expect((await list('there')).KeyCount).toBe(1);

    await permit([objects, allow('kms:Decrypt', KEY)], encrypted);
    expect((await get('there')).ContentLength).toBe(4);
  });
});

test('a request that is signed for another service reaches no object', async () => {
  const answers = await Promise.all(
    ['sqs', 'sns', ''].map((service) =>
      fetch(`${emulators.endpoint}/${Bucket}/there`, {
        method: 'PUT',
        headers: {
          ...signed(service),
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': 'AmazonSQS.ListQueues',
        },
        body: '{}',
      }),
    ),
  );

  expect(answers.map(({ status }) => status)).toEqual([400, 400, 403]);
});
