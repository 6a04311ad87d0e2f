import { Worker } from 'node:worker_threads';
import type { MessagingSample } from '../fauxqs/messaging-metrics.ts';
import type { HeldMessage } from '../fauxqs/waiting.ts';
import type { Access, ServiceCaller, StackPolicies } from '../iam/access-control.ts';
import type { Permission } from '../iam/required-permissions.ts';
import { PendingAnswers, type Question } from '../pending-answers.ts';
import type { StackDescription } from './cloudformation.ts';
import { FunctionReports } from './function-reports.ts';
import { LocalCloudWatch } from './local-cloudwatch.ts';
import { LocalLambda } from './local-lambda.ts';
import type { EmulatorMessage, EmulatorOptions, EmulatorRequest } from './messages.ts';

/** What the emulators report without being asked. */
export interface EmulatorEvents {
  /** A connection to this host would have left the machine, and was refused. */
  refused?(host: string): void;
  /** A call was denied, with AWS's sentence; once for each lacking permission. */
  denied?(sentence: string): void;
  /** Any other problem, such as a notification of an alarm that is refused. */
  problem?(problem: string): void;
}

/** SNS, SQS, S3, DynamoDB, CloudWatch, event source mappings and DescribeStacks behind one endpoint on 127.0.0.1, in a thread of their own. */
export class Emulators {
  /** Base address of every service, as AWS_ENDPOINT_URL takes it. */
  readonly endpoint: string;
  readonly cloudWatch: LocalCloudWatch;
  readonly lambda: LocalLambda;
  /** Takes what functions report to CloudWatch. It is counted before anything that is asked afterwards is answered. */
  readonly reports: FunctionReports;
  /** Aborted when they end without being stopped; the reason is an Error of one line. */
  readonly failed: AbortSignal;
  private readonly worker: Worker;
  private readonly pending = new PendingAnswers();
  private readonly exited: Promise<void>;
  private isStopping = false;

  private constructor(worker: Worker, port: number, events: EmulatorEvents) {
    this.worker = worker;
    this.endpoint = `http://127.0.0.1:${port}`;
    this.reports = new FunctionReports((report) => worker.postMessage(report));
    this.cloudWatch = new LocalCloudWatch((question) => this.ask(question));
    this.lambda = new LocalLambda((question) => this.ask(question));
    worker.on('message', (message: EmulatorMessage) => {
      if (message.event === 'answer') this.pending.settle(message);
      else if (message.event === 'refused') events.refused?.(message.host);
      else if (message.event === 'denied') events.denied?.(message.sentence);
      else if (message.event === 'problem') events.problem?.(message.problem);
      else if (message.event === 'switch-mapping') {
        // Where they end meanwhile, nobody is left who asks for its state.
        this.lambda.switchMapping(message.uuid, message.isEnabled).catch(() => {});
      }
    });
    const failure = new AbortController();
    this.failed = failure.signal;
    const end = (why: string) => {
      const error = new Error(`the emulators have stopped: ${why}`);
      this.pending.end(error);
      return error;
    };
    worker.on('error', (error: unknown) => failure.abort(end(firstLine(error))));
    this.exited = new Promise((resolve) => {
      worker.once('exit', (code) => {
        const error = end(`their thread has ended with exit code ${code}`);
        if (!this.isStopping || code !== 0) failure.abort(error);
        resolve();
      });
    });
  }

  /**
   * Starts them and resolves when they listen.
   * @throws Error with one line that says what to do when the port is taken
   */
  static async start(options: EmulatorOptions, events: EmulatorEvents = {}): Promise<Emulators> {
    const worker = new Worker(new URL('./emulators-worker.ts', import.meta.url), { workerData: options });
    const first = await new Promise<EmulatorMessage>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the emulators did not start: exit code ${code}`)));
    });
    if (first.event === 'listening') return new Emulators(worker, first.port, events);
    await worker.terminate();
    if (first.event === 'failed' && first.code === 'EADDRINUSE') {
      throw new Error(
        `port ${options.port} on 127.0.0.1 is taken: choose another with --port, or 0 for any free one`,
      );
    }
    throw new Error(`the emulators did not start: ${first.event === 'failed' ? first.message : first.event}`);
  }

  /** Makes stacks known to DescribeStacks. */
  async describe(stacks: StackDescription[]): Promise<void> {
    await this.ask({ ask: 'describe', stacks });
  }

  /** Gives the functions of a stack their permissions. Until then only the operator may call anything. */
  async permit(policies: StackPolicies): Promise<void> {
    await this.ask({ ask: 'permit', policies });
  }

  /**
   * Why a call would be refused, in AWS's sentence, or undefined where it is allowed.
   * @param caller an access key, or a service and the resource it acts for
   */
  denial(caller: string | ServiceCaller, permissions: Permission[]): Promise<string | undefined> {
    return this.ask({ ask: 'denial', caller, permissions });
  }

  /** Every permission that was asked for since `permit`, once. */
  accesses(): Promise<Access[]> {
    return this.ask({ ask: 'accesses' });
  }

  /** What every queue holds now, and what queues and topics have done since the start. */
  sample(): Promise<MessagingSample> {
    return this.ask({ ask: 'sample' });
  }

  /** The messages that lie in a queue, visible, delayed or in flight; none of them is touched. */
  messagesIn(queueName: string): Promise<HeldMessage[]> {
    return this.ask({ ask: 'messages', queueName });
  }

  /** Makes every message in flight visible, as if its visibility timeout had passed. @returns how many there were */
  endVisibilityTimeouts(): Promise<number> {
    return this.ask({ ask: 'end-visibility-timeouts' });
  }

  /** Lets time pass for the messages in flight: those whose visibility timeout ends within so many seconds become visible. */
  async passTime(seconds: number): Promise<void> {
    await this.ask({ ask: 'pass-time', seconds });
  }

  /** Ends all connections, writes out kept state and ends the thread. Where that has failed, nothing is left to do. */
  async stop(): Promise<void> {
    this.isStopping = true;
    try {
      await this.ask({ ask: 'stop' });
    } catch (error) {
      if (!this.failed.aborted) throw error;
    }
    await this.exited;
  }

  private ask<T>(question: Question<EmulatorRequest>): Promise<T> {
    this.reports.flush();
    return this.pending.ask((id) => this.worker.postMessage({ id, ...question }));
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}
