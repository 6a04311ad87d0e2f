/** `publish`: publishes test events, or events from a file, and with --wait follows them until they are processed. */

import { randomInt } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { kebabCase } from '../../../contract/names.ts';
import { type Clients, createClients, destroyClients } from '../../aws/clients.ts';
import { clientOptions, connect, type StackHandles } from '../../aws/stack.ts';
import { addStackOptions, type StackOptions } from '../../options/stack-options.ts';
import { DomainOption, positive, time, wholeNumber } from '../../options/values.ts';
import { followMessages, type Outcome } from '../../outcomes/follow.ts';
import {
  badNews,
  countsOf,
  describe,
  listFailures,
  printJson,
  printText,
  type Selection,
} from '../../outcomes/publish-report.ts';
import type { EventMessage } from '../../publishing/batches.ts';
import { listProblems, readEventFile } from '../../publishing/event-file.ts';
import { publishMessages } from '../../publishing/publisher.ts';
import type { SendResult } from '../../publishing/sending.ts';
import { generateEvents, idsInConflict, POISON_KINDS } from '../../publishing/test-events.ts';
import { usageError } from '../../terminal/command-error.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { type Progress, progressOf } from '../../terminal/progress.ts';
import { format } from '../../terminal/text.ts';
import { CHANGE, examples, NOUNS, named, PRODUCTION, TIME_FIELD } from '../../terminal/words.ts';

/** Computes a number of messages from the number of events. */
type Extra = (events: number) => number;

/** All test events are in memory at once, about 2 KB each. */
const MAX_COUNT = 200_000;

interface PublishOptions extends StackOptions {
  readonly count: number;
  readonly seed?: number;
  readonly now?: Date;
  readonly duplicates?: Extra;
  readonly changes?: Extra;
  readonly poison?: Extra;
  readonly file?: string;
  readonly topicArn?: string;
  readonly rate?: number;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly dryRun?: boolean;
}

const EXAMPLES = `
${examples(
  'publish --local --count 100 --wait',
  'publish --count 1000 --rate 50 --duplicates 5% --poison 20',
  `publish --file ${NOUNS}.jsonl --stack ${PRODUCTION}`,
  `publish --dry-run --count 10 --seed 7 > ${NOUNS}.jsonl`,
)}

Exits with 0 if everything was published (with --wait: and processed, or refused because it was sent as poison), with
1 if not, with 2 for wrong usage and with 130 after Ctrl-C.`;

export function define(command: Command, io: Io): void {
  command
    .description(`Publishes generated test ${NOUNS}, or ${NOUNS} from a file, to the topic of a stack.`)
    .option('--count <n>', `test ${NOUNS} to generate, up to ${MAX_COUNT}`, wholeNumber(1, MAX_COUNT), 100)
    .option(
      '--seed <n>',
      `generate the same test ${NOUNS} again (default: random)`,
      wholeNumber(0, 2 ** 32 - 1),
    )
    .addOption(
      new DomainOption(
        `--${kebabCase(TIME_FIELD)} <time>`,
        'with --seed: generate the same bytes (default: now)',
        'now',
      ).argParser(time),
    )
    .option('--duplicates <n>', 'additional exact copies, a number or a share like 5%', extra);
  if (CHANGE) {
    const about = `${NOUNS} that are ${CHANGE.participle}, some before they arrive, a number or a share`;
    command.addOption(new DomainOption(`--${CHANGE.plural} <n>`, about, 'changes').argParser(extra));
  }
  command
    .option('--poison <n>', 'additional bad messages, a number or a share like 5%', extra)
    .addOption(
      new Option(
        '--file <path>',
        `publish the ${[NOUNS, CHANGE?.plural].filter(Boolean).join(' and ')} in a JSON Lines or JSON file of up to 64 MiB, - for standard input`,
      ).conflicts(['count', 'seed', 'now', 'duplicates', 'changes', 'poison']),
    )
    .option('--rate <n>', 'messages per second, at most', positive)
    .option('--wait', `wait until every consumer has processed or refused the ${NOUNS}`)
    .option('--timeout <seconds>', 'how long to --wait', positive, 300)
    .option('--dry-run', 'print what would be published, a body a line, and publish nothing');
  addStackOptions(command)
    .addOption(
      new Option('--topic-arn <arn>', 'the topic itself, instead of a stack')
        .argParser(topicArn)
        .conflicts(['stack', 'local', 'wait']),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (options: PublishOptions) => {
      io.exitCode = await publish(options, io);
    });
}

function extra(text: string): Extra {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const value = Number(digits);
  if (percent && value <= 100) return (events) => Math.ceil((events * value) / 100);
  if (percent === '' && Number.isInteger(value) && value <= MAX_COUNT) return () => value;
  throw new InvalidArgumentError(`It must be a whole number up to ${MAX_COUNT}, or a share from 0% to 100%.`);
}

function topicArn(text: string): string {
  if (/^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+(\.fifo)?$/.test(text)) return text;
  throw new InvalidArgumentError(
    `It must be the ARN of a topic, like arn:aws:sns:eu-west-1:123456789012:${NOUNS}.`,
  );
}

interface Target {
  readonly clients: Clients;
  readonly topicArn: string;
  /** Absent where only a topic was named. */
  readonly stack?: StackHandles;
}

/** @returns the exit code */
async function publish(options: PublishOptions, io: Io): Promise<number> {
  const progress = progressOf(io);
  const selection =
    options.file === undefined ? testEvents(options) : await fromFile(options.file, options, io);
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
  // After the report of what was published.
  if (followError !== undefined) throw followError;
  if (signal.aborted) return INTERRUPTED;
  return result.failed.length > 0 || bad.length > 0 ? 1 : 0;
}

function testEvents({
  count,
  seed = randomInt(2 ** 32),
  now = new Date(),
  ...extras
}: PublishOptions): Selection {
  const duplicates = extras.duplicates?.(count) ?? 0;
  const changes = extras.changes?.(count) ?? 0;
  if (changes > count) {
    throw usageError(`--${CHANGE?.plural} is ${changes}, but there are only ${count} ${NOUNS}`);
  }
  const poison = extras.poison?.(count) ?? 0;
  if (poison > 0 && POISON_KINDS.length === 0) throw usageError(`--poison: no bad ${NOUNS} are defined`);
  const on = { duplicates, changes, poison };
  const messages = generateEvents({ count, seed, ...on, now });
  const poisoned = new Set(messages.filter(({ kind }) => kind === 'poison'));
  // Of two events in conflict either may arrive first, so either may be refused.
  const contested = idsInConflict(messages);
  const bodies = new Set(Array.from(poisoned, ({ body }) => body));
  return {
    messages,
    created: count,
    ...on,
    seed,
    mayBeRefused: ({ body, id }) => bodies.has(body) || contested.has(id),
  };
}

async function fromFile(file: string, { json }: PublishOptions, io: Io): Promise<Selection | undefined> {
  const { messages, duplicates, counts, problems } = await readEventFile(file, io.stdin);
  if (problems.length > 0) {
    if (json) io.printJson({ published: 0, problems });
    listProblems(file, problems, io);
    io.say('Nothing was published.');
    return undefined;
  }
  const { creates: created, changes } = counts;
  return { messages, created, duplicates, changes, poison: 0, mayBeRefused: () => false };
}

function dryRun(
  { messages, mayBeRefused: _, ...counts }: Selection,
  { json }: PublishOptions,
  io: Io,
): number {
  if (json) {
    const shown = messages.map(({ id, ...message }) => ({ ...message, ...named(id) }));
    io.printJson({ dryRun: true, ...countsOf(counts), messages: shown });
  } else for (const { body } of messages) io.print(body);
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
  const clients = createClients(clientOptions({ profile: options.profile, region }));
  io.atEnd(() => destroyClients(clients));
  return { clients, topicArn: options.topicArn };
}

async function send(
  { messages }: Selection,
  { clients, topicArn, stack }: Target,
  { rate }: PublishOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<SendResult> {
  const step = progress.step('Publishing');
  const start = performance.now();
  const result = await publishMessages({
    sns: clients.sns,
    topicArn,
    messages,
    fairQueues: stack?.fairQueues ?? false,
    rate,
    signal,
    onProgress({ sent, failed }) {
      const perSecond = Math.round((1000 * sent) / (performance.now() - start));
      step.bar(sent + failed, messages.length, `${format(perSecond)}/s`);
    },
  });
  if (result.failed.length === 0) step.done(`Published ${format(result.sent)}`);
  else step.fail(`Published ${format(result.sent)}, failed ${format(result.failed.length)}`);
  return result;
}

async function follow(
  messages: EventMessage[],
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

function withoutFailed({ messages }: Selection, { failed }: SendResult): EventMessage[] {
  const indexes = new Set(failed.map(({ index }) => index));
  return messages.filter((_, index) => !indexes.has(index));
}
