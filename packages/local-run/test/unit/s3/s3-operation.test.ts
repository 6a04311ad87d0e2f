import { expect, test } from '@jest/globals';
import { requiredPermissions } from '../../../src/iam/required-permissions.ts';
import { s3Operation } from '../../../src/s3/s3-operation.ts';

const read = (
  method: string,
  address: { bucket?: string; key?: string },
  query: Record<string, string> = {},
  headers: Record<string, string> = {},
) => s3Operation({ method, ...address, query, headers });
const bucket = { bucket: 'archive' };
const object = { bucket: 'archive', key: 'a/b' };

test.each<[string, { bucket?: string; key?: string }, string]>([
  ['GET', {}, 'ListBuckets'],
  ['PUT', bucket, 'CreateBucket'],
  ['HEAD', bucket, 'HeadBucket'],
  ['DELETE', bucket, 'DeleteBucket'],
  ['PUT', object, 'PutObject'],
  ['GET', object, 'GetObject'],
  ['HEAD', object, 'HeadObject'],
  ['DELETE', object, 'DeleteObject'],
  // The SDK names a bucket with a slash behind it.
  ['HEAD', { bucket: 'archive', key: '' }, 'HeadBucket'],
])('%s %j is %s', (method, address, operation) => {
  expect(read(method, address, { 'x-id': operation }).operation).toBe(operation);
});

test('a listing takes its input from the query', () => {
  const query = {
    'list-type': '2',
    prefix: 'orders/',
    delimiter: '/',
    'max-keys': '5',
    'start-after': 'orders/a',
    'continuation-token': 'abc',
    'encoding-type': 'url',
  };

  expect(read('GET', bucket, query)).toEqual({
    operation: 'ListObjectsV2',
    input: {
      Bucket: 'archive',
      ListType: '2',
      Prefix: 'orders/',
      Delimiter: '/',
      MaxKeys: '5',
      StartAfter: 'orders/a',
      ContinuationToken: 'abc',
      EncodingType: 'url',
    },
  });
});

test('a listing in the older form is another operation', () => {
  expect(read('GET', bucket).operation).toBe('ListObjects');
});

test('conditions of a write and the wish for a checksum are part of the input', () => {
  expect(read('PUT', object, {}, { 'if-none-match': '*' }).input).toEqual({
    Bucket: 'archive',
    Key: 'a/b',
    IfNoneMatch: '*',
  });
  expect(read('HEAD', object, {}, { 'x-amz-checksum-mode': 'ENABLED' }).input).toMatchObject({
    ChecksumMode: 'ENABLED',
  });
});

test.each<
  [string, { bucket?: string; key?: string }, Record<string, string>, Record<string, string>, string]
>([
  ['GET', object, { versionId: '1' }, {}, 'GetObject with versionId'],
  ['PUT', bucket, { policy: '' }, {}, 'CreateBucket with policy'],
  ['PUT', object, { partNumber: '1', uploadId: 'u' }, {}, 'PutObject with partNumber, uploadId'],
  ['PUT', object, {}, { 'x-amz-copy-source': 'other/key' }, 'PutObject with x-amz-copy-source'],
  ['PUT', object, {}, { 'x-amz-tagging': 'a=b' }, 'PutObject with x-amz-tagging'],
  ['PUT', object, {}, { 'if-match': '"etag"' }, 'PutObject with if-match'],
  ['POST', object, { uploads: '' }, {}, 'POST of an object'],
  ['POST', bucket, { delete: '' }, {}, 'POST of a bucket'],
  ['POST', {}, {}, {}, 'POST of a service'],
])('%s %j with %j and %j is no operation that anybody is let do', (method, address, query, headers, name) => {
  const { operation, input } = read(method, address, query, headers);

  expect(operation).toBe(name);
  expect(() => requiredPermissions({ service: 's3', region: 'us-east-1', operation, input })).toThrow(
    `no IAM action is known for the operation ${name} of s3`,
  );
});
