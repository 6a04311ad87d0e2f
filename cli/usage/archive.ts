/** `orders archive`: what the archive has. */
import type { Command } from 'commander';
import type { Invocation } from '../main.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';
import { dayOrTime, orderId, wholeNumber } from '../options/values.ts';

export interface ArchiveGetOptions extends StackOptions {
  readonly from?: Date;
  readonly to?: Date;
  readonly maxMib: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- archive get 4711 --local
  npm run orders -- archive get 4711 --from 2026-11-01 --to 2026-11-02
  npm run orders --silent -- archive get 4711 --json | jq -r '.messages[].body'

The archive has no index: all of the span is read, and before that it is said how much that is. What is more than --max-mib
is refused; the saved query in Athena answers for months and years.

Exits with 0 if it found something and has read all, with 1 if it found nothing, if objects could not be read, or if messages are
not yet in the archive, with 2 for wrong usage and with 130 after Ctrl-C.`;

export function defineArchive(program: Command, { io, load, exitWith }: Invocation): void {
  const archive = program
    .command('archive')
    .summary('find the events of an order in the archive')
    .description('Reads what the topic has carried.');
  const get = archive
    .command('get')
    .argument('<orderId>', 'the order', orderId)
    .summary('find the events of an order')
    .description('Finds all messages about an order, in the order in which they came.')
    .option('--from <time>', 'from then on: 2026-11-01, in UTC, or a time (default: 7 days ago)', dayOrTime)
    .option('--to <time>', 'up to then (default: now)', dayOrTime)
    .option('--max-mib <n>', 'how much may be read, compressed', wholeNumber(1, 1_000_000), 1024);
  addStackOptions(get)
    .option('--json', 'print one JSON object, with bodies and attributes')
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, options: ArchiveGetOptions) => {
      const { getOrder } = await load('archive');
      exitWith(await getOrder(id, options, io));
    });
}
