// Requests as fauxqs has parsed them.
import type http from 'node:http';
import type { Json } from '../protocol/json.ts';
import { signatureOf } from '../protocol/request-signature.ts';
import { s3Operation } from '../s3/s3-operation.ts';
import { decodeChunked } from './internals.ts';

/** A request to SNS, SQS or S3. */
export interface FauxqsRequest {
  /** Name it is signed for: `sqs`. */
  readonly service: string;
  /** `SendMessage`, `Publish`, `PutObject`. */
  readonly operation: string;
  /** Parsed JSON, the fields of a form, or what the address and headers of a request to S3 say. */
  readonly input: Json;
  readonly raw: http.IncomingMessage;
}

/** What fauxqs's HTTP application knows of a request. */
interface Received {
  readonly raw: http.IncomingMessage;
  readonly method: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly params: unknown;
  readonly query: unknown;
  readonly routeOptions: { readonly url?: string | undefined };
  body: unknown;
}

/** @returns an operation with no name where the service that the request is signed for has none at this address */
export function readRequest(received: Received): FauxqsRequest {
  const { raw, method, headers, body } = received;
  const { service } = signatureOf(raw);
  // Which service answers depends on the address alone.
  const address = received.routeOptions.url ?? '';
  if (service === 's3') {
    if (!['/', '/:bucket', '/:bucket/*'].includes(address)) return { service, operation: '', input: {}, raw };
    const { bucket, '*': key } = received.params as { bucket?: string; '*'?: string };
    const query = received.query as Record<string, unknown>;
    return { service, ...s3Operation({ method, bucket, key, query, headers }), raw };
  }
  const input = (body ?? {}) as Json;
  if (method !== 'POST' || address !== '/') return { service, operation: '', input, raw };
  const target = String(headers['x-amz-target'] ?? '').split('.')[1];
  return { service, operation: target ?? String(input.Action ?? ''), input, raw };
}

/**
 * Decodes the body of a PutObject. fauxqs would forget the encoding of an object that comes in chunks, and does not take an
 * empty one.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
export function prepareObject(received: Received): void {
  const { headers } = received;
  received.body ??= Buffer.alloc(0);
  const encodings = (headers['content-encoding'] ?? '').split(',').map((each) => each.trim());
  if (!encodings.includes('aws-chunked')) return;
  const { body, trailers } = decodeChunked(received.body as Buffer);
  received.body = body;
  const left = encodings.filter((each) => each !== 'aws-chunked').join(',');
  if (left) headers['content-encoding'] = left;
  else delete headers['content-encoding'];
  Object.assign(headers, trailers);
}
