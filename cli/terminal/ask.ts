import { createInterface } from 'node:readline/promises';
import type { Io } from './io.ts';

/** Whether there is a terminal to ask on. */
export function canAsk({ stdin, stderr }: Pick<Io, 'stdin' | 'stderr'>): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Asks on the terminal. @returns the trimmed answer; undefined after Ctrl-C or Ctrl-D */
export async function ask(question: string, signal: AbortSignal, io: Io): Promise<string | undefined> {
  const terminal = createInterface({ input: io.stdin, output: io.stderr });
  // A terminal in raw mode sends Ctrl-C as a key, not as a signal.
  terminal.on('SIGINT', () => process.emit('SIGINT'));
  // After Ctrl-D the question would never be settled.
  const closed = new AbortController();
  terminal.on('close', () => closed.abort());
  const over = AbortSignal.any([signal, closed.signal]);
  try {
    return (await terminal.question(question, { signal: over })).trim();
  } catch (error) {
    if (over.aborted) return undefined;
    throw error;
  } finally {
    terminal.close();
  }
}
