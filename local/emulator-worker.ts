// The emulators' thread: one HTTP endpoint on 127.0.0.1 that answers for SNS, SQS, DynamoDB and CloudFormation.
import './loopback-only.ts';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { AccessControl, type Permissions, type ServiceCaller, UnknownAccessKey } from './access.ts';
import { type Refusal, refusalOf } from './access-refusal.ts';
import { describeStacks, type StackDescription } from './cloudformation.ts';
import type { JsonAnswer } from './cloudwatch-api.ts';
import { DynamoDbFault, LocalDynamoDb } from './dynamodb.ts';
import { type FaultPlan, Faults } from './faults.ts';
import { FaultyServices } from './faulty-services.ts';
import { Fauxqs } from './fauxqs/fauxqs.ts';
import { MessageMoveTasks } from './fauxqs/message-move-tasks.ts';
import { MessagingMetrics } from './fauxqs/messaging-metrics.ts';
import { deliverAsSns } from './fauxqs/sns-delivery.ts';
import { type Need, neededFor } from './iam-actions.ts';
import { onRefused } from './loopback-only.ts';
import type { Json } from './template.ts';

export interface EmulatorOptions {
  /** 0 takes a free one. */
  port: number;
  /** Folder in which queues, topics and tables survive; in memory without it. */
  stateDirectory?: string;
  /** How much faster than on AWS visibility timeouts and delays pass. @default 1 */
  timeScale?: number;
  /** What goes wrong. @default nothing */
  faults?: FaultPlan;
}
/** What the main thread asks; `id` comes back with the answer. */
export type EmulatorRequest =
  | { id: number; ask: 'describe'; stacks: StackDescription[] }
  | { id: number; ask: 'counts' }
  | { id: number; ask: 'sample' }
  | { id: number; ask: 'permit'; permissions: Permissions }
  | { id: number; ask: 'denial'; caller: string | ServiceCaller; needs: Need[] }
  | { id: number; ask: 'accesses' }
  | { id: number; ask: 'answered'; question: number; answer: JsonAnswer }
  | { id: number; ask: 'stop' };
export type EmulatorMessage =
  | { event: 'listening'; port: number }
  | { event: 'failed'; code: string; message: string }
  | { event: 'refused'; host: string }
  | { event: 'denied'; sentence: string }
  | { event: 'question'; question: number; operation: string; input: Json }
  | { event: 'answer'; id: number; value: unknown };

const port = parentPort;
if (!port) throw new Error('emulator-worker.ts runs as a worker thread');
const say = (message: EmulatorMessage) => port.postMessage(message);
onRefused((host) => say({ event: 'refused', host }));
const options = workerData as EmulatorOptions;

const fauxqs = await Fauxqs.start({
  directory: options.stateDirectory && path.join(options.stateDirectory, 'sqs'),
  timeScale: options.timeScale,
});
const access = new AccessControl(
  (arn) => {
    const { attributes } = fauxqs.queue(arn) ?? fauxqs.topic(arn) ?? {};
    return { policy: attributes?.Policy, key: attributes?.KmsMasterKeyId };
  },
  (sentence) => say({ event: 'denied', sentence }),
);
const messaging = new MessagingMetrics(fauxqs);
deliverAsSns(
  fauxqs,
  (caller, needs) => access.authorize(caller, needs),
  (topicArn, outcome) => messaging.onDelivery(topicArn, outcome),
);
// In this order: who may not ask gets no other answer, and what is injected befalls also what fauxqs does not know.
fauxqs.intercept(({ raw, operation, input }) => check(raw, operation, input));
const services = new FaultyServices(options.faults && new Faults(options.faults, 'services'), fauxqs);
const moveTasks = new MessageMoveTasks(fauxqs);

const dynamodb = new LocalDynamoDb(options.stateDirectory && path.join(options.stateDirectory, 'dynamodb'));
let stacks: StackDescription[] = [];
/** Requests to CloudWatch that the main thread has not answered yet. */
const questions = new Map<number, (answer: JsonAnswer) => void>();
let asked = 0;

/** Who signed a request, and for what: Credential=key/date/region/service/aws4_request. */
function signatureOf(request: http.IncomingMessage) {
  const [, accessKeyId = '', region = '', service = ''] =
    /Credential=([^/\s]+)\/\d+\/([^/]+)\/([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
  return { accessKeyId, region, service };
}

/** The operation that a request of the JSON protocol is for. */
function operationOf(request: http.IncomingMessage): string | undefined {
  return String(request.headers['x-amz-target'] ?? '').split('.')[1];
}

/** The answer to a request that its signer may not make. */
function check(request: http.IncomingMessage, operation = '', input: unknown = {}): Refusal | undefined {
  const { accessKeyId, region, service } = signatureOf(request);
  try {
    if (accessKeyId === '') throw new UnknownAccessKey('Request is missing Authentication Token');
    access.authorize(accessKeyId, neededFor({ service, region, operation, input }));
    return undefined;
  } catch (error) {
    return refusalOf(error, service);
  }
}

async function bodyOf(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function answerDynamoDb(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const operation = operationOf(request) ?? '';
  const input = JSON.parse(await bodyOf(request));
  const refusal = check(request, operation, input);
  if (refusal) return answerRefusal(refusal, response);
  let status = 200;
  let answer: unknown;
  try {
    answer = await services.dynamodb(operation, input, () => dynamodb.call(operation, input));
  } catch (error) {
    if (!(error instanceof DynamoDbFault)) throw error;
    status = error.statusCode;
    answer = error.body;
  }
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.0',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(JSON.stringify(answer));
}

async function answerCloudFormation(
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const form = new URLSearchParams(await bodyOf(request));
  const refusal = check(request, form.get('Action') ?? '', Object.fromEntries(form));
  if (refusal) return answerRefusal(refusal, response);
  const { status, xml } = describeStacks(form, stacks);
  response.writeHead(status, { 'content-type': 'text/xml', 'x-amzn-requestid': randomUUID() });
  response.end(xml);
}

/** Metrics and alarms are the main thread's: it is asked, and what it answers is passed on. */
async function answerCloudWatch(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const operation = operationOf(request) ?? '';
  const input = JSON.parse(await bodyOf(request));
  const refusal = check(request, operation, input);
  if (refusal) return answerRefusal(refusal, response);
  const answer = await new Promise<JsonAnswer>((resolve) => {
    questions.set(++asked, resolve);
    say({ event: 'question', question: asked, operation, input });
  });
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': randomUUID() };
  if ('result' in answer) {
    response.writeHead(200, headers).end(JSON.stringify(answer.result));
    return;
  }
  const { code, message } = answer;
  response.writeHead(400, { ...headers, 'x-amzn-query-error': `${code};Sender` });
  response.end(JSON.stringify({ __type: `com.amazonaws.cloudwatch#${code}`, message }));
}

function answerRefusal({ status, headers, body }: Refusal, response: http.ServerResponse): void {
  response.writeHead(status, { ...headers, 'x-amzn-requestid': randomUUID() });
  response.end(body);
}

const ANSWERS: Record<string, typeof answerDynamoDb> = {
  dynamodb: answerDynamoDb,
  cloudformation: answerCloudFormation,
  monitoring: answerCloudWatch,
};

const server = http.createServer((request, response) => {
  const { service } = signatureOf(request);
  const answer = ANSWERS[service];
  if (!answer) return fauxqs.handle(request, response);
  answer(request, response).catch((error: Error) => {
    // A client that went away mid-request (a timed out function) has nobody left to answer.
    if (request.destroyed && !request.complete) return;
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: 'InternalServerError', message: error.message }));
  });
});
server.on('error', (error: NodeJS.ErrnoException) =>
  say({ event: 'failed', code: error.code ?? '', message: error.message }),
);
// Longer than any client keeps an idle connection, so that none is closed under a request.
server.keepAliveTimeout = 120_000;
server.listen(options.port, '127.0.0.1', () => {
  const { port: listening } = server.address() as AddressInfo;
  fauxqs.moveTo(`127.0.0.1:${listening}`);
  say({ event: 'listening', port: listening });
});

async function stop(): Promise<void> {
  moveTasks.stop();
  fauxqs.endPolls();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await fauxqs.close();
  await dynamodb.close();
}

port.on('message', async (request: EmulatorRequest) => {
  let value: unknown;
  if (request.ask === 'describe') stacks = request.stacks;
  if (request.ask === 'counts') value = messaging.counts();
  if (request.ask === 'sample') value = messaging.sample();
  if (request.ask === 'permit') access.permit(request.permissions);
  if (request.ask === 'denial') value = access.denial(request.caller, request.needs)?.message;
  if (request.ask === 'answered') {
    questions.get(request.question)?.(request.answer);
    questions.delete(request.question);
  }
  if (request.ask === 'accesses') value = access.accesses();
  if (request.ask === 'stop') await stop();
  say({ event: 'answer', id: request.id, value });
  if (request.ask === 'stop') port.close();
});
