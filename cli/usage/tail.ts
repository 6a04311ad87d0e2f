/** `orders tail`: what a consumer's function logs. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { LEVELS, type Level } from '../logs/log-lines.ts';
import type { Invocation } from '../main.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';
import { orderId, since } from '../options/values.ts';

export interface TailOptions extends StackOptions {
  readonly order?: string;
  readonly level?: Level;
  readonly since: Date;
  readonly follow?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- tail billing --local --follow
  npm run orders -- tail inventory --order 4711 --since 2h
  npm run orders -- tail shipping --level WARN --since 2026-11-22T17:00:00Z --stack OrderFanOut-prod

Reads CloudWatch Logs on AWS, and .local/logs with --local. Metrics are left out.
Exits with 0, also after Ctrl-C, which ends --follow; with 2 for wrong usage.`;

export function defineTail(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('tail')
    .argument('<consumer>', 'whose log')
    .summary('what a consumer logs')
    .description("Prints the log of a consumer's function.")
    .option('--order <orderId>', 'only what is about this order', orderId)
    .addOption(new Option('--level <level>', `this and worse: ${LEVELS.join(', ')}`).argParser(level))
    .addOption(
      new Option('--since <time>', '90s, 15m, 2h, 3d ago, or a time like 2026-11-22T17:00:00Z')
        .argParser((text) => since(text))
        .default(since('15m'), '15m'),
    )
    .option('--follow', 'go on with what is logged from now on, until Ctrl-C');
  addStackOptions(command)
    .option('--json', 'print the entries as they are, a JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string, options: TailOptions) => {
      const { tail } = await load('tail');
      exitWith(await tail(consumer, options, io));
    });
}

function level(text: string): Level {
  const found = LEVELS.find((each) => each === text.toUpperCase());
  if (found) return found;
  throw new InvalidArgumentError(`It must be one of ${LEVELS.join(', ')}.`);
}
