import { setTimeout } from 'node:timers/promises';
import { explain, isTransient } from './errors.ts';

const PAUSE_MS = 1_000;

/** Until when, and with which words, errors are waited out that may pass: throttling, errors of AWS, an outage of the network. */
export class Patience {
  private readonly deadline: number;
  private readonly signal: AbortSignal;
  private readonly onTrouble: (reason: string) => void;

  /**
   * @param signal ends it at once
   * @param onTrouble called with each error that is waited out, in one line
   */
  constructor(timeoutMs: number, signal: AbortSignal, onTrouble: (reason: string) => void = () => {}) {
    this.deadline = performance.now() + timeoutMs;
    this.signal = signal;
    this.onTrouble = onTrouble;
  }

  get isOver(): boolean {
    return this.signal.aborted || performance.now() >= this.deadline;
  }

  /** Waits so many milliseconds, and no longer than its time. */
  async wait(ms: number): Promise<void> {
    const rest = Math.max(0, this.deadline - performance.now());
    await setTimeout(Math.min(ms, rest), undefined, { signal: this.signal }).catch(() => {});
  }

  /** Says what went wrong, where it may pass. @throws the error, where another try could not succeed */
  bear(error: unknown): void {
    if (!isTransient(error)) throw error;
    this.onTrouble(explain(error) ?? String(error));
  }

  /** Tries until it works. @throws the last error, where the time is over before, or another try could not succeed */
  async insist<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        this.bear(error);
        if (this.isOver) throw error;
      }
      await this.wait(PAUSE_MS);
    }
  }
}
