/** `orders replay`: messages of the archive go to one consumer once more. */
import { type Command, InvalidArgumentError } from 'commander';
import { parseArchiveKey } from '../../contract/archive.ts';
import type { ReplayOptions } from '../archive/report.ts';
import type { Invocation } from '../main.ts';
import { addStackOptions } from '../options/stack-options.ts';
import { dayOrTime, orderId, wholeNumber } from '../options/values.ts';

const MAX_RATE = 10_000;

const EXAMPLES = `
Examples:
  npm run orders -- replay billing --from 2026-11-01 --to 2026-11-02 --dry-run
  npm run orders -- replay billing --from 2026-11-01 --to 2026-11-02 --canary --rate 200
  npm run orders -- replay inventory --from 2026-11-01T08:00:00Z --type order.cancelled
  npm run orders -- replay shipping --from 2026-11-01 --order 4711 --local

What the consumer's subscription would let through is sent to its queue, as it was published; nobody else gets it. Consumers know
an order that they have, so that a replay over what is there changes nothing. A span is from --from up to, without, --to: when
messages came to the archive, which is when they were published or, of its dead letters, sent back. The canary is the first
message that the consumer has not on record. After Ctrl-C, and where AWS refuses, it says how to go on where it stopped.
\`redrive --history\` lists replays.

Exits with 0 if all was sent, or counted; with 1 if the archive has nothing of the span, if it stopped, or if something was skipped,
refused or not yet in the archive, with 2 for wrong usage and with 130 after Ctrl-C. While orders are being published, some are always
on their way into the archive: give a --to that is more than 15 minutes ago.`;

export function defineReplay(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('replay')
    .argument('<consumer>', 'who gets the messages')
    .summary('send messages of the archive to a consumer once more')
    .description('Sends messages of the archive to the queue of one consumer, and to nobody else.')
    .requiredOption('--from <time>', 'from then on: 2026-11-01, in UTC, or 2026-11-01T08:00:00Z', dayOrTime)
    .option('--to <time>', 'up to then (default: now)', dayOrTime)
    .option('--order <orderId>', 'only what is about this order', orderId)
    .option('--type <eventType>', 'only events of this type, like order.placed')
    .option('--after <object>', 'only what lies behind this object of the archive', archiveKey)
    .option('--rate <n>', 'messages per second, at most', wholeNumber(1, MAX_RATE))
    .option('--canary', 'send one, and the others only if it was processed')
    .option('--timeout <seconds>', 'how long to wait for the canary', wholeNumber(1, 86_400), 300)
    .option('--dry-run', 'count what would be sent, and send nothing');
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string, options: ReplayOptions) => {
      const { replay } = await load('replay');
      exitWith(await replay(consumer, options, io));
    });
}

function archiveKey(text: string): string {
  if (parseArchiveKey(text)) return text;
  throw new InvalidArgumentError('It must be the key of an object, as a replay says it when it stops.');
}
