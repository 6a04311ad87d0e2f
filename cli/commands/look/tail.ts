/** `tail`: the log of a consumer's function. */

import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { localDirectory } from '../../aws/local-stack.ts';
import { connect, consumerOf } from '../../aws/stack.ts';
import { describeLine, LEVELS, type Level } from '../../logs/log-lines.ts';
import { readLogFile, readLogGroup } from '../../logs/log-source.ts';
import { addStackOptions, type StackOptions } from '../../options/stack-options.ts';
import { eventId, idOption, since } from '../../options/values.ts';
import type { Io } from '../../terminal/io.ts';
import { time } from '../../terminal/text.ts';
import { CONSUMER, examples, NOUN, PRODUCTION } from '../../terminal/words.ts';

interface TailOptions extends StackOptions {
  readonly id?: string;
  readonly level?: Level;
  readonly since: Date;
  readonly follow?: boolean;
}

const EXAMPLES = `
${examples(
  `tail ${CONSUMER} --local --follow`,
  `tail ${CONSUMER} --${NOUN} 4711 --since 2h`,
  `tail ${CONSUMER} --level WARN --since 2026-11-22T17:00:00Z --stack ${PRODUCTION}`,
)}

Reads CloudWatch Logs, or .local/logs with --local. Leaves metrics out.
Exits with 0, even after Ctrl-C, which ends --follow; with 2 for wrong usage.`;

export function define(command: Command, io: Io): void {
  command
    .argument('<consumer>', 'whose log')
    .description("Prints the log of a consumer's function.")
    .addOption(idOption(`only entries about this ${NOUN}`).argParser(eventId))
    .addOption(new Option('--level <level>', `this level and above: ${LEVELS.join(', ')}`).argParser(level))
    .addOption(
      new Option('--since <time>', '90s, 15m, 2h, 3d ago, or a time like 2026-11-22T17:00:00Z')
        .argParser((text) => since(text))
        .default(since('15m'), '15m'),
    )
    .option('--follow', 'keep printing new entries, until Ctrl-C');
  addStackOptions(command, 'the raw entries, a JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string, options: TailOptions) => {
      io.exitCode = await tail(consumer, options, io);
    });
}

function level(text: string): Level {
  const found = LEVELS.find((each) => each === text.toUpperCase());
  if (found) return found;
  throw new InvalidArgumentError(`It must be one of ${LEVELS.join(', ')}.`);
}

/** @returns the exit code */
async function tail(name: string, options: TailOptions, io: Io): Promise<number> {
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const { id, level: least, since: from, follow = false } = options;
  const { functionName, logGroup } = consumerOf(stack, name);
  const request = { from, follow, signal, id, level: least };
  const lines = options.local
    ? readLogFile(path.join(localDirectory(), 'logs', `${functionName}.log`), request)
    : readLogGroup(clients.cloudWatchLogs, logGroup, request);
  let isEmpty = true;
  for await (const line of lines) {
    if (options.json) io.printJson(line.entry);
    else io.print(describeLine(line, io));
    isEmpty = false;
  }
  if (isEmpty && !signal.aborted) io.say(`No log entries since ${time(from)}`);
  return 0;
}
