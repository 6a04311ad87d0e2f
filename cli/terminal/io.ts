import { styleText } from 'node:util';
import { untilInterrupted } from './interrupt.ts';
import { json } from './text.ts';

/** A stream that is written to; the process's own and any other. */
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
  /** A signal that is aborted by the first Ctrl-C; only a command that asks for it tidies up after one. */
  readonly untilInterrupted: () => AbortSignal;
}

/** What one command reads, says and has to tidy up: the process's streams, or those of a caller in the same process. */
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

  /** Text in a colour where standard output is a terminal that has colours. */
  colour(name: 'green' | 'yellow' | 'red', text: string): string {
    return styleText(name, text, { stream: this.stdout as NodeJS.WriteStream });
  }

  untilInterrupted(): AbortSignal {
    return this.streams.untilInterrupted();
  }

  /** Has something done when the command is over. */
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
