import { type ChildProcess, fork } from 'node:child_process';
import type { LocalEndpoint, LocalRunOptions } from './run.ts';

/** What the process of the run is asked; `id` comes back with the answer. */
export type RunRequest =
  | { id: number; ask: 'start'; options: LocalRunOptions }
  | { id: number; ask: 'consume' }
  | { id: number; ask: 'stop' };
export type RunMessage =
  | { event: 'answer'; id: number; value: unknown }
  | { event: 'failed'; id: number; message: string };
type Question = RunRequest extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never;

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
  private readonly waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void }
  >();
  private nextId = 0;

  constructor() {
    this.process = fork(new URL('./run-worker.ts', import.meta.url), { execArgv: [], stdio: 'inherit' });
    this.process.on('message', (message: RunMessage) => {
      const asked = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (message.event === 'failed') asked?.reject(new Error(message.message));
      else asked?.resolve(message.value as never);
    });
    this.exited = new Promise((resolve) => this.process.once('exit', () => resolve()));
    void this.exited.then(() => {
      for (const { reject } of this.waiting.values()) reject(new Error('the local run has ended'));
      this.waiting.clear();
    });
  }

  ask<T>(question: Question): Promise<T> {
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.process.send({ id, ...question });
    });
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}
