/** `redrive`: sends dead letters back to their consumer, and to no other; unrouted messages to the topic. */
import { type Command, Option } from 'commander';
import { ARCHIVE } from '../../../contract/archive.ts';
import { UNROUTED } from '../../../contract/stack-outputs.ts';
import type { Clients } from '../../aws/clients.ts';
import { explain } from '../../aws/errors.ts';
import { queueDepth } from '../../aws/queue-depth.ts';
import { connect, consumerOf, type StackHandles } from '../../aws/stack.ts';
import { letterQueueOf } from '../../dead-letters/letter-queue.ts';
import { lookAtDeadLetters } from '../../dead-letters/look.ts';
import { historyObject, historyText } from '../../operations/history.ts';
import { OperationsLog } from '../../operations/record.ts';
import { addLetterFilter } from '../../options/letter-filter.ts';
import { addStackOptions } from '../../options/stack-options.ts';
import { wholeNumber } from '../../options/values.ts';
import { type FileProblem, listProblems } from '../../publishing/event-file.ts';
import { type Edit, readEdits } from '../../redrive/edits.ts';
import { type Plan, problemsOfEdits } from '../../redrive/plan.ts';
import { type Redrive, type RedriveResult, redrive as sendAll } from '../../redrive/redrive.ts';
import {
  announce,
  describeSelection,
  planWithProgress,
  type RedriveContext,
  type RedriveOptions,
  report,
} from '../../redrive/report.ts';
import { backToConsumer, onFromUnrouted, type Route } from '../../redrive/route.ts';
import { SentEdits } from '../../redrive/sent-edits.ts';
import { CommandError, usageError } from '../../terminal/command-error.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { progressOf } from '../../terminal/progress.ts';
import { count, format } from '../../terminal/text.ts';
import { CONSUMER, examples, ID_FIELD, NOUN, NOUNS, PRODUCTION } from '../../terminal/words.ts';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
const MAX_RATE = 500;
const MAX_LIMIT = 1_000_000;

const EXAMPLES = `
${examples(
  `redrive ${CONSUMER} --canary`,
  `redrive ${CONSUMER} --rate 50 --stack ${PRODUCTION}`,
  `redrive ${CONSUMER} --reason Throttling --dry-run`,
  `redrive ${CONSUMER} --${NOUN} 4711 --local`,
  `redrive ${CONSUMER} --edit corrected.jsonl --canary`,
  'redrive unrouted --canary',
  `redrive unrouted --reason ${NOUN}.deleted --to ${CONSUMER}`,
  'redrive --history',
)}

Without a selection SQS moves all letters itself; with one they are sent one by
one, with their original attributes. A line of the --edit file is a JSON object
with the messageId or ${ID_FIELD} of a letter and the corrected ${NOUN} as its body:
a line of \`failed --export\` with its body corrected, or just a corrected ${NOUN}.
All lines are checked before anything is sent.

Unrouted messages go to the topic, or with --to to one consumer. A message with
a valid ${NOUN} gets the attributes of that ${NOUN}; messages that still match no
consumer stay.

The archive takes letters unchanged: it accepts neither --canary nor --edit.

Exits with 0 if all were sent and none came back, with 1 if not, with 2 for
wrong usage and with 130 after Ctrl-C.`;

export function define(command: Command, io: Io): void {
  command
    .argument('[consumer]', 'whose dead letters, or `unrouted`')
    .description(
      'Sends dead letters back to the queue of their consumer, and to no other; unrouted messages to the topic.',
    );
  addLetterFilter(command)
    .option('--limit <n>', 'maximum number of letters', wholeNumber(1, MAX_LIMIT))
    .option('--rate <n>', 'letters per second, at most', wholeNumber(1, MAX_RATE))
    .addOption(
      new Option('--edit <file>', `send corrected ${NOUNS} instead of the letters that they name`).conflicts([
        'reason',
        'id',
        'since',
        'limit',
      ]),
    )
    .option('--to <consumer>', 'send unrouted messages to this consumer only')
    .option('--canary', 'send one first, and the rest only if it is processed')
    .option('--timeout <seconds>', 'how long to wait for the canary', wholeNumber(1, 86_400), 300)
    .option('--dry-run', 'show what would be sent, and send nothing')
    .addOption(
      new Option('--history', 'list recorded redrives, replays, stops and starts').conflicts([
        'reason',
        'id',
        'since',
        'limit',
        'rate',
        'edit',
        'to',
        'canary',
        'dryRun',
      ]),
    );
  addStackOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string | undefined, options: RedriveOptions) => {
      io.exitCode = await (options.history ? history : redrive)(consumer, options, io);
    });
}

/** @returns the exit code */
async function redrive(name: string | undefined, options: RedriveOptions, io: Io): Promise<number> {
  if (name === undefined)
    throw usageError(`Whose dead letters? Name a consumer, as in \`redrive ${CONSUMER}\``);
  const { reason, id, since, limit, edit, canary } = options;
  if (name === ARCHIVE && (canary || edit !== undefined)) {
    const option = canary ? '--canary' : '--edit';
    throw usageError(`${option} is for consumers with records: the archive takes any message, as it is`);
  }
  const signal = io.untilInterrupted();
  const edits = edit === undefined ? undefined : await readEdits(edit, io.stdin);
  if (edits && edits.problems.length > 0) return reportProblems(options, edits.problems, io);
  const { clients, stack } = await connect(options, io);
  const route = await routeOf(clients, stack, name, options);
  // Corrections from a pipe cannot be continued.
  const sentEdits = edit === undefined || edit === '-' ? undefined : new SentEdits(edit, route.to.address);
  const context: RedriveContext = {
    clients,
    stack,
    route,
    options,
    io,
    edits,
    sentEdits,
    isSelection: [reason, id, since, limit, edit].some((each) => each !== undefined),
    progress: progressOf(io, { silent: options.json === true }),
    signal,
  };
  // SQS moves all of them without a look, and there may be too many to look at.
  const { correct, refusal, consumers } = route;
  const hasPlan = context.isSelection || canary || options.dryRun || route.moveTo === undefined;
  const plan = hasPlan
    ? await planWithProgress(context, route.from, {
        filter: options,
        limit,
        edits,
        correct,
        refusal,
        consumers,
      })
    : undefined;
  const letters = plan ? plan.wanted.size : await countAll(context);
  if (signal.aborted) {
    io.say('Stopped: nothing was sent back.');
    return INTERRUPTED;
  }

  const wasSent = (each: Edit) => sentEdits?.has(each) === true;
  const before = edits?.edits.filter((each) => !plan?.used.has(each) && wasSent(each)).length ?? 0;
  const problems = edits && plan ? await problemsOfEdits(edits, plan, clients, stack, route, wasSent) : [];
  if (problems.length > 0) return reportProblems(options, problems, io);
  if (before > 0) {
    const all = count(edits?.edits.length ?? 0, 'correction');
    io.say(`${format(before)} of ${all} were sent before (${sentEdits?.path})`);
  }
  if (letters === 0 || options.dryRun) return announce(context, plan);
  if (canary && !plan?.canary) {
    const why =
      plan && plan.invalid < letters
        ? `would leave a record, so nothing would show whether it is processed: redrive without --canary`
        : `holds a valid ${NOUN}, so none can succeed: correct them with --edit, or purge them`;
    throw new CommandError(`None of ${count(letters, 'letter')} ${why}`);
  }
  return await recorded(context, plan, letters);
}

/** @throws CommandError for unknown names and, wrong usage, for --to with a consumer's dead letters */
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

/** The count of SQS; if that is 0, which may lag behind, of a look. */
async function countAll({
  clients: { sqs },
  route: {
    from: { url },
  },
  signal,
}: RedriveContext): Promise<number> {
  const { waiting } = await queueDepth(sqs, url);
  return waiting || (await lookAtDeadLetters(sqs, url, () => {}, { signal })).seen;
}

function reportProblems({ edit = '', json }: RedriveOptions, problems: FileProblem[], io: Io): number {
  if (json) io.printJson({ sent: 0, problems });
  listProblems(edit, problems, io);
  io.say('Nothing was sent back.');
  return 1;
}

/** Sends what the plan wants, or everything without a plan, and records it. */
async function recorded(context: RedriveContext, plan: Plan | undefined, letters: number): Promise<number> {
  const { clients, stack, route, options, io, signal } = context;
  const log = new OperationsLog(clients, stack, options, io);
  const end = await log.begin(route.from.name, {
    operation: 'redrive',
    what: describeSelection(options),
    letters,
  });
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
