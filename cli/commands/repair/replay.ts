/** `replay`: sends archived messages to one consumer again. */
import { type Command, InvalidArgumentError } from 'commander';
import { ARCHIVE } from '../../../contract/archive.ts';
import { readKey, type Span } from '../../archive/objects.ts';
import { archiveBucketOf, notArchived, spanOf } from '../../archive/open.ts';
import { sizeOf } from '../../archive/reader.ts';
import { type Replay, type ReplayResult, replay as sendAll } from '../../archive/replay.ts';
import { type ReplayOptions, reportReplay, sizeInWords } from '../../archive/report.ts';
import { explain } from '../../aws/errors.ts';
import { connect, consumerOf } from '../../aws/stack.ts';
import { OperationsLog } from '../../operations/record.ts';
import { addStackOptions } from '../../options/stack-options.ts';
import { dayOrTime, eventId, idOption, wholeNumber } from '../../options/values.ts';
import { readSubscriptions } from '../../outcomes/subscriptions.ts';
import { CommandError, usageError } from '../../terminal/command-error.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { progressOf } from '../../terminal/progress.ts';
import { CONSUMER, examples, NOUN, NOUNS, TYPE } from '../../terminal/words.ts';

const MAX_RATE = 10_000;

const EXAMPLES = `
${examples(
  `replay ${CONSUMER} --from 2026-11-01 --to 2026-11-02 --dry-run`,
  `replay ${CONSUMER} --from 2026-11-01 --to 2026-11-02 --canary --rate 200`,
  `replay ${CONSUMER} --from 2026-11-01T08:00:00Z --type ${TYPE}`,
  `replay ${CONSUMER} --from 2026-11-01 --${NOUN} 4711 --local`,
)}

Sends to the consumer's queue what its subscription lets through, as it was published; no other consumer gets it. Consumers
recognize ${NOUNS} that they have, so replaying those changes nothing. The span is from --from up to but not including --to, by the
time messages reached the archive: when they were published or, for its dead letters, redriven. The canary is the first message that
the consumer has no record of. After Ctrl-C, and after an error from AWS, it says how to continue. \`redrive --history\` lists replays.

Exits with 0 if everything was sent, or counted; with 1 if the archive has nothing in the span, if the replay stopped, or if something
was skipped, refused or not archived yet, with 2 for wrong usage and with 130 after Ctrl-C. Messages take up to 15 minutes to be
archived: give a --to that is longer ago.`;

export function define(command: Command, io: Io): void {
  command
    .argument('<consumer>', 'the consumer to send to')
    .description('Sends archived messages to the queue of one consumer, and to no other.')
    .requiredOption('--from <time>', 'start: 2026-11-01, in UTC, or 2026-11-01T08:00:00Z', dayOrTime)
    .option('--to <time>', 'end (default: now)', dayOrTime)
    .addOption(idOption(`only messages about this ${NOUN}`).argParser(eventId))
    .option('--type <eventType>', `only events of this type, like ${TYPE}`)
    .option('--after <object>', 'only objects of the archive after this one', archiveKey)
    .option('--rate <n>', 'messages per second, at most', wholeNumber(1, MAX_RATE))
    .option('--canary', 'send one first, and the rest only if it is processed')
    .option('--timeout <seconds>', 'how long to wait for the canary', wholeNumber(1, 86_400), 300)
    .option('--dry-run', 'count what would be sent, and send nothing');
  addStackOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string, options: ReplayOptions) => {
      io.exitCode = await replay(consumer, options, io);
    });
}

function archiveKey(text: string): string {
  if (readKey(text)) return text;
  throw new InvalidArgumentError('It must be the key of an object, as printed when a replay stops.');
}

/** @returns the exit code */
async function replay(name: string, options: ReplayOptions, io: Io): Promise<number> {
  const { from, to, id, type, after, rate, canary, timeout, dryRun = false, json } = options;
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
    filter: { id, type },
    isDryRun: dryRun,
    rate,
    canarySeconds: canary ? timeout : undefined,
    progress: progressOf(io, { silent: json === true }),
    signal,
    onSent: () => {},
  };
  // A continued replay covers the same span, without what is published meanwhile.
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
  const firstAt = after === undefined ? undefined : readKey(after)?.firstAt;
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
  const end = await log.begin(consumer.name, {
    operation: 'replay',
    what: describeSelection(options),
    objects,
  });
  let sent = 0;
  try {
    const onSent = (soFar: number) => {
      sent = soFar;
    };
    const result = await sendAll({ ...task, onSent });
    const { skipped, after, stopped } = result;
    const why = stopped ?? (signal.aborted ? 'interrupted' : undefined);
    const outcome = why === undefined ? 'done' : `stopped: ${why}`;
    await end({ sent: result.sent, skipped: skipped.length, outcome, after });
    return result;
  } catch (error) {
    await end({ sent, skipped: 0, outcome: `failed: ${explain(error) ?? 'unexpected error'}` });
    throw error;
  }
}

/** What is replayed, for the operations log. */
function describeSelection({ from, to, id, type, after, canary }: ReplayOptions): string {
  const span = `${from.toISOString()} to ${to?.toISOString()}`;
  const parts = [id && `${NOUN} ${id}`, type && `type ${type}`, after && `after ${after}`];
  return [span, ...parts, canary && 'a canary first'].filter(Boolean).join(', ');
}
