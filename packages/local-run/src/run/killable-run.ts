import { type ChildProcess, fork } from 'node:child_process';
import type { LocalEndpoint } from '../client/client-settings.ts';
import type { HeldMessage } from '../fauxqs/waiting.ts';
import { type Answer, RemoteCalls } from '../threads/remote-calls.ts';
import type { KillableRunApi } from './killable-run-worker.ts';
import type { LocalRunOptions } from './run.ts';

/** A local run in a process of its own, which can be killed as a machine that loses power is. */
export class KillableRun {
  /** Aborted when it ends without being stopped or killed; the reason is an Error of one line. */
  readonly failed: AbortSignal;
  endpoint!: LocalEndpoint;
  private readonly process: ChildProcess;
  private readonly exited: Promise<void>;
  private readonly calls = new RemoteCalls<KillableRunApi>((call) => this.process.send(call, () => {}));
  private isEnding = false;

  /** Starts the process, and in it the run. @throws Error as LocalRun.start does */
  static async start(options: LocalRunOptions): Promise<KillableRun> {
    const run = new KillableRun();
    try {
      run.endpoint = await run.calls.api.start(options);
      return run;
    } catch (error) {
      await run.kill();
      throw error;
    }
  }

  private constructor() {
    const failure = new AbortController();
    this.failed = failure.signal;
    this.process = fork(new URL('./killable-run-worker.ts', import.meta.url), {
      execArgv: [],
      stdio: 'inherit',
    });
    const end = (why: string) => {
      const error = new Error(why);
      this.calls.end(error);
      return error;
    };
    this.process.on('message', (message: Answer | { failed: string }) => {
      if ('failed' in message) failure.abort(end(message.failed));
      else this.calls.settle(message);
    });
    this.exited = new Promise((resolve) => {
      // Its last message may come after its exit.
      const read = new Promise((done) => this.process.once('disconnect', done));
      this.process.once('exit', async (code, signal) => {
        await read;
        const error = end(`the process of the local run has ended with ${signal ?? `exit code ${code}`}`);
        if (!this.isEnding) failure.abort(error);
        resolve();
      });
    });
  }

  /** Lets messages be consumed. */
  consume(): Promise<void> {
    return this.calls.api.consume();
  }

  /** Ends the batching windows that are open: see LocalRun. */
  endBatchingWindows(): Promise<void> {
    return this.calls.api.endBatchingWindows();
  }

  /** The messages that lie in a queue, by its URL; none of them is touched. */
  messagesIn(queueUrl: string): Promise<HeldMessage[]> {
    return this.calls.api.messagesIn(queueUrl);
  }

  /** Ends it on the spot, without a chance to finish anything. */
  async kill(): Promise<void> {
    this.isEnding = true;
    this.process.kill('SIGKILL');
    await this.exited;
  }

  /** Lets what is under way end. Resolves with the run's problems. @throws why it has failed, where it has */
  async stop(): Promise<string[]> {
    const problems = [...(await this.calls.api.stop())];
    this.isEnding = true;
    await this.exited;
    return problems;
  }
}
