// What `npm start` does with a local stack: test events, and the reconciliation at the end.
import path from 'node:path';
import type { FaultPlan } from '@order-fan-out/local-run/faults/fault-plan';
import type { LocalRun } from '@order-fan-out/local-run/run';
import { type Clients, createClients, destroyClients, localOptions } from '../../cli/aws/clients.ts';
import { findStack, type StackHandles } from '../../cli/aws/stack.ts';
import { readSubscriptions } from '../../cli/outcomes/subscriptions.ts';
import {
  changedIds,
  generateEvents,
  POISON_KINDS,
  type TestMessage,
} from '../../cli/publishing/test-events.ts';
import type { Progress } from '../../cli/terminal/progress.ts';
import { count, format, plural } from '../../cli/terminal/text.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import type { MetricName } from '../../contract/metrics.ts';
import { fillTables } from '../fill-tables.ts';
import { publishAll } from '../publish-all.ts';
import { readArchived, reconcileArchive } from '../reconciliation/archive.ts';
import {
  inversionsByConsumer,
  isOrdered,
  orderedConsumers,
  outOfSequence,
  withoutCopies,
} from '../reconciliation/inversions.ts';
import { type ConsumerCounts, reconcile } from '../reconciliation/reconcile.ts';
import { type Letters, readLedger, readLetters, recordStore } from '../reconciliation/snapshot.ts';
import { takenByAll } from '../taken-by-all.ts';
import { waitUntilEmpty } from '../wait-until-empty.ts';
import { kindsOf, type LocalEventsSummary, reportOf } from './report.ts';

/** Published in addition: copies, as SNS and SQS may deliver them, and poison messages. */
const DUPLICATE_SHARE = 0.05;
const POISON_SHARE = 0.01;
/** How many events DynamoDB or S3 refuses at first, and how often: more than the SDK tries by itself. */
const REFUSED_AT_FIRST = 3;
const REFUSALS = 4;
/** After so long without any activity, messages in flight are made visible again. */
const QUIET_MS = 500;
/** Longer than the longest wait between two tries of a message. */
const STALL_MS = 240_000;

export interface LocalEventsOptions {
  readonly run: LocalRun;
  /** What is published; see `localEvents`. */
  readonly messages: TestMessage[];
  /** Where the run keeps its functions' logs. */
  readonly logDirectory: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * The events of a run, with copies and poison on top.
 * @param seed a whole number from 0 to 2^32 − 1
 * @param changes which share of the events is changed
 */
export function localEvents(count: number, seed: number, changes = 0): TestMessage[] {
  return generateEvents({
    count,
    seed,
    duplicates: Math.ceil(count * DUPLICATE_SHARE),
    changes: Math.ceil(count * changes),
    poison: POISON_KINDS.length && Math.ceil(count * POISON_SHARE),
  });
}

/**
 * The faults of a run without chaos: DynamoDB or S3 refuses a few events until each consumer that takes them has failed once. So a
 * consumer that acknowledges a failed message loses events, and is found out.
 * @param assembly folder of the cloud assembly
 * @param directory folder for the list of what was injected
 */
export function localFaults(
  messages: TestMessage[],
  seed: number,
  assembly: string,
  directory: string,
): FaultPlan {
  const copied = new Set(messages.filter(({ kind }) => kind !== 'event').map(({ id }) => id));
  const isTakenByAll = takenByAll(assembly);
  const texts = messages
    .filter((message) => !copied.has(message.id) && isTakenByAll(message))
    .slice(0, REFUSED_AT_FIRST)
    .map(({ id }) => id);
  return {
    seed,
    faults: {},
    slowMs: 0,
    killOn: [],
    failOn: [],
    failFirst: { texts, times: REFUSALS },
    logFile: path.join(directory, 'faults.log'),
  };
}

export interface LocalEventsResult {
  readonly summary: LocalEventsSummary;
  /** The same for people: several lines of plain text. */
  readonly report: string;
  /** Nothing is missing, and nothing is there that should not be. */
  readonly balanced: boolean;
}

/**
 * Publishes test events to a local stack, waits until its queues are empty, and compares what its consumers made of them
 * with what was published, and with what was there before.
 * @throws Error if not all could be published
 */
export async function runLocalEvents(options: LocalEventsOptions): Promise<LocalEventsResult> {
  const { run, messages, progress } = options;
  const { endpoint, stackName } = run.endpoint;
  const clients = createClients(localOptions(endpoint));
  try {
    const stack = await findStack(clients.cloudFormation, stackName);
    const takes = await readSubscriptions(clients.sns, stack);
    await fillTables(clients, stack);
    const before = await readLedger(clients, stack);
    const { keys } = await readArchived(clients, stack);
    const known = new Set<string>();
    await readLetters(run, stack, known);
    const waiting = await takeUp(run, stack, progress);
    // Before the first event: the alarm on new dead letters compares with those that are there already.
    await run.cloudWatch.endMinute();
    await run.cloudWatch.followRealTime();
    run.consume();

    await sendThrough(clients, stack, options);

    const ledger = await readLedger(clients, stack);
    const letters = await readLetters(run, stack, known);
    const consumers = await countMessages(run, stack, letters);
    const after = { ledger, letters };
    const ordered = isOrdered(stack);
    const arriving = ordered ? withoutCopies(messages) : messages;
    const { [ARCHIVE]: _, ...counted } = consumers;
    const differences = reconcile({ messages: arriving, takes, waiting, counted, before, after });
    if (stack.archiveBucket) {
      const archived = await readArchived(clients, stack, keys);
      reconcileArchive(arriving, waiting.get(ARCHIVE) ?? [], archived, differences);
    }
    const inversions = inversionsByConsumer(stack, messages, options.logDirectory);
    differences.unexpected.push(...outOfSequence(inversions, orderedConsumers(stack)));
    for (const problem of run.problems) differences.unexpected.push({ consumer: 'local run', problem });
    await run.cloudWatch.endMinute();
    const alarms = await run.cloudWatch.alarms();
    const states = Object.fromEntries(alarms.map(({ name, state }) => [name, state]));
    const created = messages.filter(({ kind }) => kind === 'event').length;
    const changed = changedIds(messages).size;
    const summary = { created, changed, consumers, inversions, alarms: states, ...differences };
    const { tables } = ledger;
    return {
      summary,
      report: reportOf(summary, {
        ...{ alarms, messages, tables },
        store: recordStore(stack),
        pages: stack.pagesTopicArn,
      }),
      balanced: differences.missing.length === 0 && differences.unexpected.length === 0,
    };
  } finally {
    destroyClients(clients);
  }
}

/**
 * What an earlier run that was interrupted has left in the consumers' queues. Messages in flight become visible: nobody processes
 * them any more.
 * @returns consumer → bodies
 */
async function takeUp(
  run: LocalRun,
  stack: StackHandles,
  progress: Progress,
): Promise<Map<string, string[]>> {
  const bodies = stack.consumers.map(
    async ({ name, queueUrl }) => [name, (await run.messagesIn(queueUrl)).map(({ body }) => body)] as const,
  );
  const waiting = new Map(await Promise.all(bodies));
  const left = [...waiting.values()].flat().length;
  if (left === 0) return waiting;
  const step = progress.step('Looking at what an earlier run has left');
  const inFlight = await run.endVisibilityTimeouts();
  step.done(
    `An earlier run has left ${count(left, 'message')} in the queues; ${format(inFlight)} in flight: not waiting for their visibility timeout`,
  );
  return waiting;
}

/** Publishes the messages and waits until the consumers' queues are empty. */
async function sendThrough(
  { sns, sqs }: Clients,
  stack: StackHandles,
  { run, messages, progress, signal }: LocalEventsOptions,
): Promise<void> {
  const started = performance.now();
  const publishing = progress.step('Publishing');
  const published = await publishAll({
    sns,
    topicArn: stack.topicArn,
    messages,
    signal,
    onProgress: ({ sent }) => publishing.bar(sent, messages.length),
  });
  publishing.done(`Published ${published} ${plural(published, 'message')}: ${kindsOf(messages)}`);

  const processing = progress.step('Processing');
  const quiet = new QuietPeriod(run);
  let retried = 0;
  let most = 1;
  let before = 0;
  const queueUrls = stack.consumers.map(({ queueUrl }) => queueUrl);
  const isEmpty = await waitUntilEmpty(sqs, queueUrls, {
    stallTimeoutMs: STALL_MS,
    signal,
    async onPoll(left) {
      most = Math.max(most, left);
      processing.bar(most - left, most);
      // When nothing else moves, no more messages will fill a batch.
      if (left === before) run.endBatchingWindows();
      before = left;
      if (left > 0 && quiet.isOver(left)) retried += await run.endVisibilityTimeouts();
    },
  });
  const seconds = (performance.now() - started) / 1000;
  const again = retried > 0 ? `, ${retried} of them at a second try` : '';
  if (isEmpty) processing.done(`Processed them in ${seconds.toFixed(1)} s${again}: the queues are empty`);
  else processing.fail(`Nothing has moved for ${STALL_MS / 1000} s, and the queues are not empty`);
}

/** Tells when messages only wait for their next try: for a while none has gone, and no function was at work. */
class QuietPeriod {
  private readonly run: LocalRun;
  private left = 0;
  private since = performance.now();

  constructor(run: LocalRun) {
    this.run = run;
  }

  isOver(left: number): boolean {
    const now = performance.now();
    if (left !== this.left || this.run.isBusy) this.since = now;
    this.left = left;
    if (now - this.since < QUIET_MS) return false;
    this.since = now;
    return true;
  }
}

async function countMessages(
  run: LocalRun,
  stack: StackHandles,
  letters: Letters,
): Promise<Record<string, ConsumerCounts>> {
  const counts = stack.consumers.map(async ({ name, queueUrl }) => {
    const ofConsumer = {
      delivered: await run.delivered(queueUrl),
      processed: await metric(run, name, 'Processed'),
      duplicates: await metric(run, name, 'Duplicates'),
      deadLettered: [...(letters.get(name)?.values() ?? [])].flat().length,
    };
    return [name, ofConsumer] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}

function metric(run: LocalRun, consumer: string, name: MetricName): Promise<number> {
  return run.cloudWatch.metricSum(run.endpoint.stackName, name, { service: consumer });
}
