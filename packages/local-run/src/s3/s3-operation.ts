// Which operation a request to S3 is. S3 tells them apart by method, address, query and headers, not by a name.
import type { Json } from '../protocol/json.ts';

/** A request to S3, in path style: what its address says, decoded. */
export interface S3Request {
  readonly method: string;
  /** Absent for the service itself. */
  readonly bucket?: string | undefined;
  /** Absent, or empty, for the bucket itself. */
  readonly key?: string | undefined;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** What requests in this form are, the parameters that they may have in the query, and headers that matter. */
interface Form {
  readonly operation: string;
  /** Parameter → member of the input. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Header → member of the input. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html */
const FORMS: Readonly<Record<string, Form>> = {
  'GET service': { operation: 'ListBuckets' },
  'PUT bucket': { operation: 'CreateBucket' },
  'HEAD bucket': { operation: 'HeadBucket' },
  'DELETE bucket': { operation: 'DeleteBucket' },
  'GET bucket': {
    operation: 'ListObjectsV2',
    parameters: {
      'list-type': 'ListType',
      prefix: 'Prefix',
      delimiter: 'Delimiter',
      'max-keys': 'MaxKeys',
      'start-after': 'StartAfter',
      'continuation-token': 'ContinuationToken',
      'encoding-type': 'EncodingType',
    },
  },
  'PUT object': { operation: 'PutObject', headers: { 'if-none-match': 'IfNoneMatch' } },
  'GET object': {
    operation: 'GetObject',
    headers: {
      'if-match': 'IfMatch',
      'if-none-match': 'IfNoneMatch',
      'if-modified-since': 'IfModifiedSince',
      'if-unmodified-since': 'IfUnmodifiedSince',
    },
  },
  'HEAD object': { operation: 'HeadObject', headers: { 'x-amz-checksum-mode': 'ChecksumMode' } },
  'DELETE object': { operation: 'DeleteObject' },
};
/** With these a request takes other permissions, or asks for something that would not be done. */
const CHANGES_THE_OPERATION =
  /^(if-|x-amz-(acl|copy-source|grant-|object-lock-|rename-source|server-side-encryption|tagging|website-|write-offset))/;

/**
 * The operation, and what the address and the headers say of its input. Of a request that does more than the operations that
 * are known, the operation has a name that says what: `GetObject with versionId`.
 */
export function s3Operation({ method, bucket, key, query, headers }: S3Request): {
  operation: string;
  input: Json;
} {
  const level = key ? 'object' : bucket ? 'bucket' : 'service';
  const form = FORMS[`${method} ${level}`];
  if (!form) return { operation: `${method} of ${level === 'object' ? 'an' : 'a'} ${level}`, input: {} };
  const { operation, parameters = {}, headers: own = {} } = form;
  const input: Json = { ...(bucket && { Bucket: bucket }), ...(key && { Key: key }) };
  for (const [name, member] of [...Object.entries(parameters), ...Object.entries(own)]) {
    const value = name in parameters ? query[name] : headers[name];
    if (value !== undefined) input[member] = String(value);
  }
  const more = [
    // Every request of the SDK says its name there, for logs.
    ...Object.keys(query).filter((name) => name !== 'x-id' && !Object.hasOwn(parameters, name)),
    ...Object.keys(headers).filter((name) => CHANGES_THE_OPERATION.test(name) && !Object.hasOwn(own, name)),
  ];
  if (more.length > 0) return { operation: `${operation} with ${more.join(', ')}`, input };
  // Without it, it is the older operation, which answers otherwise.
  if (operation === 'ListObjectsV2' && input.ListType !== '2') return { operation: 'ListObjects', input };
  return { operation, input };
}
