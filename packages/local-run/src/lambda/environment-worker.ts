// One Lambda execution environment: a thread that loads the bundle once and runs its handler, one invocation at a time.
import type { InvocationFault } from '../faults/fault-plan.ts';
import '../threads/loopback-only.ts';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { withFault } from '../faults/invocation-faults.ts';
import { onRefused } from '../threads/loopback-only.ts';

/** What an execution environment runs. */
export interface EnvironmentOptions {
  /** Folder of the unpacked asset. */
  codeDirectory: string;
  /** As in the template, `index.handler`. */
  handler: string;
  functionName: string;
  memoryMegabytes: number;
}
/** One invocation, as the thread gets it. */
export interface InvocationRequest {
  requestId: string;
  /** ARN that was invoked, with the version or alias where it names one. */
  invokedArn: string;
  /** `$LATEST`, or the number of a version. */
  version: string;
  event: unknown;
  /** Milliseconds since the epoch. */
  deadline: number;
  /** The fault to inject into it. */
  fault?: InvocationFault | undefined;
}
/** Messages of one environment arrive as things happened: what an invocation logs precedes its end. */
export type EnvironmentMessage =
  | { kind: 'ready' }
  | { kind: 'output'; text: string }
  | { kind: 'refused'; host: string }
  | { kind: 'result'; payload: string | undefined }
  /** Of an invocation, or of the start of the environment. */
  | { kind: 'error'; isOfStart: boolean; errorType: string; errorMessage: string };

const port = parentPort;
if (!port) throw new Error('environment-worker.ts runs as a worker thread');
const say = (message: EnvironmentMessage) => port.postMessage(message);
onRefused((host) => say({ kind: 'refused', host }));

for (const stream of [process.stdout, process.stderr]) {
  stream.write = ((chunk: string | Uint8Array, encoding?: unknown, callback?: unknown) => {
    say({ kind: 'output', text: typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8') });
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof done === 'function') done();
    return true;
  }) as typeof stream.write;
}

function sayError(error: unknown, isOfStart: boolean): void {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  say({ kind: 'error', isOfStart, errorType: name, errorMessage: message });
}

type Handler = (event: unknown, context: object) => unknown;

async function load(options: EnvironmentOptions): Promise<Handler> {
  const dot = options.handler.lastIndexOf('.');
  const file = path.join(options.codeDirectory, `${options.handler.slice(0, dot)}.mjs`);
  const name = options.handler.slice(dot + 1);
  const handler = (await import(pathToFileURL(file).href))[name];
  if (typeof handler !== 'function') throw new Error(`${file} exports no function named ${name}`);
  return handler;
}

async function run(handler: Handler, options: EnvironmentOptions, request: InvocationRequest): Promise<void> {
  const { requestId, invokedArn, version, event, deadline, fault } = request;
  // https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html
  const context = {
    functionName: options.functionName,
    functionVersion: version,
    invokedFunctionArn: invokedArn,
    memoryLimitInMB: String(options.memoryMegabytes),
    awsRequestId: requestId,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
  try {
    const answer = await withFault(fault, async () => handler(event, context));
    say({ kind: 'result', payload: JSON.stringify(answer) });
  } catch (error) {
    sayError(error, false);
  }
}

try {
  const options = workerData as EnvironmentOptions;
  const handler = await load(options);
  port.on('message', (request: InvocationRequest) => void run(handler, options, request));
  say({ kind: 'ready' });
} catch (error) {
  sayError(error, true);
}
