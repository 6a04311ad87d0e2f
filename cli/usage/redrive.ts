/** `orders redrive`: sends dead letters back to the consumer that gave them up, and to no other; unrouted messages to the topic. */
import { type Command, Option } from 'commander';
import type { Invocation } from '../main.ts';
import { addLetterFilter, type LetterFilter } from '../options/letter-filter.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';
import { wholeNumber } from '../options/values.ts';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
const MAX_RATE = 500;
const MAX_LIMIT = 1_000_000;
const MAX_TIMEOUT_SECONDS = 86_400;

export interface RedriveOptions extends StackOptions, LetterFilter {
  readonly limit?: number;
  readonly rate?: number;
  readonly edit?: string;
  /** The consumer that alone gets unrouted messages. */
  readonly to?: string;
  readonly canary?: boolean;
  readonly timeout: number;
  readonly dryRun?: boolean;
  readonly history?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- redrive billing --canary
  npm run orders -- redrive billing --rate 50 --stack OrderFanOut-prod
  npm run orders -- redrive billing --reason Throttling --dry-run
  npm run orders -- redrive billing --order 4711 --local
  npm run orders -- redrive shipping --edit corrected.jsonl --canary
  npm run orders -- redrive unrouted --canary
  npm run orders -- redrive unrouted --reason order.shipped --to billing
  npm run orders -- redrive --history

Without a selection SQS itself moves all letters; with one they are sent one by
one, as they were before they died. A line of the file for --edit is a JSON
object with the messageId or orderId of a letter and the corrected order as its
body: a line that \`failed --export\` wrote, with its body put right. A corrected
order alone will do as well. All of them are checked before anything is sent.

Unrouted messages go to the topic, or with --to to one consumer. One that holds
a valid order gets the attributes of that order; what still no consumer takes
stays where it is.

The archive takes its letters as they are: --canary and --edit are refused.

Exits with 0 if all were sent back and none came back, with 1 if not, with 2 for
wrong usage and with 130 after Ctrl-C.`;

export function defineRedrive(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('redrive')
    .argument('[consumer]', 'whose dead letters, or `unrouted`')
    .summary('send dead letters back to their consumer')
    .description(
      'Sends dead letters back to the queue of the consumer that gave them up, and to no other; and unrouted messages to the topic.',
    );
  addLetterFilter(command)
    .option('--limit <n>', 'at most so many', wholeNumber(1, MAX_LIMIT))
    .option('--rate <n>', 'letters per second, at most', wholeNumber(1, MAX_RATE))
    .addOption(
      new Option('--edit <file>', 'send corrected orders in place of the letters that they name').conflicts([
        'reason',
        'order',
        'since',
        'limit',
      ]),
    )
    .option('--to <consumer>', 'send unrouted messages to this consumer alone')
    .option('--canary', 'send one, and the others only if it was processed')
    .option(
      '--timeout <seconds>',
      'how long to wait for the canary',
      wholeNumber(1, MAX_TIMEOUT_SECONDS),
      300,
    )
    .option('--dry-run', 'say what would be sent back, and send nothing')
    .addOption(
      new Option(
        '--history',
        'list the redrives on record, and the replays, stops and starts between them',
      ).conflicts(['reason', 'order', 'since', 'limit', 'rate', 'edit', 'to', 'canary', 'dryRun']),
    );
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string | undefined, options: RedriveOptions) => {
      const { history, redrive } = await load('redrive');
      exitWith(await (options.history ? history : redrive)(consumer, options, io));
    });
}
