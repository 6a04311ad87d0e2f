import { Worker } from 'node:worker_threads';
import type { MappingConfiguration } from '../lambda/lambda-api.ts';
import { type Remote, RemoteCalls } from '../threads/remote-calls.ts';
import type { EmulatorsApi } from './emulators-worker.ts';
import type { EmulatorMessage, EmulatorOptions, FunctionReport } from './messages.ts';

/** SNS, SQS, S3, DynamoDB, CloudWatch, event source mappings and DescribeStacks behind one endpoint on 127.0.0.1, in a thread of their own. */
export class Emulators {
  /** Base address of every service, as AWS_ENDPOINT_URL takes it. */
  readonly endpoint: string;
  readonly api: Remote<EmulatorsApi>;
  /** Aborted when they end without being stopped; the reason is an Error of one line. */
  readonly failed: AbortSignal;
  private readonly worker: Worker;
  private readonly calls: RemoteCalls<EmulatorsApi>;
  /** By UUID. */
  private readonly mappings = new Map<string, (isEnabled: boolean) => Promise<void>>();
  private readonly exited: Promise<void>;
  private isStopping = false;

  private constructor(worker: Worker, port: number, onProblem: (problem: string) => void) {
    this.endpoint = `http://127.0.0.1:${port}`;
    this.worker = worker;
    this.calls = new RemoteCalls((call) => worker.postMessage(call));
    this.api = this.calls.api;
    worker.on('message', (message: EmulatorMessage) => {
      if (message.event === 'answer') this.calls.settle(message);
      else if (message.event === 'problem') onProblem(message.problem);
      else if (message.event === 'switch-mapping') {
        // Where they end meanwhile, nobody is left who asks for its state.
        this.switchMapping(message.uuid, message.isEnabled).catch(() => {});
      }
    });
    const failure = new AbortController();
    this.failed = failure.signal;
    const end = (why: string) => {
      const error = new Error(`the emulators have stopped: ${why}`);
      this.calls.end(error);
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
   * @param onProblem called with a line for each refused connection, each permission that a call lacked, and other problems
   * @throws Error with one line that says what to do when the port is taken
   */
  static async start(options: EmulatorOptions, onProblem = (_: string) => {}): Promise<Emulators> {
    const worker = new Worker(new URL('./emulators-worker.ts', import.meta.url), { workerData: options });
    const first = await new Promise<EmulatorMessage>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the emulators did not start: exit code ${code}`)));
    });
    if (first.event === 'listening') return new Emulators(worker, first.port, onProblem);
    await worker.terminate();
    if (first.event === 'failed' && first.code === 'EADDRINUSE') {
      throw new Error(
        `port ${options.port} on 127.0.0.1 is taken: choose another with --port, or 0 for any free one`,
      );
    }
    throw new Error(`the emulators did not start: ${first.event === 'failed' ? first.message : first.event}`);
  }

  /** Takes what a function reports to CloudWatch. It is counted before anything that is asked afterwards is answered. */
  report(report: FunctionReport): void {
    // Few other lines have this text in them.
    if ('line' in report && !report.line.includes('"CloudWatchMetrics"')) return;
    this.worker.postMessage(report);
  }

  /**
   * Makes a mapping, which is on, known to Lambda's API, which can then turn it off and on.
   * @param switchTo turns it on or off; it is so when the promise resolves
   */
  async addMapping(
    configuration: MappingConfiguration,
    switchTo: (isEnabled: boolean) => Promise<void>,
  ): Promise<void> {
    this.mappings.set(configuration.UUID, switchTo);
    await this.api.addMapping(configuration);
  }

  /** Ends all connections, writes out kept state and ends the thread. Where that has failed, nothing is left to do. */
  async stop(): Promise<void> {
    this.isStopping = true;
    try {
      await this.api.stop();
    } catch (error) {
      if (!this.failed.aborted) throw error;
    }
    await this.exited;
  }

  private async switchMapping(uuid: string, isEnabled: boolean): Promise<void> {
    await this.mappings.get(uuid)?.(isEnabled);
    await this.api.mappingSwitched(uuid);
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}
