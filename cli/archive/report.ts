/** What commands on the archive print: how much there is to read, what was skipped, and the result of a replay. */

import { shellOption } from '../options/letter-filter.ts';
import { commandFor, type StackOptions } from '../options/stack-options.ts';
import { INTERRUPTED } from '../terminal/interrupt.ts';
import type { Io } from '../terminal/io.ts';
import { byteSize, count, format, printable, table } from '../terminal/text.ts';
import { NOUN } from '../terminal/words.ts';
import type { NotArchived } from './open.ts';
import type { ArchiveSize, SkippedObject } from './reader.ts';
import type { ReplayResult } from './replay.ts';

export interface ReplayOptions extends StackOptions {
  readonly from: Date;
  readonly to?: Date;
  readonly id?: string;
  readonly type?: string;
  readonly after?: string;
  readonly rate?: number;
  readonly canary?: boolean;
  readonly timeout: number;
  readonly dryRun?: boolean;
}

export interface ReplayReport {
  readonly stack: string;
  readonly consumer: string;
  readonly size: ArchiveSize;
  readonly result: ReplayResult;
  /** Messages of the span that may be missing from it. */
  readonly notArchived: NotArchived;
  readonly isInterrupted: boolean;
  readonly seconds: number;
}

const MAX_LISTED = 5;

/** `3 objects, 1.2 MiB`. */
export function sizeInWords({ objects, bytes }: ArchiveSize): string {
  return `${count(objects, 'object')}, ${byteSize(bytes)}`;
}

/** Names what could not be read. */
export function listSkipped(skipped: readonly SkippedObject[], io: Pick<Io, 'say'>): void {
  if (skipped.length === 0) return;
  io.say(`${count(skipped.length, 'object')} skipped:`);
  listSome(
    skipped.map(({ key, problem }) => `  ${printable(key)}: ${printable(problem)}`),
    io,
  );
}

function listSome(lines: readonly string[], io: Pick<Io, 'say'>): void {
  for (const line of lines.slice(0, MAX_LISTED)) io.say(line);
  if (lines.length > MAX_LISTED) io.say(`… and ${format(lines.length - MAX_LISTED)} more`);
}

/**
 * Prints the result of a replay and the next command.
 * @param options as typed, with the end of the span
 * @returns the exit code
 */
export function reportReplay(report: ReplayReport, options: ReplayOptions, io: Io): number {
  const { result, consumer, isInterrupted, notArchived } = report;
  const { refused, skipped, cameBack, stopped } = result;
  const isStopped = stopped !== undefined || isInterrupted;
  if (options.json) io.printJson(asJson(report, options));
  else printResult(report, options, io);
  listSome(
    refused.map(({ messageId, reason }) => `Not sent: ${printable(messageId)} (${printable(reason)})`),
    io,
  );
  listSkipped(skipped, io);
  for (const reason of cameBack) io.say(`It came back: ${printable(reason)}`);
  if (isStopped) io.say(`Stopped: ${printable(stopped ?? 'interrupted')}.`);
  const isMissing = sayNotArchived(notArchived, io);
  io.say(`\nNext:\n  ${printable(nextStep(result, consumer, options, isStopped), 1_000)}`);
  if (isInterrupted) return INTERRUPTED;
  return isStopped || isMissing || refused.length + skipped.length > 0 ? 1 : 0;
}

function asJson({ size, result, notArchived, seconds, ...of }: ReplayReport, options: ReplayOptions): object {
  const { read, sent, refused, skipped, cameBack, stopped, after } = result;
  const { stack, consumer } = of;
  return {
    ...{ stack, consumer, dryRun: options.dryRun ?? false, ...size, read },
    ...{ wanted: wantedIn(result), byType: byType(result), sent, refused, skipped, cameBack, notArchived },
    stopped,
    after,
    seconds,
  };
}

function printResult({ result, consumer, seconds }: ReplayReport, { dryRun }: ReplayOptions, io: Io): void {
  const { read, sent } = result;
  if (!dryRun) {
    const messages = count(sent, 'message');
    io.print(`Sent ${messages} to ${consumer} in ${seconds.toFixed(1)} s (${format(read)} read)`);
    return;
  }
  const wanted = count(wantedIn(result), 'message');
  const types = Object.entries(byType(result));
  io.print(`${wanted} of ${format(read)} would be sent to ${consumer}${types.length > 0 ? ':' : ''}`);
  if (types.length > 0) io.print(table(types.map(([type, each]) => [printable(type), format(each)])));
}

function wantedIn({ wanted }: ReplayResult): number {
  return [...wanted.values()].reduce((sum, each) => sum + each, 0);
}

function byType({ wanted }: ReplayResult): Record<string, number> {
  return Object.fromEntries(Array.from(wanted, ([type, each]) => [type || 'none', each]));
}

/** Says what is not archived yet. @returns whether there is something */
export function sayNotArchived({ waiting, deadLetters }: NotArchived, io: Pick<Io, 'say'>): boolean {
  if (waiting + deadLetters === 0) return false;
  const parts = [
    ...(waiting > 0 ? [`${count(waiting, 'message')} still on the way into the archive`] : []),
    ...(deadLetters > 0 ? [`${count(deadLetters, 'dead letter')} of the archive`] : []),
  ];
  const what = parts.join(' and ');
  io.say(
    `${what.charAt(0).toUpperCase()}${what.slice(1)} may be of this span: repeat it ${deadLetters > 0 ? 'after a redrive, ' : ''}when they are in.`,
  );
  return true;
}

function nextStep(
  { after, next, isProved, hasNoCanary, wanted }: ReplayResult,
  consumer: string,
  options: ReplayOptions,
  isStopped: boolean,
): string {
  if (next) return commandFor(options, ...next);
  const { dryRun, canary, timeout } = options;
  const again = ['replay', consumer, ...selectionOf(options)];
  // The next replay still needs a canary.
  const proof = canary && !isProved && !hasNoCanary ? ['--canary', '--timeout', String(timeout)] : [];
  if (isStopped)
    return commandFor(options, ...again, ...shellOption('--after', after ?? options.after), ...proof);
  if (!dryRun || wanted.size === 0) return commandFor(options, 'status');
  return commandFor(options, ...again, ...shellOption('--after', options.after), '--canary');
}

/** The selection as options. */
function selectionOf({ from, to, id, type, rate }: ReplayOptions): string[] {
  return [
    ...shellOption('--from', from.toISOString()),
    ...shellOption('--to', to?.toISOString()),
    ...shellOption(`--${NOUN}`, id),
    ...shellOption('--type', type),
    ...shellOption('--rate', rate),
  ];
}
