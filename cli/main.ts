/** The operator's command line: a table of its verbs. */

import { Command, CommanderError } from 'commander';
import { verbs as domainVerbs } from '#verbs';
import { words } from '#words';
import { withArticle } from '../contract/names.ts';
import type { Verb } from './commands/verb.ts';
import { domainChoice } from './options/domain.ts';
import { CommandError } from './terminal/command-error.ts';
import type { Io } from './terminal/io.ts';
import { printable } from './terminal/text.ts';

const { noun, plural } = words;
const aNoun = withArticle(noun);

const VERBS: Record<string, readonly Verb[]> = {
  'Look:': [
    ['status', 'show the state of each consumer', () => import('./commands/look/status.ts')],
    ['watch', 'show the same live', () => import('./commands/look/watch.ts')],
    ['failed [consumer]', 'list dead letters by reason', () => import('./commands/look/failed.ts')],
    [`trace <${words.idField}>`, `show where ${aNoun} is`, () => import('./commands/look/trace.ts')],
    ['tail <consumer>', "print a consumer's log", () => import('./commands/look/tail.ts')],
    ['check', 'check that the stack is set up right', () => import('./commands/look/check.ts')],
  ],
  'Repair:': [
    ['redrive [consumer]', 'send dead letters back', () => import('./commands/repair/redrive.ts')],
    ['purge <consumer>', 'delete dead letters', () => import('./commands/repair/purge.ts')],
    ['stop <consumer>', 'pause a consumer', () => import('./commands/repair/stop.ts')],
    ['start <consumer>', 'resume a consumer', () => import('./commands/repair/stop.ts')],
    ['replay <consumer>', 'send archived messages again', () => import('./commands/repair/replay.ts')],
  ],
  'Data:': [
    [
      'publish',
      `publish test ${plural}, or ${plural} from a file`,
      () => import('./commands/data/publish.ts'),
    ],
    ...domainVerbs,
    ['archive', `find the events of ${aNoun}`, () => import('./commands/data/archive.ts')],
  ],
};

/**
 * Runs one command to its end.
 * @param argv the arguments after the program's name: `['status', '--local']`
 * @returns the exit code: 0, 1 for bad news, 2 for wrong usage, 130 after Ctrl-C. Never throws.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const program = new Command(words.program)
    .description(`Operates the ${words.title.toLowerCase()}, on AWS or on this machine.`)
    .addOption(domainChoice())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(printable(text)),
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
    })
    .showHelpAfterError('(--help shows what is possible)');
  try {
    await addVerbs(program, argv[0] === 'help' ? argv[1] : argv[0], io);
    await program.parseAsync(argv, { from: 'user' });
    return io.exitCode;
  } catch (error) {
    return await explainFailure(error, io);
  } finally {
    io.end();
  }
}

/** All verbs by name and summary; only the called one with its options. */
async function addVerbs(program: Command, called: string | undefined, io: Io): Promise<void> {
  for (const [group, verbs] of Object.entries(VERBS)) {
    for (const [usage, summary, load] of verbs) {
      const name = usage.replace(/ .*/, '');
      const command = program
        .command(name === called ? name : usage)
        .summary(summary)
        .helpGroup(group);
      if (name === called) (await load()).define(command, io);
    }
  }
}

/** Says what went wrong, with a stack trace only for unexpected errors. @returns the exit code */
async function explainFailure(error: unknown, io: Io): Promise<number> {
  // Commander has printed its message.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { explain } = await import('./aws/errors.ts');
  const unexpected = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  io.say(explain(error) ?? printable(unexpected, 10_000));
  return error instanceof CommandError ? error.exitCode : 1;
}
