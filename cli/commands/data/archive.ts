/** `archive get`: finds all archived messages about an event. */
import type { Command } from 'commander';
import { type ArchivedMessage, inSequence } from '../../../contract/archive.ts';
import { archiveBucketOf, notArchived, spanOf } from '../../archive/open.ts';
import { readArchive, type SkippedObject, sizeOf } from '../../archive/reader.ts';
import { listSkipped, sayNotArchived, sizeInWords } from '../../archive/report.ts';
import { outgoing } from '../../archive/selection.ts';
import { connect } from '../../aws/stack.ts';
import { addStackOptions, type StackOptions } from '../../options/stack-options.ts';
import { dayOrTime, eventId, wholeNumber } from '../../options/values.ts';
import { CommandError } from '../../terminal/command-error.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { progressOf } from '../../terminal/progress.ts';
import { count, printable, table, time } from '../../terminal/text.ts';
import { examples, ID_FIELD, NOUN } from '../../terminal/words.ts';

interface ArchiveGetOptions extends StackOptions {
  readonly from?: Date;
  readonly to?: Date;
  readonly maxMib: number;
}

const EXAMPLES = `
${examples(
  'archive get 4711 --local',
  'archive get 4711 --from 2026-11-01 --to 2026-11-02',
  "archive get 4711 --json | jq -r '.messages[].body'",
)}

The archive has no index: the whole span is read, after its size is printed. More than --max-mib is refused; use the saved query
in Athena for months and years.

Exits with 0 if it found something and read everything, with 1 if it found nothing, if objects could not be read, or if messages
are not archived yet, with 2 for wrong usage and with 130 after Ctrl-C.`;

export function define(command: Command, io: Io): void {
  command.description('Reads the archive of everything published.');
  const get = command
    .command('get')
    .argument(`<${ID_FIELD}>`, `the ${NOUN}`, eventId)
    .summary(`find the messages about one ${NOUN}`)
    .description(`Finds all messages about one ${NOUN}, sorted by arrival.`)
    .option('--from <time>', 'start: 2026-11-01, in UTC, or a time (default: 7 days ago)', dayOrTime)
    .option('--to <time>', 'end (default: now)', dayOrTime)
    .option('--max-mib <n>', 'maximum to read, compressed', wholeNumber(1, 1_000_000), 1024);
  addStackOptions(get, 'one JSON object, with bodies and attributes')
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, options: ArchiveGetOptions) => {
      io.exitCode = await getEvents(id, options, io);
    });
}

const WEEK_MS = 7 * 86_400_000;

type FoundMessage = ArchivedMessage & { readonly eventType?: string | undefined };

export async function getEvents(id: string, options: ArchiveGetOptions, io: Io): Promise<number> {
  const { from, to = new Date(), maxMib, json } = options;
  const span = spanOf(from ?? new Date(to.getTime() - WEEK_MS), to);
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const reading = { s3: clients.s3, bucket: archiveBucketOf(stack), span, signal };
  // By ID: a retried batch is in two objects.
  const found = new Map<string, FoundMessage>();
  const skipped: SkippedObject[] = [];
  try {
    const size = await sizeOf(reading);
    if (size.bytes > maxMib * 2 ** 20) {
      throw new CommandError(
        `From ${span.from.toISOString()} to ${span.to.toISOString()} there are ${sizeInWords(size)}, more than --max-mib ${maxMib}: ` +
          'narrow --from and --to, raise --max-mib, or use the saved query in Athena',
      );
    }
    io.say(`To read: ${sizeInWords(size)}`);
    const step = progressOf(io, { silent: json === true }).step('Reading the archive');
    let objects = 0;
    for await (const portion of readArchive(reading)) {
      skipped.push(...portion.skipped);
      for (const message of portion.messages) {
        const about = outgoing(message, { id });
        const { messageId } = message;
        if (about) found.set(messageId, { ...message, eventType: about.eventType });
      }
      objects += portion.objects;
      step.bar(objects, size.objects);
    }
    step.done(`Read ${sizeInWords(size)}`);
  } catch (error) {
    if (!signal.aborted) throw error;
    io.say('Stopped.');
    return INTERRUPTED;
  }
  // Objects of a standard queue overlap.
  const messages = inSequence([...found.values()]);
  const missing = await notArchived(clients, stack, span);
  if (json) io.printJson({ stack: stack.name, [NOUN]: id, messages, skipped, notArchived: missing });
  else if (messages.length > 0) io.print(lines(messages));
  else io.print(`Nothing about ${id} from ${time(span.from)} to ${time(span.to)}`);
  listSkipped(skipped, io);
  const isMissing = sayNotArchived(missing, io);
  return messages.length > 0 && skipped.length === 0 && !isMissing ? 0 : 1;
}

function lines(found: readonly FoundMessage[]): string {
  const rows = found.map(({ sentAt, eventType = 'no event', messageId }) => [
    time(new Date(sentAt)),
    printable(eventType, 64),
    printable(messageId, 100),
  ]);
  return `${table(rows, [1, 2])}\n${count(found.length, 'message')}; --json prints them completely`;
}
