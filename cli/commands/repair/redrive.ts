/** `orders redrive`: sends dead letters back to the consumer that gave them up, and to no other; unrouted messages to the topic. */
import { type Command, Option } from 'commander';
import { ARCHIVE } from '../../../contract/archive.ts';
import { UNROUTED } from '../../../contract/stack-outputs.ts';
import type { Clients } from '../../aws/clients.ts';
import { explain } from '../../aws/errors.ts';
import { queueDepth } from '../../aws/queue-depth.ts';
import { connect, consumerOf, type StackHandles } from '../../aws/stack.ts';
import { letterQueueOf } from '../../dead-letters/letter-queue.ts';
import { lookAtDeadLetters } from '../../dead-letters/look.ts';
import { describeFilter, headline, unseenLine } from '../../dead-letters/reasons.ts';
import { historyObject, historyText } from '../../operations/history.ts';
import { OperationsLog } from '../../operations/record.ts';
import { addLetterFilter, type LetterFilter, typed, typedFilter } from '../../options/letter-filter.ts';
import { addStackOptions, commandFor, type StackOptions } from '../../options/stack-options.ts';
import { wholeNumber } from '../../options/values.ts';
import { type FileProblem, listProblems } from '../../orders/order-file.ts';
import { type Edit, readEdits } from '../../redrive/edits.ts';
import { type Plan, planRedrive, problemsOfEdits } from '../../redrive/plan.ts';
import { type Redrive, type RedriveResult, redrive as sendAll } from '../../redrive/redrive.ts';
import { backToConsumer, onFromUnrouted, type Route } from '../../redrive/route.ts';
import { SentEdits } from '../../redrive/sent-edits.ts';
import { CommandError, usageError } from '../../terminal/command-error.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { progressOf } from '../../terminal/progress.ts';
import { count, format, printable } from '../../terminal/text.ts';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
const MAX_RATE = 500;
const MAX_LIMIT = 1_000_000;
const MAX_TIMEOUT_SECONDS = 86_400;

interface RedriveOptions extends StackOptions, LetterFilter {
  readonly limit?: number;
  readonly rate?: number;
  readonly edit?: string;
  /** The consumer that alone gets unrouted messages. */
  readonly to?: string;
  readonly canary?: boolean;
  readonly timeout: number;
  readonly dryRun?: boolean;
  readonly history?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- redrive billing --canary
  npm run orders -- redrive billing --rate 50 --stack OrderFanOut-prod
  npm run orders -- redrive billing --reason Throttling --dry-run
  npm run orders -- redrive billing --order 4711 --local
  npm run orders -- redrive shipping --edit corrected.jsonl --canary
  npm run orders -- redrive unrouted --canary
  npm run orders -- redrive unrouted --reason order.shipped --to billing
  npm run orders -- redrive --history

Without a selection SQS itself moves all letters; with one they are sent one by
one, as they were before they died. A line of the file for --edit is a JSON
object with the messageId or orderId of a letter and the corrected order as its
body: a line that \`failed --export\` wrote, with its body put right. A corrected
order alone will do as well. All of them are checked before anything is sent.

Unrouted messages go to the topic, or with --to to one consumer. One that holds
a valid order gets the attributes of that order; what still no consumer takes
stays where it is.

The archive takes its letters as they are: --canary and --edit are refused.

Exits with 0 if all were sent back and none came back, with 1 if not, with 2 for
wrong usage and with 130 after Ctrl-C.`;

export function define(command: Command, io: Io): void {
  command
    .argument('[consumer]', 'whose dead letters, or `unrouted`')
    .description(
      'Sends dead letters back to the queue of the consumer that gave them up, and to no other; and unrouted messages to the topic.',
    );
  addLetterFilter(command)
    .option('--limit <n>', 'at most so many', wholeNumber(1, MAX_LIMIT))
    .option('--rate <n>', 'letters per second, at most', wholeNumber(1, MAX_RATE))
    .addOption(
      new Option('--edit <file>', 'send corrected orders in place of the letters that they name').conflicts([
        'reason',
        'order',
        'since',
        'limit',
      ]),
    )
    .option('--to <consumer>', 'send unrouted messages to this consumer alone')
    .option('--canary', 'send one, and the others only if it was processed')
    .option(
      '--timeout <seconds>',
      'how long to wait for the canary',
      wholeNumber(1, MAX_TIMEOUT_SECONDS),
      300,
    )
    .option('--dry-run', 'say what would be sent back, and send nothing')
    .addOption(
      new Option(
        '--history',
        'list the redrives on record, and the replays, stops and starts between them',
      ).conflicts(['reason', 'order', 'since', 'limit', 'rate', 'edit', 'to', 'canary', 'dryRun']),
    );
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string | undefined, options: RedriveOptions) => {
      io.exitCode = await (options.history ? history : redrive)(consumer, options, io);
    });
}

/** What the steps of one command share. */
interface Context extends Omit<Redrive, 'onSent' | 'rate' | 'canarySeconds'> {
  readonly options: RedriveOptions;
  readonly io: Io;
}

/** @returns the exit code */
async function redrive(name: string | undefined, options: RedriveOptions, io: Io): Promise<number> {
  if (name === undefined) throw usageError('Whose dead letters? Name a consumer, as in `redrive billing`');
  const { reason, order, since, limit, edit, canary } = options;
  if (name === ARCHIVE && (canary || edit !== undefined)) {
    const option = canary ? '--canary' : '--edit';
    throw usageError(`${option} is for consumers with records: the archive takes any message, as it is`);
  }
  const signal = io.untilInterrupted();
  const edits = edit === undefined ? undefined : await readEdits(edit, io.stdin);
  if (edits && edits.problems.length > 0) return refuse(options, edits.problems, io);
  const { clients, stack } = await connect(options, io);
  const route = await routeOf(clients, stack, name, options);
  // What came through a pipe has no file to be gone on with.
  const sentEdits = edit === undefined || edit === '-' ? undefined : new SentEdits(edit, route.to.address);
  const context: Context = {
    clients,
    stack,
    route,
    options,
    io,
    ...(edits && { edits }),
    ...(sentEdits && { sentEdits }),
    isSelection: [reason, order, since, limit, edit].some((each) => each !== undefined),
    progress: progressOf(io, { silent: options.json === true }),
    signal,
  };
  // SQS needs no look to move them all, and they may be more than can be looked at.
  const hasPlan = context.isSelection || canary || options.dryRun || route.moveTo === undefined;
  const plan = hasPlan ? await makePlan(context) : undefined;
  const letters = plan ? plan.wanted.size : await countAll(context);
  if (signal.aborted) {
    io.say('Stopped: nothing was sent back.');
    return INTERRUPTED;
  }

  const wasSent = (each: Edit) => sentEdits?.has(each) === true;
  const before = edits?.edits.filter((each) => !plan?.used.has(each) && wasSent(each)).length ?? 0;
  const problems = edits && plan ? await problemsOfEdits(edits, plan, clients, stack, route, wasSent) : [];
  if (problems.length > 0) return refuse(options, problems, io);
  if (before > 0) {
    const all = count(edits?.edits.length ?? 0, 'correction');
    io.say(`${format(before)} of ${all} had been sent back before (${sentEdits?.path})`);
  }
  if (letters === 0 || options.dryRun) return announce(context, plan);
  if (canary && !plan?.canary) {
    throw new CommandError(
      `None of ${count(letters, 'letter')} holds a valid order, so that none can succeed: correct them with --edit, or purge them`,
    );
  }
  return await recorded(context, plan, letters);
}

/** @throws CommandError for names that there are not, and, wrong usage, for another way than the one back to a consumer */
async function routeOf(
  clients: Clients,
  stack: StackHandles,
  name: string,
  { to }: RedriveOptions,
): Promise<Route> {
  if (name === UNROUTED) return await onFromUnrouted(clients, stack, letterQueueOf(stack, name), to);
  const consumer = consumerOf(stack, name);
  if (to === undefined) return backToConsumer(clients, consumer);
  throw usageError(`--to ${to} is for \`redrive ${UNROUTED}\`: dead letters of ${name} go back to ${name}`);
}

async function makePlan({ clients, route, options, edits, io, progress, signal }: Context): Promise<Plan> {
  const { from, correct, refusal } = route;
  const step = progress.step(`Looking at ${from.noun}s`);
  const selection = {
    filter: options,
    correct,
    ...(refusal && { refusal }),
    ...(options.limit !== undefined && { limit: options.limit }),
    ...(edits && { edits }),
  };
  const onProgress = (at: { seen: number; expected: number }) => step.bar(at.seen, at.expected);
  try {
    const plan = await planRedrive(clients, from, selection, { signal, onProgress });
    step.done(`Looked at ${count(plan.present.size, from.noun)}`);
    const unseen = signal.aborted ? undefined : unseenLine(from, plan.unseen);
    if (unseen) io.say(unseen);
    return plan;
  } catch (error) {
    step.fail(`Could not look at the ${from.noun}s`);
    throw error;
  }
}

/** As SQS counts; where it counts none, as a look tells, since its count lags behind. */
async function countAll({
  clients: { sqs },
  route: {
    from: { url },
  },
  signal,
}: Context): Promise<number> {
  const { waiting } = await queueDepth(sqs, url);
  return waiting || (await lookAtDeadLetters(sqs, url, () => {}, { signal })).seen;
}

function refuse({ edit = '', json }: RedriveOptions, problems: FileProblem[], io: Io): number {
  if (json) io.printJson({ sent: 0, problems });
  listProblems(edit, problems, io);
  io.say('Nothing was sent back.');
  return 1;
}

/** Says what would be sent back, or that there is nothing. */
function announce({ stack, route: { from, refusal }, options, io }: Context, plan: Plan | undefined): number {
  const letters = plan?.wanted.size ?? 0;
  const invalid = plan?.invalid ?? 0;
  const which = describeFilter(options);
  if (options.json) {
    const { dryRun = false } = options;
    const reasons = plan?.reasons.list() ?? [];
    const { name } = from;
    io.printJson({ stack: stack.name, consumer: name, dryRun, letters, invalid, sent: 0, reasons });
  } else {
    io.print(`${headline(from, letters)}${which && ` (${which})`}`);
    if (plan && letters > 0) io.print(plan.reasons.describe());
  }
  io.say('Nothing was sent back.');
  if (invalid > 0) {
    const why = refusal ? 'no consumer takes them' : 'no valid order';
    io.say(`${format(invalid)} of them would come back: ${why}. Correct them with --edit.`);
  }
  if (letters > 0) {
    const how =
      invalid < letters
        ? selectionOf(options)
        : ['--edit', `${from.name}.jsonl`, ...typed('--to', options.to)];
    const next = commandFor(options, 'redrive', from.name, ...how, '--canary');
    io.say(`\nNext:\n  ${next}`);
  }
  return 0;
}

/** Sends back what the plan wants, or all there is without one, and has it on record. */
async function recorded(context: Context, plan: Plan | undefined, letters: number): Promise<number> {
  const { clients, stack, route, options, io, signal } = context;
  const log = new OperationsLog(clients, stack, options, io);
  const end = await log.begin(route.from.name, { operation: 'redrive', what: inWords(options), letters });
  const start = performance.now();
  let sent = 0;
  let result: RedriveResult;
  try {
    const task: Redrive = {
      ...context,
      canarySeconds: options.canary ? options.timeout : undefined,
      rate: options.rate,
      onSent: (soFar) => {
        sent = soFar;
      },
    };
    result = await sendAll(task, plan, letters);
  } catch (error) {
    await end({ sent, cameBack: 0, outcome: `failed: ${explain(error) ?? 'unexpected error'}` });
    throw error;
  }
  const stopped =
    result.stopped ??
    (signal.aborted ? 'interrupted' : result.cameBack.total > 0 ? 'letters came back' : undefined);
  const outcome = stopped === undefined ? 'done' : `stopped: ${stopped}`;
  await end({ sent: result.sent, cameBack: result.cameBack.total, outcome });
  if (outcome === 'done' && result.sent >= result.wanted) context.sentEdits?.remove();
  report(context, result, outcome, (performance.now() - start) / 1000);
  if (signal.aborted) return INTERRUPTED;
  return stopped === undefined && result.sent >= result.wanted ? 0 : 1;
}

function report(
  { stack, route: { from, words }, options, io }: Context,
  result: RedriveResult,
  outcome: string,
  seconds: number,
): void {
  const { wanted, sent, cameBack } = result;
  const { notes } = result;
  if (options.json) {
    const of = { stack: stack.name, consumer: from.name, letters: wanted, sent, cameBack: cameBack.list() };
    io.printJson({ ...of, outcome, notes, seconds });
  } else {
    io.print(`Sent ${format(sent)} of ${count(wanted, from.noun)} ${words} in ${seconds.toFixed(1)} s`);
    if (cameBack.total > 0) {
      io.print(`${format(cameBack.total)} came back, or were dead-lettered since:\n${cameBack.describe()}`);
    }
  }
  for (const note of notes) io.say(note);
  if (outcome !== 'done') io.say(`${printable(outcome.charAt(0).toUpperCase() + outcome.slice(1))}.`);
  const next = result.next ?? (outcome === 'done' ? ['status'] : ['failed', from.name]);
  io.say(`\nNext:\n  ${commandFor(options, ...next)}`);
}

/** The selection as it is typed. */
function selectionOf(options: RedriveOptions): string[] {
  const { limit, edit, to } = options;
  return [
    ...typedFilter(options),
    ...typed('--limit', limit),
    ...typed('--edit', edit),
    ...typed('--to', to),
  ];
}

/** What is sent back, for the record. */
function inWords(options: RedriveOptions): string {
  const { limit, edit, to, canary } = options;
  const parts = [
    ...(describeFilter(options) ? [describeFilter(options)] : []),
    ...(edit === undefined ? [] : [`corrected by ${edit}`]),
    ...(limit === undefined ? [] : [`at most ${limit}`]),
  ];
  return [
    ...(parts.length > 0 ? parts : ['all']),
    ...(to === undefined ? [] : [`to ${to}`]),
    ...(canary ? ['a canary first'] : []),
  ].join(', ');
}

/** `--history`. @returns the exit code */
async function history(name: string | undefined, options: RedriveOptions, io: Io): Promise<number> {
  const { clients, stack } = await connect(options, io);
  const consumer = name === undefined ? undefined : letterQueueOf(stack, name).name;
  const log = new OperationsLog(clients, stack, options, io);
  const operations = (await log.read()).filter(
    (each) => consumer === undefined || each.consumer === consumer,
  );
  if (options.json) io.printJson({ stack: stack.name, ...historyObject(operations) });
  else io.print(historyText(operations, log.place));
  return 0;
}
