import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { InvocationFault } from '../faults/fault-plan.ts';
import type { EnvironmentMessage, EnvironmentOptions, InvocationRequest } from './environment-worker.ts';

/** A function as the template describes it. */
export interface FunctionDefinition extends EnvironmentOptions {
  /** Without a qualifier. */
  functionArn: string;
  environment: Record<string, string>;
  timeoutSeconds: number;
  /** Most execution environments at a time; without it as many as there are concurrent invocations. */
  reservedConcurrency?: number | undefined;
}

/** How a function is invoked other than by its plain name: as a version of it, or by an alias that points at one. */
export interface Qualifier {
  /** The alias, or the version's number: what follows the function's name. */
  name: string;
  /** Number of the version that runs. */
  version: string;
}

/** How an invocation ended: with the handler's answer, or with the error that Lambda would report. */
export type InvocationResult =
  | { ok: true; payload: unknown }
  | { ok: false; errorType: string; errorMessage: string };

/** What functions report while they run. */
export interface FunctionEvents {
  /** A line on standard output or error, or one that Lambda itself writes. */
  log(functionName: string, line: string): void;
  /** A connection that would have left this machine. */
  refused(functionName: string, host: string): void;
  /** What Lambda measured in one invocation of a function, or of its version or alias. */
  measured(functionName: string, values: FunctionMetrics, qualifier?: Qualifier): void;
}

/** Durations are in milliseconds. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html */
export type FunctionMetrics = Partial<Record<'Invocations' | 'Errors' | 'Throttles' | 'Duration', number>>;

/** One worker thread; after a timeout or a crash it is not alive and the next invocation gets a fresh one. */
export class ExecutionEnvironment {
  alive = true;
  private readonly worker: Worker;
  private readonly definition: FunctionDefinition;
  /** Resolves when the environment has started; with a result if it has not. */
  private readonly ready = Promise.withResolvers<InvocationResult | undefined>();
  private settle: ((result: InvocationResult) => void) | undefined;

  /** @param version whose environment it is at first; all versions run the same code */
  constructor(definition: FunctionDefinition, version: string, events: FunctionEvents) {
    this.definition = definition;
    this.worker = new Worker(new URL('./environment-worker.ts', import.meta.url), {
      workerData: definition,
      env: { ...definition.environment, AWS_LAMBDA_FUNCTION_VERSION: version },
      execArgv: [],
      resourceLimits: {
        maxOldGenerationSizeMb: definition.memoryMegabytes,
        // V8 would take 48 MB for each thread before it looks for garbage.
        maxYoungGenerationSizeMb: 8,
      },
    });
    const fail = (errorType: string, errorMessage: string) => {
      this.alive = false;
      const result: InvocationResult = { ok: false, errorType, errorMessage };
      this.ready.resolve(result);
      this.settle?.(result);
    };
    this.worker.on('message', (message: EnvironmentMessage) => {
      if (message.kind === 'ready') this.ready.resolve(undefined);
      else if (message.kind === 'output') {
        for (const line of message.text.split('\n')) if (line) events.log(definition.functionName, line);
      } else if (message.kind === 'refused') events.refused(definition.functionName, message.host);
      else if (message.kind === 'result') {
        this.settle?.({ ok: true, payload: JSON.parse(message.payload ?? 'null') });
      } else if (message.isOfStart) {
        fail(message.errorType, message.errorMessage);
        void this.worker.terminate();
      } else {
        this.settle?.({ ok: false, errorType: message.errorType, errorMessage: message.errorMessage });
      }
    });
    this.worker.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? fail('Runtime.OutOfMemory', `the function needed more than its ${definition.memoryMegabytes} MB`)
        : fail(error.name ?? 'Runtime.UnhandledError', error.message ?? String(error)),
    );
    this.worker.on('exit', () => fail('Runtime.ExitError', 'the execution environment ended'));
  }

  /** @param invoked the ARN and the version that were invoked */
  async run(
    event: unknown,
    invoked: Pick<InvocationRequest, 'invokedArn' | 'version'>,
    fault?: InvocationFault,
  ): Promise<InvocationResult> {
    // Lambda gives the initialization ten seconds of its own, before the function's timeout begins.
    // https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    const failure = await this.ready.promise;
    if (failure) return failure;
    const { timeoutSeconds } = this.definition;
    const requestId = randomUUID();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.alive = false;
        void this.worker.terminate();
        settle({
          ok: false,
          errorType: 'Sandbox.Timedout',
          errorMessage: `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`,
        });
      }, timeoutSeconds * 1000);
      const settle = (result: InvocationResult) => {
        clearTimeout(timer);
        this.settle = undefined;
        resolve(result);
      };
      this.settle = settle;
      const request: InvocationRequest = {
        requestId,
        ...invoked,
        event,
        deadline: Date.now() + timeoutSeconds * 1000,
        fault,
      };
      this.worker.postMessage(request);
    });
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}
