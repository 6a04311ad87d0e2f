import { type ChildProcess, fork } from 'node:child_process';
import type { HeldMessage } from '../fauxqs/waiting.ts';
import { type Answer, PendingAnswers, type Question } from '../pending-answers.ts';
import type { LocalEndpoint, LocalRunOptions } from '../run.ts';

/** What the process of the run is asked; `id` comes back with the answer. */
export type RunRequest =
  | { id: number; ask: 'start'; options: LocalRunOptions }
  | { id: number; ask: 'consume' }
  | { id: number; ask: 'end-batching-windows' }
  | { id: number; ask: 'messages'; queueUrl: string }
  | { id: number; ask: 'stop' };

/** What it says: answers, and why it ends where nobody wanted it to. */
export type RunMessage = Answer | { failed: string };

/** A local run in a process of its own, which can be killed as a machine that loses power is. */
export class KillableRun {
  readonly endpoint: LocalEndpoint;
  /** Aborted when it ends without being stopped or killed; the reason is an Error of one line. */
  readonly failed: AbortSignal;
  private readonly child: Child;

  private constructor(child: Child, endpoint: LocalEndpoint) {
    this.child = child;
    this.endpoint = endpoint;
    this.failed = child.failed;
  }

  /** Starts the process, and in it the run. @throws Error as LocalRun.start does */
  static async start(options: LocalRunOptions): Promise<KillableRun> {
    const child = new Child();
    try {
      return new KillableRun(child, await child.ask({ ask: 'start', options }));
    } catch (error) {
      await child.kill();
      throw error;
    }
  }

  /** Lets messages be consumed. */
  async consume(): Promise<void> {
    await this.child.ask({ ask: 'consume' });
  }

  /** Lets what is collected go to the functions: see LocalRun. */
  async endBatchingWindows(): Promise<void> {
    await this.child.ask({ ask: 'end-batching-windows' });
  }

  /** The messages that lie in a queue, by its URL; none of them is touched. */
  messagesIn(queueUrl: string): Promise<HeldMessage[]> {
    return this.child.ask({ ask: 'messages', queueUrl });
  }

  /** Ends it on the spot, without a chance to finish anything. */
  kill(): Promise<void> {
    return this.child.kill();
  }

  /** Lets what is under way end. Resolves with the run's problems. @throws why it has failed, where it has */
  stop(): Promise<string[]> {
    return this.child.stop();
  }
}

class Child {
  readonly exited: Promise<void>;
  readonly failed: AbortSignal;
  private readonly process: ChildProcess;
  private readonly pending = new PendingAnswers();
  private isEnding = false;

  constructor() {
    const failure = new AbortController();
    this.failed = failure.signal;
    this.process = fork(new URL('./killable-run-worker.ts', import.meta.url), {
      execArgv: [],
      stdio: 'inherit',
    });
    const end = (why: string) => {
      const error = new Error(why);
      this.pending.end(error);
      return error;
    };
    this.process.on('message', (message: RunMessage) => {
      if ('failed' in message) failure.abort(end(message.failed));
      else this.pending.settle(message);
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
      this.process.once('error', (error) => {
        failure.abort(end(`the process of the local run has failed: ${error.message}`));
        // One that did not start does not exit either.
        if (this.process.pid === undefined) resolve();
      });
    });
  }

  ask<T>(question: Question<RunRequest>): Promise<T> {
    // A question that cannot be sent any more is answered by the exit.
    return this.pending.ask((id) => this.process.send({ id, ...question }, () => {}));
  }

  async stop(): Promise<string[]> {
    const problems = await this.ask<string[]>({ ask: 'stop' });
    this.isEnding = true;
    await this.exited;
    return problems;
  }

  async kill(): Promise<void> {
    this.isEnding = true;
    this.process.kill('SIGKILL');
    await this.exited;
  }
}
