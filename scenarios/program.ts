/** What `npm start` and `npm run chaos` share as programs: options, Ctrl-C, errors in one line, and synth. */
import path from 'node:path';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { Command } from 'commander';
import { domainChoice } from '../cli/options/domain.ts';
import { DomainOption, share, wholeNumber } from '../cli/options/values.ts';
import { INTERRUPTED, untilInterrupted } from '../cli/terminal/interrupt.ts';
import { createProgress, type Progress } from '../cli/terminal/progress.ts';
import { printable } from '../cli/terminal/text.ts';
import { CHANGE, GROUP, NOUNS } from '../cli/terminal/words.ts';

const PROJECT = path.join(import.meta.dirname, '..');

/** The options that both have. */
export interface ProgramOptions {
  /** How many test events are published. */
  count: number;
  /** Which share of them is changed, from 0 to 1. */
  changes: number;
  /** A whole number from 0 to 2^32 − 1. */
  seed: number;
  ordered: boolean;
  json: boolean;
}

/**
 * The command line of such a program.
 * @param name how it is called
 * @param count the least number of events that make sense, and how many there are unless told otherwise
 * @param help what is printed after the options
 */
export function program(
  name: string,
  description: string,
  count: { least: number; standard: number },
  help: string,
): Command {
  const command = new Command(name)
    .description(description)
    .addOption(
      new DomainOption(`--${NOUNS} <count>`, `how many test ${NOUNS} are published`, 'count')
        .argParser(wholeNumber(count.least, 100_000))
        .default(count.standard),
    );
  if (CHANGE) {
    const about = `how many of them are ${CHANGE.participle}, a share like 10%`;
    const option = new DomainOption(`--${CHANGE.plural} <share>`, about, 'changes');
    command.addOption(option.argParser(share).default(0));
  } else command.setOptionValue('changes', 0);
  return (
    command
      // The seed and the number make the same run again.
      .option('--seed <number>', 'makes the same choices again', wholeNumber(0, 2 ** 32 - 1), 1)
      .option(
        '--ordered',
        `FIFO topic and queues: the ${NOUNS} of a ${GROUP} are processed in sequence`,
        false,
      )
      .addOption(domainChoice())
      .option('--json', 'print one JSON object on standard output, and no progress', false)
      .addHelpText('after', help)
      .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  );
}

/**
 * Parses the arguments of this process and does what the program is for; prints an error as one line.
 * @param main resolves with whether all is as it should be; the signal is aborted by Ctrl-C
 */
export async function runProgram<Options extends ProgramOptions>(
  command: Command,
  main: (options: Options, progress: Progress, signal: AbortSignal) => Promise<boolean>,
): Promise<void> {
  const signal = untilInterrupted();
  const options = command.parse().opts<Options>();
  const progress = createProgress({ silent: options.json });
  try {
    process.exitCode = (await main(options, progress, signal)) ? 0 : 1;
  } catch (error) {
    if (signal.aborted) process.exitCode = INTERRUPTED;
    else {
      progress.end();
      console.error(`${command.name().replace(/ --.*$/, '')}: ${printable((error as Error).message)}`);
      process.exitCode = 1;
    }
  } finally {
    progress.end();
  }
}

/**
 * Synthesizes the project's stack into a folder, as `cdk synth` does, with its archive.
 * @param context what `-c name=value` would give
 * @throws Error that says why it could not
 */
export async function synthesizeProject(
  assembly: string,
  { ordered }: Pick<ProgramOptions, 'ordered'>,
  progress: Progress,
  signal: AbortSignal,
  context: Record<string, string> = {},
): Promise<void> {
  const synth = progress.step('Synthesizing the stack');
  const chosen = { archive: 'true', ...context, ...(ordered && { ordered: 'true' }) };
  await synthesize(PROJECT, assembly, chosen).catch((error: Error) => {
    synth.fail('The stack could not be synthesized');
    throw error;
  });
  signal.throwIfAborted();
  synth.done('Synthesized the stack');
}
