/** `orders watch`: the same as status, again and again, with small histories. */
import type { Command } from 'commander';
import type { Invocation } from '../main.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';
import { wholeNumber } from '../options/values.ts';

export interface WatchOptions extends StackOptions {
  readonly interval: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- watch --local
  npm run orders -- watch --stack OrderFanOut-prod --interval 15

In a pipe it prints a line a look: waiting/in flight/dead letters of each consumer,
and which of them are stopped.
Ctrl-C ends it, with exit code 0.`;

export function defineWatch(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('watch')
    .summary('the same as status, live')
    .description('Shows how each consumer is, live, with how it was before.')
    .option('--interval <seconds>', 'from one look to the next', wholeNumber(1, 3600), 5);
  addStackOptions(command)
    .option('--json', 'print one JSON object a look')
    .addHelpText('after', EXAMPLES)
    .action(async (options: WatchOptions) => {
      const { watch } = await load('watch');
      exitWith(await watch(options, io));
    });
}
