import { styleText } from 'node:util';
import { untilInterrupted } from './interrupt.ts';
import { json } from './text.ts';

/** A writable stream, such as those of the process. */
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Where a command reads and writes. */
export interface Streams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  /** A signal that the first Ctrl-C aborts; only commands that ask for it clean up after Ctrl-C. */
  readonly untilInterrupted: () => AbortSignal;
}

/** Input, output, exit code and cleanup of one command: on the process's streams, or on those of a caller in the process. */
export class Io {
  readonly stdin: Streams['stdin'];
  readonly stdout: Output;
  readonly stderr: Output;
  exitCode = 0;
  private readonly streams: Streams;
  private readonly cleanups: (() => void)[] = [];

  constructor(streams: Streams) {
    this.streams = streams;
    this.stdin = streams.stdin;
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
  }

  /** A line of the result, on standard output. */
  print(line: string): void {
    this.stdout.write(`${line}\n`);
  }

  /** A value for programs, on standard output, as JSON in one line. */
  printJson(value: unknown): void {
    this.print(json(value));
  }

  /** A line for people, on standard error. */
  say(line: string): void {
    this.stderr.write(`${line}\n`);
  }

  /** Colours the text if standard output is a terminal with colours. */
  colour(name: 'green' | 'yellow' | 'red', text: string): string {
    return styleText(name, text, { stream: this.stdout as NodeJS.WriteStream });
  }

  untilInterrupted(): AbortSignal {
    return this.streams.untilInterrupted();
  }

  /** Registers something to do when the command ends. */
  atEnd(cleanup: () => void): void {
    this.cleanups.push(cleanup);
  }

  end(): void {
    for (const cleanup of this.cleanups.splice(0)) cleanup();
  }
}

/** The streams of this process. */
export function processIo(): Io {
  const { stdin, stdout, stderr } = process;
  return new Io({ stdin, stdout, stderr, untilInterrupted });
}
