// The HTTP endpoint: gives each request to the service that it is signed for, after the check of its permissions.

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { DynamoDbError } from '../dynamodb/dynamodb-error.ts';
import { type AccessControl, UnknownAccessKey } from '../iam/access-control.ts';
import { requiredPermissions } from '../iam/required-permissions.ts';
import { errorAnswer, type HttpAnswer, jsonAnswer, xmlAnswer } from '../protocol/http-answer.ts';
import type { Json } from '../protocol/json.ts';
import { checkLength, parseBody, readBody } from '../protocol/request-body.ts';
import { signatureOf } from '../protocol/request-signature.ts';
import { ServiceError } from '../protocol/service-error.ts';
import { isLoopback } from '../threads/loopback-only.ts';
import { accessError } from './access-errors.ts';

/** A service that answers one request after the other has been let through. */
export interface Service {
  /** How requests and answers are written. */
  readonly protocol: 'json' | 'rest-json' | 'query';
  /** For the protocol rest-json: what method and address of a request say, the operation and a part of its input. */
  operation?(method: string, url: URL): Pick<Call, 'operation' | 'input'>;
  /** The answer, which in the Query protocol is XML. @throws ServiceError or DynamoDbError */
  answer(operation: string, input: Json): unknown;
}

/** A request, as far as it is needed to know whether it may be made. */
interface Call {
  readonly request: http.IncomingMessage;
  readonly operation: string;
  readonly input: Json;
}

/** The answer to a call that its signer may not make; undefined for any other. */
export function denialOf({ request, operation, input }: Call, access: AccessControl): HttpAnswer | undefined {
  const { accessKeyId, region, service } = signatureOf(request);
  try {
    if (accessKeyId === '') throw new UnknownAccessKey('Request is missing Authentication Token');
    const permissions = requiredPermissions({ service, region, operation, input });
    const denied = access.denial(accessKeyId, permissions);
    return denied && errorAnswer(service, accessError(denied, service));
  } catch (error) {
    return errorAnswer(service, accessError(error, service));
  }
}

/**
 * @param services by the name that requests are signed for
 * @param others answers requests to all other services, and asks for itself who may make them
 */
export function createFront(
  services: ReadonlyMap<string, Service>,
  access: AccessControl,
  others: http.RequestListener,
): http.Server {
  const server = http.createServer((request, response) => {
    if (!isForLoopback(request)) return refuseHost(request, response);
    const { service: name } = signatureOf(request);
    const service = services.get(name);
    try {
      checkLength(request, name);
      if (!service) return others(request, response);
    } catch (error) {
      return send(response, failure(name, error));
    }
    answer(service, request, access)
      .catch((error) => failure(name, error))
      .then((written) => send(response, written));
  });
  // Longer than any client keeps an idle connection, so that none is closed under a request.
  server.keepAliveTimeout = 120_000;
  return server;
}

/**
 * Whether the client meant this machine. A page in a browser can have its own name lead here, and would then be let in as
 * what it is not: a program of the user.
 * https://en.wikipedia.org/wiki/DNS_rebinding
 */
function isForLoopback({ headers }: http.IncomingMessage): boolean {
  const [, host = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(headers.host ?? '') ?? [];
  return isLoopback(host);
}

function refuseHost({ headers }: http.IncomingMessage, response: http.ServerResponse): void {
  const { host = '' } = headers;
  response
    .writeHead(421, { 'content-type': 'text/plain' })
    .end(`The local run answers requests to this machine's loopback address, not to "${host}"\n`);
}

function send(response: http.ServerResponse, { status, headers, body }: HttpAnswer): void {
  // A client that went away mid-request (a timed out function) has nobody left to answer.
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { ...headers, 'x-amzn-requestid': randomUUID() }).end(body);
}

function failure(service: string, error: unknown): HttpAnswer {
  if (error instanceof ServiceError) return errorAnswer(service, error);
  if (error instanceof DynamoDbError) return jsonAnswer(error.body, error.statusCode);
  return jsonAnswer({ __type: 'InternalServerError', message: (error as Error).message }, 500);
}

async function answer(
  service: Service,
  request: http.IncomingMessage,
  access: AccessControl,
): Promise<HttpAnswer> {
  const { operation, input } = readCall(service, request, await readBody(request));
  const denial = denialOf({ request, operation, input }, access);
  if (denial) return denial;
  const result = await service.answer(operation, input);
  return service.protocol === 'query' ? xmlAnswer(String(result)) : jsonAnswer(result);
}

function readCall(service: Service, { method = '', url = '/', headers }: http.IncomingMessage, body: string) {
  const input: Json = parseBody(body, service.protocol);
  if (service.operation) {
    const addressed = service.operation(method, new URL(url, 'http://any'));
    return { operation: addressed.operation, input: { ...input, ...addressed.input } };
  }
  if (service.protocol === 'query') return { operation: String(input.Action ?? ''), input };
  return { operation: String(headers['x-amz-target'] ?? '').split('.')[1] ?? '', input };
}
