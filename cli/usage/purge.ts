/** `orders purge`: deletes dead letters, saved to a file first, once somebody has said so. */
import type { Command } from 'commander';
import type { Invocation } from '../main.ts';
import { addLetterFilter, type LetterFilter } from '../options/letter-filter.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';

export interface PurgeOptions extends StackOptions, LetterFilter {
  readonly deadLetters?: boolean;
  readonly yes?: boolean;
  /** Where the letters are saved; false for nowhere. */
  readonly export?: string | false;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- purge billing --dead-letters
  npm run orders -- purge billing --dead-letters --reason NotJson --local
  npm run orders -- purge billing --dead-letters --yes --export gone.jsonl
  npm run orders -- purge unrouted --dead-letters --reason order.shipped

Only letters that were counted and, unless there is --no-export, saved are
deleted. Those that come meanwhile stay. A saved letter can be corrected and
published anew: its order is in the body.

Exits with 0 if all of them were deleted, with 1 if not, with 2 for wrong usage
and with 130 after Ctrl-C.`;

export function definePurge(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('purge')
    .argument('<consumer>', 'whose dead letters, or `unrouted`')
    .summary('delete dead letters')
    .description('Deletes dead letters of a consumer: shows them by reason, asks, saves them, deletes them.')
    .option('--dead-letters', 'what to purge; there is nothing else');
  addLetterFilter(command)
    .option('--yes', 'do not ask')
    .option('--export <file>', 'where to save them (default: a new file in this directory)')
    .option('--no-export', 'do not save them');
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string, options: PurgeOptions) => {
      const { purge } = await load('purge');
      exitWith(await purge(consumer, options, io));
    });
}
