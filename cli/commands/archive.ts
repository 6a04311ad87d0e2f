/** `orders archive get`: all messages about an order. */

import { type ArchivedMessage, inOrder } from '../../contract/archive.ts';
import { archiveBucketOf, notArchived, spanOf } from '../archive/open.ts';
import { readArchive, type SkippedObject, sizeOf } from '../archive/reader.ts';
import { listSkipped, sayNotArchived, sizeInWords } from '../archive/report.ts';
import { outgoing } from '../archive/selection.ts';
import { connect } from '../aws/stack.ts';
import { CommandError } from '../terminal/command-error.ts';
import { INTERRUPTED } from '../terminal/interrupt.ts';
import type { Io } from '../terminal/io.ts';
import { count, printable, table, time } from '../terminal/text.ts';
import type { ArchiveGetOptions } from '../usage/archive.ts';

const WEEK_MS = 7 * 86_400_000;

type FoundMessage = ArchivedMessage & { readonly eventType?: string };

/** @returns the exit code */
export async function getOrder(order: string, options: ArchiveGetOptions, io: Io): Promise<number> {
  const { from, to = new Date(), maxMib, json } = options;
  const span = spanOf(from ?? new Date(to.getTime() - WEEK_MS), to);
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const reading = { s3: clients.s3, bucket: archiveBucketOf(stack), span, signal };
  // By ID: a batch that was tried again lies in two objects.
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
    const step = io.progress({ silent: json === true }).step('Reading the archive');
    let objects = 0;
    for await (const portion of readArchive(reading)) {
      skipped.push(...portion.skipped);
      for (const message of portion.messages) {
        const about = outgoing(message, { order });
        const { messageId } = message;
        if (about)
          found.set(messageId, { ...message, ...(about.eventType && { eventType: about.eventType }) });
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
  const messages = inOrder([...found.values()]);
  const missing = await notArchived(clients, stack, span);
  if (json) io.printJson({ stack: stack.name, order, messages, skipped, notArchived: missing });
  else if (messages.length > 0) io.print(lines(messages));
  else io.print(`Nothing about ${order} from ${time(span.from)} to ${time(span.to)}`);
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
  return `${table(rows, [1, 2])}\n${count(found.length, 'message')}; --json prints them whole`;
}
