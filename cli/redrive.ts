// `orders redrive`: sends dead letters back to the queue of the consumer that gave them up, and to no other.

import { type Command, Option } from 'commander';
import type { ConsumerHandles } from '../contract/stack-outputs.ts';
import type { Clients } from './clients.ts';
import { countLetters, lookAtDeadLetters } from './dead-letters.ts';
import { explain, Fault, wrongUsage } from './fault.ts';
import { followMessages } from './follow.ts';
import { INTERRUPTED, untilInterrupted } from './interrupt.ts';
import {
  addLetterFilter,
  describeFilter,
  headline,
  type LetterFilter,
  NO_REASON,
  printable,
  Reasons,
  readLetter,
  sentAt,
  unseenLine,
} from './letter.ts';
import { type Edits, readEdits } from './letter-file.ts';
import { moveAll } from './move-task.ts';
import { type FileProblem, listProblems } from './order-file.ts';
import { createProgress, type Progress } from './progress.ts';
import { RedriveLog } from './redrive-log.ts';
import { type Plan, planRedrive, problemsOfEdits } from './redrive-plan.ts';
import { sendBack } from './send-back.ts';
import {
  addStackOptions,
  commandFor,
  connect,
  consumerOf,
  type StackHandles,
  type StackOptions,
} from './stack.ts';
import { count, format, hang, time } from './table.ts';
import { wholeNumber } from './whole-number.ts';

interface Options extends StackOptions, LetterFilter {
  readonly limit?: number;
  readonly rate?: number;
  readonly edit?: string;
  readonly canary?: boolean;
  readonly timeout: number;
  readonly dryRun?: boolean;
  readonly history?: boolean;
  readonly json?: boolean;
}

/** What all steps of one redrive share. */
interface Task {
  readonly clients: Clients;
  readonly stack: StackHandles;
  readonly consumer: ConsumerHandles;
  readonly options: Options;
  readonly edits?: Edits;
  /** Whether single letters are meant, and not all of them. */
  readonly isSelection: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What a redrive came to. */
interface Result {
  /** Letters that were meant. */
  wanted: number;
  sent: number;
  /** Letters that came back, or died anew. */
  readonly cameBack: Reasons;
  /** What else is to be said. */
  readonly notes: string[];
  /** Why it ended before its end. */
  stopped?: string;
  /** The command to type next, if it is not the usual one. */
  next?: string[];
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
const MAX_RATE = 500;
const MAX_LIMIT = 1_000_000;
const MAX_LISTED = 5;
const MAX_TIMEOUT_SECONDS = 86_400;

const EXAMPLES = `
Examples:
  npm run orders -- redrive billing --canary
  npm run orders -- redrive billing --rate 50 --stack OrderFanOut-prod
  npm run orders -- redrive billing --reason Throttling --dry-run
  npm run orders -- redrive billing --order 4711 --local
  npm run orders -- redrive shipping --edit corrected.jsonl --canary
  npm run orders -- redrive --history

Without a selection SQS itself moves all letters; with one they are sent one by
one, as they were before they died. A line of the file for --edit is a JSON
object with the messageId or orderId of a letter and the corrected order as its
body: a line that \`failed --export\` wrote, with its body put right. A corrected
order alone will do as well. All of them are checked before anything is sent.

Exits with 0 if all were sent back and none came back, with 1 if not, with 2 for
wrong usage and with 130 after Ctrl-C.`;

/** Adds the verb to the command line. */
export function addRedrive(program: Command): void {
  const command = program
    .command('redrive')
    .argument('[consumer]', 'whose dead letters')
    .summary('send dead letters back to their consumer')
    .description('Sends dead letters back to the queue of the consumer that gave them up, and to no other.');
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
    .option('--canary', 'send one, and the others only if it was processed')
    .option(
      '--timeout <seconds>',
      'how long to wait for the canary',
      wholeNumber(1, MAX_TIMEOUT_SECONDS),
      300,
    )
    .option('--dry-run', 'say what would be sent back, and send nothing')
    .addOption(
      new Option('--history', 'list the redrives on record').conflicts([
        'reason',
        'order',
        'since',
        'limit',
        'rate',
        'edit',
        'canary',
        'dryRun',
      ]),
    );
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string | undefined, options: Options) => {
      process.exitCode = options.history
        ? await history(consumer, options)
        : await redrive(consumer, options);
    });
}

/** @returns the exit code */
async function redrive(name: string | undefined, options: Options): Promise<number> {
  if (name === undefined) throw wrongUsage('Whose dead letters? Name a consumer, as in `redrive billing`');
  const { reason, order, since, limit, edit } = options;
  const signal = untilInterrupted();
  const edits = edit === undefined ? undefined : await readEdits(edit);
  if (edits && edits.problems.length > 0) return refuse(options, edits.problems);
  const { clients, stack } = await connect(options);
  const task: Task = {
    clients,
    stack,
    consumer: consumerOf(stack, name),
    options,
    ...(edits && { edits }),
    isSelection: [reason, order, since, limit, edit].some((each) => each !== undefined),
    progress: createProgress({ silent: options.json === true }),
    signal,
  };
  // SQS needs no look to move them all, and they may be more than can be looked at.
  const hasPlan = task.isSelection || options.canary || options.dryRun;
  const plan = hasPlan ? await makePlan(task) : undefined;
  const letters = plan ? plan.wanted.size : await countAll(task);
  if (signal.aborted) {
    console.error('Stopped: nothing was sent back.');
    return INTERRUPTED;
  }

  const problems = edits && plan ? await problemsOfEdits(edits, plan, clients, stack, task.consumer) : [];
  if (problems.length > 0) return refuse(options, problems);
  if (letters === 0 || options.dryRun) return announce(task, plan);
  if (options.canary && !plan?.canary) {
    throw new Fault(
      `None of ${count(letters, 'letter')} holds a valid order, so that none can succeed: correct them with --edit, or purge them`,
    );
  }
  return await recorded(task, plan, letters);
}

async function makePlan({ clients, consumer, options, edits, progress, signal }: Task): Promise<Plan> {
  const step = progress.step('Looking at dead letters');
  const wish = {
    filter: options,
    ...(options.limit !== undefined && { limit: options.limit }),
    ...(edits && { edits }),
  };
  const onProgress = (at: { seen: number; expected: number }) => step.bar(at.seen, at.expected);
  try {
    const plan = await planRedrive(clients, consumer, wish, { signal, onProgress });
    step.done(`Looked at ${count(plan.earlier.size, 'dead letter')}`);
    const unseen = signal.aborted ? undefined : unseenLine(consumer.name, plan.unseen);
    if (unseen) console.error(unseen);
    return plan;
  } catch (error) {
    step.fail('Could not look at the dead letters');
    throw error;
  }
}

/** As SQS counts; where it counts none, as a look tells, since its count lags behind. */
async function countAll({
  clients: { sqs },
  consumer: { deadLetterQueueUrl },
  signal,
}: Task): Promise<number> {
  const { visible } = await countLetters(sqs, deadLetterQueueUrl);
  return visible || (await lookAtDeadLetters(sqs, deadLetterQueueUrl, () => {}, { signal })).seen;
}

function refuse({ edit = '', json }: Options, problems: FileProblem[]): number {
  if (json) console.log(JSON.stringify({ sent: 0, problems }));
  listProblems(edit, problems);
  console.error('Nothing was sent back.');
  return 1;
}

/** Says what would be sent back, or that there is nothing. */
function announce({ stack, consumer, options }: Task, plan: Plan | undefined): number {
  const letters = plan?.wanted.size ?? 0;
  const invalid = plan?.invalid ?? 0;
  const which = describeFilter(options);
  if (options.json) {
    const { dryRun = false } = options;
    const reasons = plan?.reasons.list() ?? [];
    console.log(
      JSON.stringify({
        stack: stack.name,
        consumer: consumer.name,
        dryRun,
        letters,
        invalid,
        sent: 0,
        reasons,
      }),
    );
  } else {
    console.log(`${headline(consumer.name, letters)}${which && ` (${which})`}`);
    if (plan && letters > 0) console.log(plan.reasons.describe());
  }
  console.error('Nothing was sent back.');
  if (invalid > 0) {
    console.error(`${format(invalid)} of them would come back: no valid order. Correct them with --edit.`);
  }
  if (letters > 0) {
    console.error(
      `\nNext:\n  ${commandFor(options, 'redrive', consumer.name, ...selectionOf(options), '--canary')}`,
    );
  }
  return 0;
}

/** Sends back what the plan wants, or all there is without one, and has it on record. */
async function recorded(task: Task, plan: Plan | undefined, letters: number): Promise<number> {
  const { clients, stack, consumer, options, signal } = task;
  const log = new RedriveLog(clients, stack, options);
  const end = await log.begin({ consumer: consumer.name, what: inWords(options), letters });
  const result: Result = { wanted: letters, sent: 0, cameBack: new Reasons(), notes: [] };
  const start = performance.now();
  try {
    await sendAll(task, plan, result);
  } catch (error) {
    const outcome = `failed: ${explain(error) ?? 'unexpected error'}`;
    await end({ sent: result.sent, cameBack: result.cameBack.total, outcome });
    throw error;
  }
  if (signal.aborted) result.stopped ??= 'interrupted';
  if (result.cameBack.total > 0) result.stopped ??= 'letters came back';
  const outcome = result.stopped === undefined ? 'done' : `stopped: ${result.stopped}`;
  await end({ sent: result.sent, cameBack: result.cameBack.total, outcome });
  if (!options.local && stack.operationsLogGroup === undefined) {
    result.notes.push(`The stack has no log group for it, so it is on record in ${log.place}.`);
  }
  report(task, result, outcome, (performance.now() - start) / 1000);
  if (signal.aborted) return INTERRUPTED;
  return result.stopped === undefined && result.sent >= result.wanted ? 0 : 1;
}

async function sendAll(task: Task, plan: Plan | undefined, result: Result): Promise<void> {
  const { options, isSelection, signal } = task;
  const sentBodies = new Set<string>();
  let wanted = plan?.wanted ?? new Set<string>();
  if (plan && options.canary) {
    if (!(await sendCanary(task, plan, sentBodies, result))) return;
    wanted = new Set(Array.from(wanted).filter((id) => id !== plan.canary?.messageId));
    if (wanted.size === 0) return;
  }
  if (signal.aborted) return;
  if (plan && isSelection) await sendSelection(task, plan, wanted, sentBodies, result);
  else await move(task, result);
}

/** @returns whether the consumer processed it */
async function sendCanary(task: Task, plan: Plan, sentBodies: Set<string>, result: Result): Promise<boolean> {
  const { clients, stack, consumer, edits, options, progress, signal } = task;
  const { canary } = plan;
  if (!canary) return false;
  const orderId = edits?.for(canary)?.order.orderId ?? canary.orderId ?? '';
  // Whether it came back is for the wait to tell.
  const sent: Result = { ...result, cameBack: new Reasons() };
  const silently = { ...task, progress: createProgress({ silent: true }) };
  await sendSelection(silently, plan, new Set([canary.messageId]), sentBodies, sent);
  Object.assign(result, { ...sent, cameBack: result.cameBack });
  if (result.sent === 0 || signal.aborted) return false;
  const step = progress.step(`Waiting for the end of order ${orderId}`);
  const outcomes = await followMessages({
    clients,
    stack: { ...stack, consumers: [consumer] },
    messages: [{ body: edits?.for(canary)?.body ?? canary.body, attributes: {}, orderId }],
    takes: () => true,
    earlierLetters: plan.earlier,
    timeoutMs: options.timeout * 1000,
    signal,
  }).catch((error) => {
    step.fail(`Could not follow order ${orderId}`);
    throw error;
  });
  const { processed = 0, refused = [] } = outcomes.get(consumer.name) ?? {};
  if (processed > 0) {
    step.done(`The canary, order ${orderId}, was processed`);
    return true;
  }
  for (const { reason = NO_REASON } of refused) result.cameBack.count(reason, new Date());
  if (refused.length > 0) {
    step.fail(`The canary, order ${orderId}, came back`);
    result.stopped = 'the canary came back';
  } else if (!signal.aborted) {
    step.fail(`The canary, order ${orderId}, has not ended within ${options.timeout} s`);
    result.stopped = `the canary has not ended within ${options.timeout} s`;
    if (orderId) result.next = ['trace', orderId];
  } else step.fail(`Stopped waiting for order ${orderId}`);
  return false;
}

async function sendSelection(
  { clients, consumer, edits, options, progress, signal }: Task,
  { earlier }: Plan,
  wanted: ReadonlySet<string>,
  sentBodies: Set<string>,
  result: Result,
): Promise<void> {
  const step = progress.step('Sending back');
  const sentBack = await sendBack(wanted, {
    sqs: clients.sqs,
    from: consumer.deadLetterQueueUrl,
    to: consumer.queueUrl,
    earlier,
    sentBodies,
    edit: (letter) => edits?.for(letter),
    ...(options.rate !== undefined && { rate: options.rate }),
    signal,
    onProgress: (done) => step.bar(done, wanted.size),
  }).catch((error) => {
    step.fail('The letters could not be sent back');
    throw error;
  });
  const { sent, cameBack, refused, notDeleted, young, stopped } = sentBack;
  step.done(`Sent ${format(sent)} back`);
  result.sent += sent;
  for (const letter of cameBack) result.cameBack.add(letter);
  for (const { letter, reason } of refused.slice(0, MAX_LISTED)) {
    result.notes.push(`SQS does not take ${letter.orderId ?? letter.messageId}: ${reason}`);
  }
  if (refused.length > MAX_LISTED) result.notes.push(`… nor ${format(refused.length - MAX_LISTED)} more`);
  if (notDeleted > 0) {
    result.notes.push(`${count(notDeleted, 'letter')} sent, but still in the dead-letter queue as well.`);
  }
  if (young > 0) {
    result.notes.push(
      `${count(young, 'letter')} under 6 minutes old: SQS would drop them as duplicates. Wait.`,
    );
  }
  if (stopped !== undefined) result.stopped = stopped;
  const gone = wanted.size - sent - refused.length - young;
  if (gone > 0 && stopped === undefined && cameBack.length === 0 && !signal.aborted) {
    result.wanted -= gone;
    result.notes.push(`${count(gone, 'letter')} had gone meanwhile.`);
  }
}

async function move(
  { clients: { sqs }, consumer, options, progress, signal }: Task,
  result: Result,
): Promise<void> {
  const step = progress.step('Moving');
  const earlier = result.sent;
  signal.addEventListener('abort', () => step.update('Cancelling'), { once: true });
  const moved = await moveAll({
    sqs,
    from: consumer.deadLetterQueueUrl,
    to: consumer.queueUrl,
    ...(options.rate !== undefined && { rate: options.rate }),
    signal,
    onProgress(now) {
      result.sent = earlier + now.moved;
      step.bar(now.moved, now.toMove);
    },
  }).catch((error) => {
    step.fail('The move failed');
    throw error;
  });
  result.sent = earlier + moved.moved;
  result.wanted = Math.max(earlier + moved.toMove, result.sent);
  if (moved.stopped !== undefined) result.stopped = moved.stopped;
  if (!signal.aborted) {
    const visit = (letter: Parameters<Parameters<typeof lookAtDeadLetters>[2]>[0]) => {
      if (sentAt(letter) >= moved.startedAt) result.cameBack.add(readLetter(letter));
    };
    await lookAtDeadLetters(sqs, consumer.deadLetterQueueUrl, visit, { signal });
  }
  if (moved.cameBack && result.cameBack.total === 0) result.stopped = 'letters came back';
  step.done(`Moved ${format(moved.moved)}${signal.aborted ? ', then cancelled' : ''}`);
}

function report({ stack, consumer, options }: Task, result: Result, outcome: string, seconds: number): void {
  const { wanted, sent, cameBack, notes } = result;
  if (options.json) {
    const { name } = consumer;
    const reasons = cameBack.list();
    console.log(
      JSON.stringify({
        stack: stack.name,
        consumer: name,
        letters: wanted,
        sent,
        cameBack: reasons,
        outcome,
        notes,
        seconds,
      }),
    );
  } else {
    console.log(
      `Sent ${format(sent)} of ${count(wanted, 'dead letter')} back to ${consumer.name} in ${seconds.toFixed(1)} s`,
    );
    if (cameBack.total > 0)
      console.log(`${format(cameBack.total)} came back, or died since:\n${cameBack.describe()}`);
  }
  for (const note of notes) console.error(note);
  if (outcome !== 'done') console.error(`${outcome.charAt(0).toUpperCase()}${outcome.slice(1)}.`);
  const next = result.next ?? (outcome === 'done' ? ['status'] : ['failed', consumer.name]);
  console.error(`\nNext:\n  ${commandFor(options, ...next)}`);
}

/** The selection as it is typed. */
function selectionOf({ reason, order, since, limit, edit }: Options): string[] {
  const option = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [name, /^[\w./:-]+$/.test(`${value}`) ? `${value}` : `'${value}'`];
  return [
    ...option('--reason', reason?.replaceAll("'", "'\\''")),
    ...option('--order', order),
    ...option('--since', since?.toISOString()),
    ...option('--limit', limit),
    ...option('--edit', edit),
  ];
}

/** What is sent back, for the record. */
function inWords(options: Options): string {
  const { limit, edit, canary } = options;
  const parts = [
    ...(describeFilter(options) ? [describeFilter(options)] : []),
    ...(edit === undefined ? [] : [`corrected by ${edit}`]),
    ...(limit === undefined ? [] : [`at most ${limit}`]),
  ];
  return [...(parts.length > 0 ? parts : ['all']), ...(canary ? ['a canary first'] : [])].join(', ');
}

/** @returns the exit code */
async function history(name: string | undefined, options: Options): Promise<number> {
  const { clients, stack } = await connect(options);
  const consumer = name === undefined ? undefined : consumerOf(stack, name).name;
  const log = new RedriveLog(clients, stack, options);
  const redrives = (await log.read()).filter((each) => consumer === undefined || each.consumer === consumer);
  if (options.json) {
    console.log(JSON.stringify({ stack: stack.name, redrives }));
    return 0;
  }
  if (redrives.length === 0) console.log(`No redrive is on record in ${log.place}`);
  for (const { at, consumer: whose, what, letters, sent, cameBack = 0, outcome, who } of redrives) {
    const come =
      sent === undefined
        ? `${count(letters, 'letter')}; it has not said how it ended`
        : `${format(sent)} of ${count(letters, 'letter')} sent, ${format(cameBack)} came back; ${outcome}`;
    console.log(
      `${hang(time(new Date(at)), `${whose}: ${printable(what)}`, 22)}\n${hang('', come, 2)}\n  by ${who}`,
    );
  }
  return 0;
}
