// Reads the bodies of requests, up to a bound.
import type http from 'node:http';
import type { Json } from './json.ts';
import { ServiceError } from './service-error.ts';

/**
 * The largest request that any of the services takes: BatchWriteItem sends up to 16 MB. What SNS and SQS take, 1 MiB of
 * messages, fits also where every byte of it is escaped.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
 */
const MOST_BYTES = 16 * 1024 * 1024;

/** fauxqs takes requests of 11 MiB, of which an object that comes in chunks is not quite the whole. */
const MOST_OBJECT_BYTES = 10 * 1024 * 1024;

/** @throws ServiceError for a request that says of itself that its body is too large */
export function checkLength({ headers }: http.IncomingMessage, service: string): void {
  const bytes = Number(headers['content-length'] ?? headers['x-amz-decoded-content-length'] ?? 0);
  if (bytes > MOST_BYTES) throw tooLarge();
  if (service === 's3' && bytes > MOST_OBJECT_BYTES) {
    throw new ServiceError(
      'EntityTooLarge',
      `The local run takes objects of at most ${MOST_OBJECT_BYTES} bytes`,
    );
  }
}

/** @throws ServiceError for a body that is too large */
export async function readBody(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // To its end in any case: a client that still sends would not see the answer.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MOST_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (bytes > MOST_BYTES) throw tooLarge();
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws ServiceError for a body that is not of the protocol */
export function parseBody(body: string, protocol: 'json' | 'rest-json' | 'query'): Record<string, Json> {
  if (protocol === 'query') return Object.fromEntries(new URLSearchParams(body));
  if (protocol === 'rest-json' && body === '') return {};
  let input: unknown;
  try {
    input = JSON.parse(body);
  } catch {
    input = undefined;
  }
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input;
  throw new ServiceError('SerializationException', 'The body of the request is not a JSON object');
}

const tooLarge = () =>
  new ServiceError('RequestEntityTooLarge', `A request has at most ${MOST_BYTES} bytes`, { status: 413 });
