/** Shows the progress of a long task on standard error: a spinner with a bar on a terminal, plain lines in a pipe. */
import ora, { type Ora } from 'ora';
import type { Io } from './io.ts';

/** A step in progress. `done` or `fail` ends it; later calls are ignored. */
interface Step {
  /** Replaces the step's text. */
  update(text: string): void;
  /** Shows `done` of `total` after the step's text, followed by `note`, such as a rate. */
  bar(done: number, total: number, note?: string): void;
  /** Ends the step as a success, with a text that stays on the screen. */
  done(text: string): void;
  /** Ends the step as a failure, with a text that stays on the screen. */
  fail(text: string): void;
}

export interface Progress {
  step(text: string): Step;
  /** Ends open steps: a spinner would keep the process alive. */
  end(): void;
}

/** What the progress needs of a stream; `process.stderr` has it. */
type ProgressStream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

export interface ProgressOptions {
  /** Prints nothing. @default false */
  readonly silent?: boolean;
  /** @default process.stderr */
  readonly stream?: ProgressStream;
  /** A monotonic clock, in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** Minimum time between lines in a pipe, so that the log of a long run stays short. */
const PLAIN_INTERVAL_MS = 2000;
/** The spinner and the blank behind it. */
const SPINNER_COLUMNS = 2;
const BAR_COLUMNS = 24;
/** Longer lines are hard to read at a glance. */
const MAX_COLUMNS = 100;

const silentStep: Step = { update() {}, bar() {}, done() {}, fail() {} };

/** Makes the progress of one command. Nothing is ever written to standard output. */
export function createProgress(options: ProgressOptions = {}): Progress {
  const { silent = false, stream = process.stderr, now = () => performance.now() } = options;
  if (silent) return { step: () => silentStep, end() {} };
  if (!isInteractive(stream)) return { step: (text) => plainStep(text, stream, now), end() {} };
  const spinners = new Set<Ora>();
  return {
    step: (text) => spinnerStep(text, stream, spinners),
    end() {
      for (const spinner of spinners) spinner.stop();
      spinners.clear();
    },
  };
}

/** The progress of a command on its standard error, which ends with the command. */
export function progressOf(io: Io, options: Pick<ProgressOptions, 'silent'> = {}): Progress {
  const progress = createProgress({ ...options, stream: io.stderr });
  io.atEnd(() => progress.end());
  return progress;
}

/** Whether a spinner can be drawn: on a terminal that is not dumb and has a width, outside CI. */
function isInteractive(stream: ProgressStream): boolean {
  return (
    stream.isTTY === true && stream.columns !== 0 && process.env.TERM !== 'dumb' && !('CI' in process.env)
  );
}

/** @param spinners the running ones, including this one until it ends */
function spinnerStep(firstText: string, stream: ProgressStream, spinners: Set<Ora>): Step {
  let text = firstText;
  let open = true;
  const room = () => Math.min(stream.columns ?? 80, MAX_COLUMNS) - SPINNER_COLUMNS - 1;
  const spinner = ora({
    text: cut(text, room()),
    stream,
    // Standard input may be the file to read.
    discardStdin: false,
  }).start();
  spinners.add(spinner);
  return {
    update(next) {
      if (!open) return;
      text = next;
      spinner.text = cut(text, room());
    },
    bar(done, total, note) {
      if (open) spinner.text = barLine(text, done, total, note, room());
    },
    done(last) {
      if (open) spinner.succeed(last);
      open = false;
      spinners.delete(spinner);
    },
    fail(last) {
      if (open) spinner.fail(last);
      open = false;
      spinners.delete(spinner);
    },
  };
}

function plainStep(firstText: string, stream: ProgressStream, now: () => number): Step {
  let text = firstText;
  let open = true;
  let lastLine = now();
  let lastText = '';
  const write = (line: string) => {
    lastLine = now();
    lastText = line;
    stream.write(`${line}\n`);
  };
  const writeSometimes = (line: () => string) => {
    if (!open || now() - lastLine < PLAIN_INTERVAL_MS) return;
    const next = line();
    if (next !== lastText) write(next);
  };
  const end = (last: string) => {
    if (open) write(last);
    open = false;
  };
  write(text);
  return {
    update(next) {
      text = next;
      writeSometimes(() => text);
    },
    bar(done, total, note) {
      writeSometimes(() => `${text}: ${done} of ${total}${note ? `, ${note}` : ''}`);
    },
    done: end,
    fail: end,
  };
}

/**
 * A line of at most `columns` columns: text, bar, numbers, note. If it does not fit, the note is dropped first, then the bar,
 * then the end of the text; the numbers stay.
 */
export function barLine(
  text: string,
  done: number,
  total: number,
  note: string | undefined,
  columns: number,
): string {
  const share = total > 0 ? Math.min(done / total, 1) : 1;
  const filled = Math.round(share * BAR_COLUMNS);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_COLUMNS - filled)}`;
  const numbers = `${done}/${total}`;
  const withBar = `${text} ${bar} ${numbers}`;
  const withNote = note ? `${withBar} ${note}` : withBar;
  if (withNote.length <= columns) return withNote;
  if (withBar.length <= columns) return withBar;
  return `${cut(text, columns - numbers.length - 1)} ${numbers}`;
}

function cut(text: string, columns: number): string {
  if (text.length <= columns) return text;
  return columns > 1 ? `${text.slice(0, columns - 1)}…` : '';
}
