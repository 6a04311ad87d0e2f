/** The operator's command line. A verb's options are in usage/, its work in commands/, which is imported when it is asked for. */
import { Command, CommanderError } from 'commander';
import { explain } from './aws/errors.ts';
import { CommandError } from './terminal/command-error.ts';
import type { Io } from './terminal/io.ts';
import { printable } from './terminal/text.ts';
import { defineArchive } from './usage/archive.ts';
import { defineCheck } from './usage/check.ts';
import { defineFailed } from './usage/failed.ts';
import { definePublish } from './usage/publish.ts';
import { definePurge } from './usage/purge.ts';
import { defineRedrive } from './usage/redrive.ts';
import { defineReplay } from './usage/replay.ts';
import { defineStatus } from './usage/status.ts';
import { defineStock } from './usage/stock.ts';
import { defineStop } from './usage/stop.ts';
import { defineTail } from './usage/tail.ts';
import { defineTrace } from './usage/trace.ts';
import { defineWatch } from './usage/watch.ts';

const COMMANDS = {
  archive: () => import('./commands/archive.ts'),
  check: () => import('./commands/check.ts'),
  failed: () => import('./commands/failed.ts'),
  publish: () => import('./commands/publish.ts'),
  purge: () => import('./commands/purge.ts'),
  redrive: () => import('./commands/redrive.ts'),
  replay: () => import('./commands/replay.ts'),
  status: () => import('./commands/status.ts'),
  stop: () => import('./commands/stop.ts'),
  stock: () => import('./commands/stock.ts'),
  tail: () => import('./commands/tail.ts'),
  trace: () => import('./commands/trace.ts'),
  watch: () => import('./commands/watch.ts'),
};
/** Verb → its module in commands/. */
export type Commands = { [V in keyof typeof COMMANDS]: Awaited<ReturnType<(typeof COMMANDS)[V]>> };
type Load = <V extends keyof Commands>(verb: V) => Promise<Commands[V]>;

/** What a verb's definition gets: where it reads and writes, how it comes by its work, and whom it tells its exit code. */
export interface Invocation {
  readonly io: Io;
  readonly load: Load;
  readonly exitWith: (code: number) => void;
}

const DEFINITIONS = [
  definePublish,
  defineFailed,
  defineRedrive,
  definePurge,
  defineReplay,
  defineArchive,
  defineStop,
  defineCheck,
  defineStatus,
  defineWatch,
  defineTrace,
  defineStock,
  defineTail,
];

/**
 * Runs one command to its end.
 * @param argv the arguments after the program's name: `['status', '--local']`
 * @param load imports a verb's work; other than by default for callers that have done so
 * @returns the exit code: 0, 1 for bad news, 2 for wrong usage, 130 after Ctrl-C. Never throws.
 */
export async function run(argv: readonly string[], io: Io, load: Load = importCommand): Promise<number> {
  let exitCode = 0;
  const program = new Command('npm run orders --')
    .description('Operates the order fan-out, on AWS or on this machine.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(printable(text)),
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
    })
    .showHelpAfterError('(--help shows what is possible)');
  const invocation: Invocation = {
    io,
    load,
    exitWith: (code) => {
      exitCode = code;
    },
  };
  for (const define of DEFINITIONS) define(program, invocation);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return explainFailure(error, io);
  } finally {
    io.end();
  }
}

/** Says what went wrong, with a stack only where nobody expected it. @returns the exit code */
function explainFailure(error: unknown, io: Io): number {
  // Commander has printed what it had to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const unexpected = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  io.say(explain(error) ?? printable(unexpected, 10_000));
  return error instanceof CommandError ? error.exitCode : 1;
}

async function importCommand<V extends keyof Commands>(verb: V): Promise<Commands[V]> {
  return (await COMMANDS[verb]()) as Commands[V];
}
