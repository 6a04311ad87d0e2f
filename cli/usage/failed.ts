/** `orders failed`: the dead letters of one consumer or all, by reason, and all of them left where they are. */
import type { Command } from 'commander';
import type { Invocation } from '../main.ts';
import { addLetterFilter, type LetterFilter } from '../options/letter-filter.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';

export interface FailedOptions extends StackOptions, LetterFilter {
  readonly show?: boolean;
  readonly export?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- failed --local
  npm run orders -- failed billing --since 2h --reason SchemaViolation
  npm run orders -- failed shipping --order 4711 --show
  npm run orders -- failed unrouted --show
  npm run orders -- failed --export dead-letters.jsonl --stack OrderFanOut-prod

\`unrouted\` are the messages that no consumer's subscription asks for, by their
eventType.

Letters are hidden from others while they are listed, and back afterwards.
Bodies hold personal data, so they are printed with --show only; an exported
file can be read by you alone.

Exits with 0 if there are no dead letters, with 1 if there are, with 2 for wrong
usage and with 130 after Ctrl-C.`;

export function defineFailed(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('failed')
    .argument('[consumer]', 'whose dead letters, or `unrouted` (default: all of them)')
    .summary('list dead letters by reason')
    .description('Lists dead letters by consumer and reason, and leaves all of them where they are.');
  addLetterFilter(command)
    .option('--show', 'print each letter with its body')
    .option('--export <file>', 'save the letters, a JSON object a line');
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string | undefined, options: FailedOptions) => {
      const { failed } = await load('failed');
      exitWith(await failed(consumer, options, io));
    });
}
