/** The archive of a stack, before anything of it is read. */
import type { StackHandles } from '../aws/stack.ts';
import { deployCommand } from '../aws/stack.ts';
import { CommandError, usageError } from '../command-error.ts';
import type { Io } from '../terminal/io.ts';
import { byteSize, count, format, printable } from '../terminal/text.ts';
import type { Span } from './objects.ts';
import type { ArchiveSize, SkippedObject } from './reader.ts';

const MAX_LISTED = 10;

/** Name of its bucket. @throws CommandError for a stack without archive */
export function archiveBucketOf({ name, archiveBucket }: StackHandles): string {
  if (archiveBucket !== undefined) return archiveBucket;
  throw new CommandError(
    `Stack "${name}" has no archive: deploy it with \`${deployCommand(name)} -c archive=true\`, or set archive in lib/config.ts`,
  );
}

/** The span of time that is meant, by default up to now. @throws CommandError, wrong usage, for one that is none */
export function spanOf(from: Date, to = new Date()): Span {
  if (from < to) return { from, to };
  throw usageError(`--from ${from.toISOString()} is not before --to ${to.toISOString()}`);
}

/** `3 objects, 1.2 MiB`. */
export function sizeInWords({ objects, bytes }: ArchiveSize): string {
  return `${count(objects, 'object')}, ${byteSize(bytes)}`;
}

/** Names what could not be read. */
export function listSkipped(skipped: readonly SkippedObject[], io: Pick<Io, 'say'>): void {
  if (skipped.length === 0) return;
  io.say(`${count(skipped.length, 'object')} skipped:`);
  for (const { key, problem } of skipped.slice(0, MAX_LISTED)) io.say(`  ${printable(key)}: ${problem}`);
  if (skipped.length > MAX_LISTED) io.say(`  … and ${format(skipped.length - MAX_LISTED)} more`);
}
