/** The archive of a stack, the span to read, and what has not arrived there yet. */
import { ARCHIVE } from '../../contract/archive.ts';
import type { Clients } from '../aws/clients.ts';
import { queueDepth } from '../aws/queue-depth.ts';
import { deployCommand, type StackHandles } from '../aws/stack.ts';
import { CommandError, usageError } from '../terminal/command-error.ts';
import type { Span } from './objects.ts';

/** By then a message is archived unless something fails: its batch has to fill, and SQS's counts lag behind. */
const SETTLED_MS = 15 * 60_000;

/** Published messages that are not in the archive. */
export interface NotArchived {
  /** In its queue, or on their way into an object. */
  readonly waiting: number;
  readonly deadLetters: number;
}

/** Name of its bucket. @throws CommandError for a stack without archive */
export function archiveBucketOf({ name, archiveBucket }: StackHandles): string {
  if (archiveBucket !== undefined) return archiveBucket;
  throw new CommandError(
    `Stack "${name}" has no archive: deploy it with \`${deployCommand(name)} -c archive=true\`, or set archive in lib/config.ts`,
  );
}

/** The span of time, by default up to now. @throws CommandError, wrong usage, for an empty one */
export function spanOf(from: Date, to = new Date()): Span {
  if (from < to) return { from, to };
  throw usageError(`--from ${from.toISOString()} is not before --to ${to.toISOString()}`);
}

/**
 * How many messages of a span may be missing from the archive: dead letters can be from any time, what waits in a working queue is
 * minutes old.
 * @throws whatever the SDK throws
 */
export async function notArchived(
  { sqs }: Pick<Clients, 'sqs'>,
  { consumers }: StackHandles,
  { to }: Span,
): Promise<NotArchived> {
  const archive = consumers.find(({ name }) => name === ARCHIVE);
  if (!archive) return { waiting: 0, deadLetters: 0 };
  const [queue, dead] = await Promise.all([
    queueDepth(sqs, archive.queueUrl),
    queueDepth(sqs, archive.deadLetterQueueUrl),
  ]);
  const isRecent = to.getTime() > Date.now() - SETTLED_MS;
  return {
    waiting: isRecent ? queue.waiting + queue.inFlight : 0,
    deadLetters: dead.waiting + dead.inFlight,
  };
}
