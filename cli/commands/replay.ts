/** `orders replay`: what is to be read is counted, what is wanted sent, recorded and reported. */
import { ARCHIVE, parseArchiveKey } from '../../contract/archive.ts';
import type { Span } from '../archive/objects.ts';
import { archiveBucketOf, notArchived, spanOf } from '../archive/open.ts';
import { sizeOf } from '../archive/reader.ts';
import { type Replay, type ReplayResult, replay as sendAll } from '../archive/replay.ts';
import { type ReplayOptions, reportReplay, sizeInWords } from '../archive/report.ts';
import { explain } from '../aws/errors.ts';
import { connect, consumerOf } from '../aws/stack.ts';
import { OperationsLog } from '../operations/record.ts';
import { readSubscriptions } from '../outcomes/subscriptions.ts';
import { CommandError, usageError } from '../terminal/command-error.ts';
import { INTERRUPTED } from '../terminal/interrupt.ts';
import type { Io } from '../terminal/io.ts';

/** @returns the exit code */
export async function replay(name: string, options: ReplayOptions, io: Io): Promise<number> {
  const { from, to, order, type, after, rate, canary, timeout, dryRun = false, json } = options;
  const span = spanOf(from, to);
  checkAfter(after, span);
  if (name === ARCHIVE) throw usageError('The archive gets nothing from the archive: name another consumer');
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const consumer = consumerOf(stack, name);
  const takes = await readSubscriptions(clients.sns, stack);
  const reading = { s3: clients.s3, bucket: archiveBucketOf(stack), span, after, signal };
  const size = await sizeOf(reading).catch((error) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (!size) {
    io.say('Stopped: nothing was sent.');
    return INTERRUPTED;
  }
  if (size.objects === 0) {
    const where = after === undefined ? '' : ` behind ${after}`;
    throw new CommandError(
      `The archive has nothing from ${from.toISOString()} to ${span.to.toISOString()}${where}`,
    );
  }
  if (!json) io.say(`To read: ${sizeInWords(size)}`);
  const task: Replay = {
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
    onSent: () => {},
  };
  // The same span when it is gone on with: what is published meanwhile is not in it.
  const fixed = { ...options, to: span.to };
  const start = performance.now();
  const result = dryRun ? await sendAll(task) : await recorded(task, fixed, io);
  const seconds = (performance.now() - start) / 1000;
  const isInterrupted = signal.aborted;
  const missing = await notArchived(clients, stack, span);
  const about = { stack: stack.name, consumer: name, notArchived: missing, isInterrupted, seconds };
  return reportReplay({ ...about, size, result }, fixed, io);
}

/** @throws CommandError, wrong usage, for an object that lies outside the span */
function checkAfter(after: string | undefined, { from, to }: Span): void {
  const firstAt = after === undefined ? undefined : parseArchiveKey(after)?.firstAt;
  const hour = 3_600_000;
  if (!firstAt || (firstAt.getTime() > from.getTime() - hour && firstAt < to)) return;
  throw usageError(
    `--after ${after} lies outside the time from ${from.toISOString()} to ${to.toISOString()}`,
  );
}

async function recorded(task: Replay, options: ReplayOptions, io: Io): Promise<ReplayResult> {
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
