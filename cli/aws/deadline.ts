import { setTimeout } from 'node:timers/promises';
import { explain, isTransient } from './errors.ts';

const PAUSE_MS = 1_000;

/** How long to wait, and to retry after errors that may pass: throttling, faults of AWS, network outages. */
export class Deadline {
  private readonly at: number;
  private readonly signal: AbortSignal;
  private readonly onTrouble: (reason: string) => void;

  /**
   * @param signal ends the wait at once
   * @param onTrouble called with one line for each error that is retried
   */
  constructor(timeoutMs: number, signal: AbortSignal, onTrouble: (reason: string) => void = () => {}) {
    this.at = performance.now() + timeoutMs;
    this.signal = signal;
    this.onTrouble = onTrouble;
  }

  get isOver(): boolean {
    return this.signal.aborted || performance.now() >= this.at;
  }

  /** Waits for `ms` milliseconds, but not past the deadline. */
  async wait(ms: number): Promise<void> {
    const rest = Math.max(0, this.at - performance.now());
    await setTimeout(Math.min(ms, rest), undefined, { signal: this.signal }).catch(() => {});
  }

  /** Reports an error that may pass. @throws any other error */
  tolerate(error: unknown): void {
    if (!isTransient(error)) throw error;
    this.onTrouble(explain(error) ?? String(error));
  }

  /** Retries until it works. @throws the last error at the deadline, and any error that a retry cannot cure */
  async retry<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        this.tolerate(error);
        if (this.isOver) throw error;
      }
      await this.wait(PAUSE_MS);
    }
  }
}
