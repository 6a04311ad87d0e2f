/** `orders trace`: where one order is, consumer by consumer. */
import type { Command } from 'commander';
import type { Invocation } from '../main.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';
import { orderId, wholeNumber } from '../options/values.ts';

export interface TraceOptions extends StackOptions {
  readonly follow?: boolean;
  readonly timeout: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- trace 4711 --local
  npm run orders -- trace 4711 --follow --timeout 60
  npm run orders --silent -- trace 4711 --stack OrderFanOut-prod --json

Dead letters are hidden from others while they are looked at, and back afterwards. SQS cannot be asked whether a
queue holds an order: where there is no record, the number of all its messages is shown.

Exits with 0 if the order is done at each consumer that it is for, with 1 if not, with 2 for wrong usage and with 130
after Ctrl-C.`;

export function defineTrace(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('trace')
    .argument('<orderId>', 'the order', orderId)
    .summary('where an order is, and what became of it')
    .description(
      'Shows what each consumer knows of an order: its record, its dead letter, or why it has neither.',
    )
    .option('--follow', 'wait until the order has ended at each consumer')
    .option('--timeout <seconds>', 'how long to --follow', wholeNumber(1, 86_400), 300);
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, options: TraceOptions) => {
      const { trace } = await load('trace');
      exitWith(await trace(id, options, io));
    });
}
