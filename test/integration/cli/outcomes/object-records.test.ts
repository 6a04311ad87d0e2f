/** Records that are objects, in the local run's S3. */
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Emulators } from '@order-fan-out/local-run/server/emulators';
import { explain } from '../../../../cli/aws/errors.ts';
import { allObjectRecords, readObjectRecords } from '../../../../cli/outcomes/object-records.ts';
import type { BucketHandles } from '../../../../contract/stack-outputs.ts';

const bucket: BucketHandles = { name: 'images', prefix: 'small/', holds: 'records' };
let emulators: Emulators;
let s3: S3Client;

const clientFor = (accessKeyId: string) =>
  new S3Client({
    endpoint: emulators.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey: accessKeyId },
    forcePathStyle: true,
  });

beforeAll(async () => {
  emulators = await Emulators.start({ port: 0 });
  s3 = clientFor('local');
  await s3.send(new CreateBucketCommand({ Bucket: bucket.name }));
  for (const Key of ['small/one', 'small/a+b c/é', 'small', 'originals/two']) {
    const Metadata = { digest: `digest of ${Key.length}`, width: '64' };
    await s3.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body: 'pixels', Metadata }));
  }
  await s3.send(new PutObjectCommand({ Bucket: bucket.name, Key: 'small/foreign', Body: 'notes' }));
});
afterAll(async () => {
  s3.destroy();
  await emulators.stop();
});

const TIME = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
const one = { orderId: 'one', digest: 'digest of 9', width: '64', at: TIME };
const nested = { orderId: 'a+b c/é', digest: 'digest of 13', width: '64', at: TIME };

test('the objects of IDs are found under the prefix, once each, with their metadata; of others there is none', async () => {
  const found = await readObjectRecords(s3, bucket, ['one', 'two', 'a+b c/é', 'one', '']);

  expect(found).toEqual(
    new Map([
      ['one', one],
      ['a+b c/é', nested],
    ]),
  );
});

test('all objects under the prefix are read, however many pages list them, and foreign ones without a digest', async () => {
  const paging = clientFor('local');
  paging.middlewareStack.add(
    (next) => (request) => {
      // Of listings alone, to have as many pages as with thousands of objects.
      if ('Prefix' in request.input) Object.assign(request.input, { MaxKeys: 1 });
      return next(request);
    },
    { step: 'initialize' },
  );

  const read = await allObjectRecords(paging, bucket);

  paging.destroy();
  expect(read).toHaveLength(3);
  expect(read).toEqual(expect.arrayContaining([one, nested, { orderId: 'foreign', at: TIME }]));
});

test.each([
  ['s3:ListBucket', '"arn:aws:s3:::images"', ['s3:GetObject']],
  ['s3:GetObject', 'arn:aws:s3:::images/small/none', ['s3:ListBucket']],
])('who may not do %s is told so, not that there is no record', async (missing, on, Action) => {
  const Resource = ['arn:aws:s3:::images', 'arn:aws:s3:::images/*'];
  const arn = 'arn:aws:iam::000000000000:user/reader';
  const policies = [{ Statement: [{ Effect: 'Allow', Action, Resource }] }];
  await emulators.api.permit({
    keyPolicies: {},
    buckets: {},
    callers: [{ accessKeyId: 'reader', arn, roleArn: arn, policies }],
  });
  const reader = clientFor('reader');

  const error = await readObjectRecords(reader, bucket, ['none']).catch((refused) => refused);

  reader.destroy();
  expect(explain(error)).toBe(`Access denied: these credentials lack the IAM action ${missing} on ${on}`);
});
