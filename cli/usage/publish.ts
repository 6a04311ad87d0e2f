/** `orders publish`: sends test orders, or those of a file, to the topic and, if asked, follows them to their end. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Invocation } from '../main.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';
import { positive, time, wholeNumber } from '../options/values.ts';

/** A number of messages, from the number of orders. */
type Extra = (orders: number) => number;

/** All test orders are in memory at once, about 2 KB each. */
const MAX_COUNT = 200_000;

export interface PublishOptions extends StackOptions {
  readonly count: number;
  readonly seed?: number;
  readonly placedAt?: Date;
  readonly duplicates?: Extra;
  readonly cancellations?: Extra;
  readonly poison?: Extra;
  readonly file?: string;
  readonly topicArn?: string;
  readonly rate?: number;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- publish --local --count 100 --wait
  npm run orders -- publish --count 1000 --rate 50 --duplicates 5% --poison 20
  npm run orders -- publish --file orders.jsonl --stack OrderFanOut-prod
  npm run --silent orders -- publish --dry-run --count 10 --seed 7 > orders.jsonl

Exits with 0 if everything was published (with --wait: and processed, or refused for a reason that was sent along on
purpose), with 1 if not, with 2 for wrong usage and with 130 after Ctrl-C.`;

export function definePublish(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('publish')
    .summary('publish test orders, or real ones from a file')
    .description('Publishes made-up test orders, or real ones from a file, to the topic of a stack.')
    .option('--count <n>', `test orders to make, up to ${MAX_COUNT}`, wholeNumber(1, MAX_COUNT), 100)
    .option(
      '--seed <n>',
      'makes the same test orders again (default: a new one)',
      wholeNumber(0, 2 ** 32 - 1),
    )
    .option('--placed-at <time>', 'with --seed: the very same bytes (default: now)', time)
    .option('--duplicates <n>', 'exact copies on top, a number or a share like 5%', extra)
    .option(
      '--cancellations <n>',
      'orders that are cancelled, some of them before they come, a number or a share',
      extra,
    )
    .option('--poison <n>', 'bad messages on top, a number or a share like 5%', extra)
    .addOption(
      new Option(
        '--file <path>',
        'publish the orders and cancellations in a JSON Lines or JSON file of up to 64 MiB, - for standard input',
      ).conflicts(['count', 'seed', 'placedAt', 'duplicates', 'cancellations', 'poison']),
    )
    .option('--rate <n>', 'messages per second, at most', positive)
    .option('--wait', 'follow the orders until each consumer has processed or refused them')
    .option('--timeout <seconds>', 'how long to --wait', positive, 300)
    .option('--dry-run', 'print what would be published, a body a line, and publish nothing');
  addStackOptions(command)
    .addOption(
      new Option('--topic-arn <arn>', 'the topic itself, instead of a stack')
        .argParser(topicArn)
        .conflicts(['stack', 'local', 'wait']),
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (options: PublishOptions) => {
      const { publish } = await load('publish');
      exitWith(await publish(options, io));
    });
}

function extra(text: string): Extra {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const value = Number(digits);
  if (percent && value <= 100) return (orders) => Math.ceil((orders * value) / 100);
  if (percent === '' && Number.isInteger(value) && value <= MAX_COUNT) return () => value;
  throw new InvalidArgumentError(`It must be a whole number up to ${MAX_COUNT}, or a share from 0% to 100%.`);
}

function topicArn(text: string): string {
  if (/^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+(\.fifo)?$/.test(text)) return text;
  throw new InvalidArgumentError(
    'It must be the ARN of a topic, like arn:aws:sns:eu-west-1:123456789012:orders.',
  );
}
