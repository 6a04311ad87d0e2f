/** `orders status`: how each consumer is, and what to type next if something is wrong. */
import type { Command } from 'commander';
import type { Invocation } from '../main.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';

export interface StatusOptions extends StackOptions {
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- status --local
  npm run orders -- status --stack OrderFanOut-prod
  npm run orders --silent -- status --json | jq '.consumers[] | select(.deadLetters > 0)'

Processed and oldest come from CloudWatch, which is a minute or two behind; the rest is of now.
Exits with 0 if all is well, with 1 if messages are dead-lettered, a consumer is stopped or an alarm is on.`;

export function defineStatus(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('status')
    .summary('how each consumer is, and what to do if something is wrong')
    .description('Shows how each consumer is, and what to type next if something is wrong.');
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (options: StatusOptions) => {
      const { status } = await load('status');
      exitWith(await status(options, io));
    });
}
