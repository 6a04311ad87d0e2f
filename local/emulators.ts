import { Worker } from 'node:worker_threads';
import type { Access, Permissions, ServiceCaller } from './access.ts';
import type { StackDescription } from './cloudformation.ts';
import type { JsonAnswer } from './cloudwatch-api.ts';
import type { EmulatorMessage, EmulatorOptions, EmulatorRequest } from './emulator-worker.ts';
import type { MessagingSample, QueueCounts } from './fauxqs/messaging-metrics.ts';
import type { Need } from './iam-actions.ts';
import type { Json } from './template.ts';

type Question = EmulatorRequest extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never;

/** SNS, SQS, DynamoDB and DescribeStacks behind one endpoint on 127.0.0.1, in a thread of their own. */
export class Emulators {
  /** Base address of every service, as AWS_ENDPOINT_URL takes it. */
  readonly endpoint: string;
  private readonly worker: Worker;
  private readonly waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void }
  >();
  private nextId = 0;
  private cloudWatch: (operation: string, input: Json) => JsonAnswer = () => ({
    code: 'ServiceUnavailable',
    message: 'the stack does not stand yet',
  });

  private constructor(
    worker: Worker,
    port: number,
    onRefused: (host: string) => void,
    onDenied: (sentence: string) => void,
  ) {
    this.worker = worker;
    this.endpoint = `http://127.0.0.1:${port}`;
    worker.on('message', (message: EmulatorMessage) => {
      if (message.event === 'refused') onRefused(message.host);
      if (message.event === 'denied') onDenied(message.sentence);
      if (message.event === 'question') {
        const { question, operation, input } = message;
        // Who stops the emulators now gets no answer any more.
        this.ask({ ask: 'answered', question, answer: this.cloudWatch(operation, input) }).catch(() => {});
      }
      if (message.event !== 'answer') return;
      this.waiting.get(message.id)?.resolve(message.value as never);
      this.waiting.delete(message.id);
    });
    worker.on('error', (error: Error) => this.end(error));
    worker.on('exit', () => this.end(new Error('the emulators have stopped')));
  }

  /**
   * Starts them and resolves when they listen.
   * @param onRefused called with the host of a connection that would have left this machine
   * @param onDenied called with AWS's sentence, once for each permission that somebody lacks
   * @throws Error with one line that says what to do when the port is taken
   */
  static async start(
    options: EmulatorOptions,
    onRefused: (host: string) => void,
    onDenied: (sentence: string) => void = () => {},
  ): Promise<Emulators> {
    const worker = new Worker(new URL('./emulator-worker.ts', import.meta.url), { workerData: options });
    const first = await new Promise<EmulatorMessage>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    if (first.event === 'listening') return new Emulators(worker, first.port, onRefused, onDenied);
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
  async permit(permissions: Permissions): Promise<void> {
    await this.ask({ ask: 'permit', permissions });
  }

  /**
   * Why a call would be refused, in AWS's sentence, or undefined where it is allowed.
   * @param caller an access key, or a service and the resource it acts for
   */
  denial(caller: string | ServiceCaller, needs: Need[]): Promise<string | undefined> {
    return this.ask({ ask: 'denial', caller, needs });
  }

  /** Every permission that was asked for since `permit`, once. */
  accesses(): Promise<Access[]> {
    return this.ask({ ask: 'accesses' });
  }

  /** From here on what is asked of CloudWatch is answered by `answer`. */
  answerCloudWatch(answer: (operation: string, input: Json) => JsonAnswer): void {
    this.cloudWatch = answer;
  }

  /** What has passed through each queue since the start, by queue name. */
  counts(): Promise<Record<string, QueueCounts>> {
    return this.ask({ ask: 'counts' });
  }

  /** What every queue holds now, and what queues and topics have done since the start. */
  sample(): Promise<MessagingSample> {
    return this.ask({ ask: 'sample' });
  }

  /** Ends all connections, writes out kept state and ends the thread. */
  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.worker.once('exit', resolve));
    await this.ask({ ask: 'stop' });
    await exited;
  }

  private ask<T>(question: Question): Promise<T> {
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...question });
    });
  }

  private end(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
