/** `orders publish`: publishes, follows what was published if asked to, and says what became of it. */
import { randomInt } from 'node:crypto';
import { type Clients, createClients, destroyClients } from '../aws/clients.ts';
import { explain } from '../aws/errors.ts';
import { clientOptions, connect, type StackHandles } from '../aws/stack.ts';
import { usageError } from '../command-error.ts';
import { type FollowedMessage, followMessages, type Outcome } from '../orders/follow.ts';
import { listProblems, readOrderFile } from '../orders/order-file.ts';
import { type PublishResult, publishMessages } from '../orders/publisher.ts';
import { generateOrders, idsInConflict } from '../orders/test-orders.ts';
import { INTERRUPTED } from '../terminal/interrupt.ts';
import type { Io } from '../terminal/io.ts';
import type { Progress } from '../terminal/progress.ts';
import { count, format, printable, table } from '../terminal/text.ts';
import type { PublishOptions } from '../usage/publish.ts';

/** What is to be published. */
interface Selection {
  readonly messages: readonly FollowedMessage[];
  /** Distinct valid orders among them. */
  readonly orders: number;
  readonly duplicates: number;
  readonly cancellations: number;
  readonly poison: number;
  readonly seed?: number;
  /** Whether it is no bad news if a consumer refuses the message. */
  readonly mayBeRefused: (message: FollowedMessage) => boolean;
}

interface Target {
  readonly clients: Clients;
  readonly topicArn: string;
  /** Absent where only a topic was named. */
  readonly stack?: StackHandles;
}

const MAX_LISTED = 20;

/** @returns the exit code */
export async function publish(options: PublishOptions, io: Io): Promise<number> {
  const progress = io.progress();
  const selection =
    options.file === undefined ? testOrders(options) : await fileOrders(options.file, options, io);
  if (!selection) return 1;
  if (options.dryRun) return dryRun(selection, options, io);

  const signal = io.untilInterrupted();
  const target = await findTarget(options, io);
  const start = performance.now();
  const result = await send(selection, target, options, progress, signal);
  const seconds = Math.round(performance.now() - start) / 1000;
  listFailures(result, io);

  let outcomes: Map<string, Outcome> | undefined;
  let followError: unknown;
  if (options.wait && target.stack && !signal.aborted) {
    const published = withoutFailed(selection, result);
    try {
      outcomes = await follow(published, { ...target, stack: target.stack }, options, progress, signal);
    } catch (error) {
      followError = error;
    }
  }
  const report = { selection, target, result, seconds, outcomes };
  const bad = outcomes ? badNews(outcomes, selection) : [];
  if (options.json) printJson({ ...report, interrupted: signal.aborted, followError }, io);
  else {
    printText(report, io);
    for (const line of bad) io.say(line);
  }
  // What was published is said before.
  if (followError !== undefined) throw followError;
  if (signal.aborted) return INTERRUPTED;
  return result.failed.length > 0 || bad.length > 0 ? 1 : 0;
}

function testOrders({ count, seed = randomInt(2 ** 32), placedAt, ...extras }: PublishOptions): Selection {
  const duplicates = extras.duplicates?.(count) ?? 0;
  const cancellations = extras.cancellations?.(count) ?? 0;
  if (cancellations > count) {
    throw usageError(`--cancellations is ${cancellations}, but there are only ${count} orders to cancel`);
  }
  const poison = extras.poison?.(count) ?? 0;
  const on = { duplicates, cancellations, poison };
  const messages = generateOrders({ count, seed, ...on, now: placedAt ?? new Date() });
  const poisoned = new Set(messages.filter(({ kind }) => kind === 'poison'));
  // Of two orders in conflict either may come first, so either may be the one that is refused.
  const contested = idsInConflict(messages);
  const bodies = new Set(Array.from(poisoned, ({ body }) => body));
  return {
    messages,
    orders: count,
    ...on,
    seed,
    mayBeRefused: ({ body, orderId }) => bodies.has(body) || contested.has(orderId),
  };
}

async function fileOrders(file: string, { json }: PublishOptions, io: Io): Promise<Selection | undefined> {
  const { messages, duplicates, cancellations, problems } = await readOrderFile(file, io.stdin);
  if (problems.length > 0) {
    if (json) io.printJson({ published: 0, problems });
    listProblems(file, problems, io);
    io.say('Nothing was published.');
    return undefined;
  }
  const orders = messages.length - duplicates - cancellations;
  return { messages, orders, duplicates, cancellations, poison: 0, mayBeRefused: () => false };
}

function dryRun(
  { messages, mayBeRefused: _, ...counts }: Selection,
  { json }: PublishOptions,
  io: Io,
): number {
  if (json) io.printJson({ dryRun: true, ...counts, messages });
  else for (const { body } of messages) io.print(body);
  io.say(`${describe(counts)}: nothing was published`);
  return 0;
}

async function findTarget(options: PublishOptions, io: Io): Promise<Target> {
  if (options.topicArn === undefined) {
    const { clients, stack } = await connect(options, io);
    return { clients, stack, topicArn: stack.topicArn };
  }
  // arn:aws:sns:region:account:name
  const region = options.region ?? options.topicArn.split(':')[3];
  const clients = createClients(clientOptions({ ...options, ...(region !== undefined && { region }) }));
  io.atEnd(() => destroyClients(clients));
  return { clients, topicArn: options.topicArn };
}

async function send(
  { messages }: Selection,
  { clients, topicArn, stack }: Target,
  { rate }: PublishOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<PublishResult> {
  const step = progress.step('Publishing');
  const start = performance.now();
  const result = await publishMessages({
    sns: clients.sns,
    topicArn,
    messages,
    fairQueues: stack?.fairQueues ?? false,
    ...(rate !== undefined && { rate }),
    signal,
    onProgress({ published, failed }) {
      const perSecond = Math.round((1000 * published) / (performance.now() - start));
      step.bar(published + failed, messages.length, `${format(perSecond)}/s`);
    },
  });
  if (result.failed.length === 0) step.done(`Published ${format(result.published)}`);
  else step.fail(`Published ${format(result.published)}, failed ${format(result.failed.length)}`);
  return result;
}

async function follow(
  messages: FollowedMessage[],
  { clients, stack }: Target & { stack: StackHandles },
  { timeout }: PublishOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Map<string, Outcome>> {
  const step = progress.step('Following');
  try {
    const outcomes = await followMessages({
      clients,
      stack,
      messages,
      timeoutMs: timeout * 1000,
      onProgress: ({ ended, expected }) => step.bar(ended, expected),
      onTrouble: (reason) => step.update(`Following: ${reason}`),
      signal,
    });
    const missing = Array.from(outcomes.values()).some((outcome) => outcome.missing.length > 0);
    if (!missing) step.done('Followed all to their end');
    else step.fail(signal.aborted ? 'Stopped following' : `Not all ended within ${timeout} s`);
    return outcomes;
  } catch (error) {
    step.fail('Could not follow what was published');
    throw error;
  }
}

function withoutFailed({ messages }: Selection, { failed }: PublishResult): FollowedMessage[] {
  const indexes = new Set(failed.map(({ index }) => index));
  return messages.filter((_, index) => !indexes.has(index));
}

/** Lines about orders that are missing, or refused though they should not be. */
function badNews(outcomes: Map<string, Outcome>, { mayBeRefused }: Selection): string[] {
  const lines: string[] = [];
  for (const [consumer, { refused, missing }] of outcomes) {
    const unexpected = refused.filter(({ message }) => !mayBeRefused(message));
    const byReason = Object.groupBy(unexpected, ({ reason = 'no reason given, see its log' }) => reason);
    for (const [reason, those = []] of Object.entries(byReason)) {
      lines.push(`${consumer} refused ${ids(those.map(({ message }) => message))} (${printable(reason)})`);
    }
    if (missing.length > 0) lines.push(`${consumer} misses ${ids(missing)}`);
  }
  return lines;
}

function listFailures({ failed, stopped }: PublishResult, io: Io): void {
  const byReason = Object.groupBy(failed, ({ reason }) => reason);
  for (const [reason, those = []] of Object.entries(byReason)) {
    // Why the run ended says nothing about single messages.
    if (reason === stopped) io.say(`${printable(stopped)} (${count(those.length, 'message')} not published)`);
    else io.say(`Not published: ${ids(those)} (${printable(reason)})`);
  }
}

/** `3 messages: a, b, c`, cut where there are many. */
function ids(messages: readonly { readonly orderId?: string }[]): string {
  const shown = messages.slice(0, MAX_LISTED).map(({ orderId = 'without orderId' }) => orderId);
  const more = messages.length > MAX_LISTED ? `, … and ${format(messages.length - MAX_LISTED)} more` : '';
  return `${count(messages.length, 'message')}: ${shown.join(', ')}${more}`;
}

interface Report {
  readonly selection: Selection;
  readonly target: Target;
  readonly result: PublishResult;
  readonly seconds: number;
  readonly outcomes: Map<string, Outcome> | undefined;
}

function printJson(
  {
    selection,
    target,
    result,
    seconds,
    outcomes,
    interrupted,
    followError,
  }: Report & { interrupted: boolean; followError: unknown },
  io: Io,
): void {
  const { orders, duplicates, cancellations, poison, seed, mayBeRefused } = selection;
  const consumers = Array.from(outcomes ?? [], ([name, { processed, refused, missing }]) => [
    name,
    {
      processed,
      refused: refused.length,
      unexpectedlyRefused: refused
        .filter(({ message }) => !mayBeRefused(message))
        .map(({ message, reason = null }) => ({ orderId: message.orderId, reason })),
      missing: missing.map(({ orderId }) => orderId),
    },
  ]);
  io.printJson({
    stack: target.stack?.name,
    topicArn: target.topicArn,
    seed,
    orders,
    duplicates,
    cancellations,
    poison,
    published: result.published,
    failed: result.failed,
    seconds,
    stopped: result.stopped,
    interrupted,
    following: followError === undefined ? undefined : (explain(followError) ?? String(followError)),
    consumers: outcomes && Object.fromEntries(consumers),
  });
}

function printText({ selection, target, result, seconds, outcomes }: Report, io: Io): void {
  const all = result.failed.length === 0;
  const what = all
    ? describe(selection)
    : `${format(result.published)} of ${count(selection.messages.length, 'message')}`;
  io.print(`Published ${what} to ${target.stack?.name ?? target.topicArn} in ${seconds.toFixed(1)} s`);
  if (outcomes) io.print(outcomeTable(outcomes));
}

function outcomeTable(outcomes: Map<string, Outcome>): string {
  const rows = Array.from(outcomes, ([name, { processed, refused, missing }]) => [
    name,
    ...[processed, refused.length, missing.length].map(format),
  ]);
  return table([['', 'processed', 'refused', 'missing'], ...rows]);
}

function describe({
  orders,
  duplicates,
  cancellations,
  poison,
  seed,
}: Pick<Selection, 'orders' | 'duplicates' | 'cancellations' | 'poison' | 'seed'>) {
  const parts = [
    count(orders, 'order'),
    ...(duplicates > 0 ? [count(duplicates, 'duplicate')] : []),
    ...(cancellations > 0 ? [count(cancellations, 'cancellation')] : []),
    ...(poison > 0 ? [count(poison, 'poison message')] : []),
  ];
  return `${parts.join(', ')}${seed === undefined ? '' : ` (seed ${seed})`}`;
}
