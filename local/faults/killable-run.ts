import { type ChildProcess, fork } from 'node:child_process';
import { type Answer, PendingAnswers, type Question } from '../pending-answers.ts';
import type { LocalEndpoint, LocalRunOptions } from '../run.ts';

/** What the process of the run is asked; `id` comes back with the answer. */
export type RunRequest =
  | { id: number; ask: 'start'; options: LocalRunOptions }
  | { id: number; ask: 'consume' }
  | { id: number; ask: 'stop' };
/** A local run in a process of its own, which can be killed as a machine that loses power is. */
export class KillableRun {
  readonly endpoint: LocalEndpoint;
  private readonly child: Child;

  private constructor(child: Child, endpoint: LocalEndpoint) {
    this.child = child;
    this.endpoint = endpoint;
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

  /** Ends it on the spot, without a chance to finish anything. */
  kill(): Promise<void> {
    return this.child.kill();
  }

  /** Lets what is under way end. Resolves with the run's problems. */
  async stop(): Promise<string[]> {
    const problems = await this.child.ask<string[]>({ ask: 'stop' });
    await this.child.exited;
    return problems;
  }
}

class Child {
  readonly exited: Promise<void>;
  private readonly process: ChildProcess;
  private readonly pending = new PendingAnswers();

  constructor() {
    this.process = fork(new URL('./killable-run-worker.ts', import.meta.url), {
      execArgv: [],
      stdio: 'inherit',
    });
    this.process.on('message', (answer: Answer) => this.pending.settle(answer));
    this.exited = new Promise((resolve) => this.process.once('exit', () => resolve()));
    void this.exited.then(() => this.pending.rejectAll(new Error('the local run has ended')));
  }

  ask<T>(question: Question<RunRequest>): Promise<T> {
    return this.pending.ask((id) => this.process.send({ id, ...question }));
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}
