/** `orders replay`: what is to be sent is counted, sent, recorded and reported. */
import { ARCHIVE } from '../../contract/archive.ts';
import { archiveBucketOf, listSkipped, sizeInWords, spanOf } from '../archive/open.ts';
import { sizeOf } from '../archive/reader.ts';
import { type Replay, type ReplayResult, replay as sendAll } from '../archive/replay.ts';
import { explain } from '../aws/errors.ts';
import { connect, consumerOf } from '../aws/stack.ts';
import { usageError } from '../command-error.ts';
import { OperationsLog } from '../operations/record.ts';
import { readSubscriptions } from '../orders/subscriptions.ts';
import { INTERRUPTED } from '../terminal/interrupt.ts';
import type { Io } from '../terminal/io.ts';
import { count, format, printable, table } from '../terminal/text.ts';
import { typed } from '../usage/options/letter-filter.ts';
import { commandFor } from '../usage/options/stack-options.ts';
import type { ReplayOptions } from '../usage/replay.ts';

const MAX_LISTED = 5;

/** @returns the exit code */
export async function replay(name: string, options: ReplayOptions, io: Io): Promise<number> {
  const { from, to, order, type, after, rate, canary, timeout, dryRun = false, json } = options;
  const span = spanOf(from, to);
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const consumer = consumerOf(stack, name);
  if (name === ARCHIVE) throw usageError('The archive gets nothing from the archive: name another consumer');
  const takes = await readSubscriptions(clients.sns, stack);
  const reading = { s3: clients.s3, bucket: archiveBucketOf(stack), span, after, signal };
  const size = await sizeOf(reading).catch((error) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (!size) return stoppedBefore(io);
  if (!json) io.say(`To read: ${sizeInWords(size)}`);
  const task: Omit<Replay, 'onSent'> = {
    clients,
    stack,
    consumer,
    takes,
    reading,
    size,
    filter: { ...(order !== undefined && { order }), ...(type !== undefined && { type }) },
    isDryRun: dryRun,
    rate,
    canarySeconds: canary ? timeout : undefined,
    progress: io.progress({ silent: json === true }),
    signal,
  };
  // The same span when it is gone on with: what is published meanwhile is not in it.
  const fixed = { ...options, to: span.to };
  const start = performance.now();
  const result = dryRun ? await sendAll({ ...task, onSent: () => {} }) : await recorded(task, fixed, io);
  return report(task, result, fixed, (performance.now() - start) / 1000, io);
}

function stoppedBefore(io: Io): number {
  io.say('Stopped: nothing was sent.');
  return INTERRUPTED;
}

async function recorded(task: Omit<Replay, 'onSent'>, options: ReplayOptions, io: Io): Promise<ReplayResult> {
  const { clients, stack, consumer, size, signal } = task;
  const log = new OperationsLog(clients, stack, options, io);
  const { objects } = size;
  const end = await log.begin(consumer.name, { operation: 'replay', what: inWords(options), objects });
  let sent = 0;
  try {
    const onSent = (soFar: number) => {
      sent = soFar;
    };
    const result = await sendAll({ ...task, onSent });
    const { skipped, after, stopped } = result;
    const why = stopped ?? (signal.aborted ? 'interrupted' : undefined);
    const outcome = why === undefined ? 'done' : `stopped: ${why}`;
    await end({ sent: result.sent, skipped: skipped.length, outcome, ...(after !== undefined && { after }) });
    return result;
  } catch (error) {
    await end({ sent, skipped: 0, outcome: `failed: ${explain(error) ?? 'unexpected error'}` });
    throw error;
  }
}

/** @returns the exit code */
function report(
  { consumer, stack, size, signal }: Omit<Replay, 'onSent'>,
  result: ReplayResult,
  options: ReplayOptions,
  seconds: number,
  io: Io,
): number {
  const { read, sent, refused, skipped, after, stopped } = result;
  const { dryRun = false } = options;
  const wanted = [...result.wanted.values()].reduce((sum, each) => sum + each, 0);
  const byType = Object.fromEntries(Array.from(result.wanted, ([type, each]) => [type || 'none', each]));
  const isStopped = stopped !== undefined || signal.aborted;
  if (options.json) {
    const what = { stack: stack.name, consumer: consumer.name, dryRun, ...size, read, wanted, byType, sent };
    io.printJson({
      ...what,
      refused,
      skipped,
      ...(stopped && { stopped }),
      ...(after && { after }),
      seconds,
    });
  } else if (dryRun) {
    io.print(
      `${count(wanted, 'message')} of ${format(read)} would be sent to ${consumer.name}${wanted > 0 ? ':' : ''}`,
    );
    if (wanted > 0)
      io.print(table(Object.entries(byType).map(([type, each]) => [printable(type), format(each)])));
  } else {
    io.print(
      `Sent ${format(sent)} of ${count(wanted, 'message')} to ${consumer.name} in ${seconds.toFixed(1)} s (${format(read)} read)`,
    );
  }
  for (const { messageId, reason } of refused.slice(0, MAX_LISTED)) {
    io.say(`Not sent: ${printable(messageId)} (${printable(reason)})`);
  }
  if (refused.length > MAX_LISTED) io.say(`… and ${format(refused.length - MAX_LISTED)} more`);
  listSkipped(skipped, io);
  if (isStopped) io.say(`Stopped: ${printable(stopped ?? 'interrupted')}.`);
  io.say(`\nNext:\n  ${next(result, consumer.name, options, isStopped)}`);
  if (signal.aborted) return INTERRUPTED;
  return isStopped || refused.length + skipped.length > 0 ? 1 : 0;
}

function next(
  { after, next: told }: ReplayResult,
  name: string,
  options: ReplayOptions,
  isStopped: boolean,
): string {
  if (told) return commandFor(options, ...told);
  const again = ['replay', name, ...selectionOf(options)];
  if (options.dryRun) return commandFor(options, ...again, ...typed('--after', options.after), '--canary');
  if (!isStopped) return commandFor(options, 'status');
  return commandFor(options, ...again, ...typed('--after', after ?? options.after));
}

/** The selection as it is typed. */
function selectionOf({ from, to, order, type, rate }: ReplayOptions): string[] {
  return [
    ...typed('--from', from.toISOString()),
    ...typed('--to', to?.toISOString()),
    ...typed('--order', order),
    ...typed('--type', type),
    ...typed('--rate', rate),
  ];
}

/** What is replayed, for the record. */
function inWords({ from, to, order, type, after, canary }: ReplayOptions): string {
  return [
    `${from.toISOString()} to ${to?.toISOString()}`,
    ...(order === undefined ? [] : [`order ${order}`]),
    ...(type === undefined ? [] : [`type ${type}`]),
    ...(after === undefined ? [] : [`after ${after}`]),
    ...(canary ? ['a canary first'] : []),
  ].join(', ');
}
