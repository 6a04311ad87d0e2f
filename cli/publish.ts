// `orders publish`: sends test orders, or those of a file, to the topic and, if asked, follows them to their end.
import { randomInt } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Clients, createClients } from './clients.ts';
import { type FollowedMessage, followMessages, type Outcome } from './follow.ts';
import { generateOrders } from './generate.ts';
import { INTERRUPTED, untilInterrupted } from './interrupt.ts';
import { listProblems, readOrderFile } from './order-file.ts';
import { createProgress, type Progress } from './progress.ts';
import { type PublishResult, publishMessages } from './publisher.ts';
import { addStackOptions, clientOptions, connect, type StackHandles, type StackOptions } from './stack.ts';
import { count, format, table } from './table.ts';
import { wholeNumber } from './whole-number.ts';

interface Options extends StackOptions {
  readonly count: number;
  readonly seed?: number;
  readonly placedAt?: Date;
  readonly duplicates?: Extra;
  readonly poison?: Extra;
  readonly file?: string;
  readonly topicArn?: string;
  readonly rate?: number;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** A number of messages, from the number of orders. */
type Extra = (orders: number) => number;

/** What is to be published. */
interface Selection {
  readonly messages: readonly FollowedMessage[];
  /** Distinct valid orders among them. */
  readonly orders: number;
  readonly duplicates: number;
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

/** All test orders are in memory at once, about 2 KB each. */
const MAX_COUNT = 200_000;
const MAX_LISTED = 20;

const EXAMPLES = `
Examples:
  npm run orders -- publish --local --count 100 --wait
  npm run orders -- publish --count 1000 --rate 50 --duplicates 5% --poison 20
  npm run orders -- publish --file orders.jsonl --stack OrderFanOut-prod
  npm run --silent orders -- publish --dry-run --count 10 --seed 7 > orders.jsonl

Exits with 0 if everything was published (with --wait: and processed, or refused for a reason that was sent along on
purpose), with 1 if not, with 2 for wrong usage and with 130 after Ctrl-C.`;

/** Adds the verb to the command line. */
export function addPublish(program: Command): void {
  const command = program
    .command('publish')
    .summary('publish test orders, or real ones from a file')
    .description('Publishes made-up test orders, or real ones from a file, to the topic of a stack.')
    .option('--count <n>', `test orders to make, up to ${MAX_COUNT}`, wholeNumber(1, MAX_COUNT), 100)
    .option(
      '--seed <n>',
      'makes the same test orders again (default: a new one)',
      wholeNumber(0, 2 ** 32 - 1),
    )
    .option('--placed-at <time>', 'with --seed: the very same bytes (default: now)', time)
    .option('--duplicates <n>', 'exact copies on top, a number or a share like 5%', extra)
    .option('--poison <n>', 'bad messages on top, a number or a share like 5%', extra)
    .addOption(
      new Option(
        '--file <path>',
        'publish the orders in a JSON Lines or JSON file of up to 64 MiB, - for standard input',
      ).conflicts(['count', 'seed', 'placedAt', 'duplicates', 'poison']),
    )
    .option('--rate <n>', 'messages per second, at most', positive)
    .option('--wait', 'follow the orders until each consumer has processed or refused them')
    .option('--timeout <seconds>', 'how long to --wait', positive, 300)
    .option('--dry-run', 'print what would be published, a body a line, and publish nothing');
  addStackOptions(command)
    .addOption(
      new Option('--topic-arn <arn>', 'the topic itself, instead of a stack')
        .argParser(topicArn)
        .conflicts(['stack', 'local', 'wait']),
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options) => {
      process.exitCode = await publish(options);
    });
}

/** @returns the exit code */
async function publish(options: Options): Promise<number> {
  const progress = createProgress();
  const selection =
    options.file === undefined ? testOrders(options) : await fileOrders(options.file, options);
  if (!selection) return 1;
  if (options.dryRun) return dryRun(selection, options);

  const signal = untilInterrupted();
  const target = await findTarget(options);
  const start = performance.now();
  const result = await send(selection, target, options, progress, signal);
  const seconds = Math.round(performance.now() - start) / 1000;
  listFailures(result);

  const outcomes =
    options.wait && target.stack && !signal.aborted
      ? await follow(
          withoutFailed(selection, result),
          { ...target, stack: target.stack },
          options,
          progress,
          signal,
        )
      : undefined;
  const bad = outcomes ? badNews(outcomes, selection) : [];
  if (options.json) {
    printJson({ selection, target, result, seconds, outcomes, interrupted: signal.aborted });
  } else {
    printText({ selection, target, result, seconds, outcomes });
    for (const line of bad) console.error(line);
  }
  if (signal.aborted) return INTERRUPTED;
  return result.failed.length > 0 || bad.length > 0 ? 1 : 0;
}

function testOrders({ count, seed = randomInt(2 ** 32), placedAt, ...extras }: Options): Selection {
  const duplicates = extras.duplicates?.(count) ?? 0;
  const poison = extras.poison?.(count) ?? 0;
  const messages = generateOrders({ count, seed, duplicates, poison, now: placedAt ?? new Date() });
  const poisoned = new Set(messages.filter(({ kind }) => kind === 'poison'));
  // Of two orders in conflict either may come first, so either may be the one that is refused.
  const contested = new Set(
    messages.filter(({ poison: kind }) => kind === 'conflict').map(({ orderId }) => orderId),
  );
  const bodies = new Set(Array.from(poisoned, ({ body }) => body));
  return {
    messages,
    orders: count,
    duplicates,
    poison,
    seed,
    mayBeRefused: ({ body, orderId }) => bodies.has(body) || contested.has(orderId),
  };
}

async function fileOrders(file: string, { json }: Options): Promise<Selection | undefined> {
  const { messages, duplicates, problems } = await readOrderFile(file);
  if (problems.length > 0) {
    if (json) console.log(JSON.stringify({ published: 0, problems }));
    listProblems(file, problems);
    console.error('Nothing was published.');
    return undefined;
  }
  const orders = messages.length - duplicates;
  return { messages, orders, duplicates, poison: 0, mayBeRefused: () => false };
}

function dryRun({ messages, mayBeRefused: _, ...counts }: Selection, { json }: Options): number {
  if (json) console.log(JSON.stringify({ dryRun: true, ...counts, messages }));
  else for (const { body } of messages) console.log(body);
  console.error(`${describe(counts)}: nothing was published`);
  return 0;
}

async function findTarget(options: Options): Promise<Target> {
  if (options.topicArn === undefined) {
    const { clients, stack } = await connect(options);
    return { clients, stack, topicArn: stack.topicArn };
  }
  // arn:aws:sns:region:account:name
  const region = options.region ?? options.topicArn.split(':')[3];
  const clients = createClients(clientOptions({ ...options, ...(region !== undefined && { region }) }));
  return { clients, topicArn: options.topicArn };
}

async function send(
  { messages }: Selection,
  { clients, topicArn }: Target,
  { rate }: Options,
  progress: Progress,
  signal: AbortSignal,
): Promise<PublishResult> {
  const step = progress.step('Publishing');
  const start = performance.now();
  const result = await publishMessages({
    sns: clients.sns,
    topicArn,
    messages,
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
  { timeout }: Options,
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
      lines.push(`${consumer} refused ${ids(those.map(({ message }) => message))} (${reason})`);
    }
    if (missing.length > 0) lines.push(`${consumer} misses ${ids(missing)}`);
  }
  return lines;
}

function listFailures({ failed, stopped }: PublishResult): void {
  const byReason = Object.groupBy(failed, ({ reason }) => reason);
  for (const [reason, those = []] of Object.entries(byReason)) {
    // Why the run ended says nothing about single messages.
    if (reason === stopped) console.error(`${stopped} (${count(those.length, 'message')} not published)`);
    else console.error(`Not published: ${ids(those)} (${reason})`);
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

function printJson({
  selection,
  target,
  result,
  seconds,
  outcomes,
  interrupted,
}: Report & { interrupted: boolean }): void {
  const { orders, duplicates, poison, seed, mayBeRefused } = selection;
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
  console.log(
    JSON.stringify({
      stack: target.stack?.name,
      topicArn: target.topicArn,
      seed,
      orders,
      duplicates,
      poison,
      published: result.published,
      failed: result.failed,
      seconds,
      stopped: result.stopped,
      interrupted,
      consumers: outcomes && Object.fromEntries(consumers),
    }),
  );
}

function printText({ selection, target, result, seconds, outcomes }: Report): void {
  const all = result.failed.length === 0;
  const what = all
    ? describe(selection)
    : `${format(result.published)} of ${count(selection.messages.length, 'message')}`;
  console.log(`Published ${what} to ${target.stack?.name ?? target.topicArn} in ${seconds.toFixed(1)} s`);
  if (outcomes) console.log(outcomeTable(outcomes));
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
  poison,
  seed,
}: Pick<Selection, 'orders' | 'duplicates' | 'poison' | 'seed'>) {
  const parts = [
    count(orders, 'order'),
    ...(duplicates > 0 ? [count(duplicates, 'duplicate')] : []),
    ...(poison > 0 ? [count(poison, 'poison message')] : []),
  ];
  return `${parts.join(', ')}${seed === undefined ? '' : ` (seed ${seed})`}`;
}

function positive(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

function extra(text: string): Extra {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const value = Number(digits);
  if (percent && value <= 100) return (orders) => Math.ceil((orders * value) / 100);
  if (percent === '' && Number.isInteger(value) && value <= MAX_COUNT) return () => value;
  throw new InvalidArgumentError(`It must be a whole number up to ${MAX_COUNT}, or a share from 0% to 100%.`);
}

function time(text: string): Date {
  const value = new Date(text);
  if (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(value.getTime())) return value;
  throw new InvalidArgumentError('It must be a time like 2026-11-22T17:00:00Z.');
}

function topicArn(text: string): string {
  if (/^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+$/.test(text)) return text;
  throw new InvalidArgumentError(
    'It must be the ARN of a standard topic, like arn:aws:sns:eu-west-1:123456789012:orders.',
  );
}
