/** `trace`: where an event is, consumer by consumer. */

import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { domain } from '#domain';
import type { RecordView } from '../../../contract/domain.ts';
import { UNROUTED } from '../../../contract/stack-outputs.ts';
import { connect, type StackHandles } from '../../aws/stack.ts';
import type { Letter } from '../../dead-letters/letter.ts';
import { reasonOf } from '../../dead-letters/reasons.ts';
import { addStackOptions, commandFor, type StackOptions } from '../../options/stack-options.ts';
import { eventId, wholeNumber } from '../../options/values.ts';
import { NO_RECORDS } from '../../outcomes/records.ts';
import { type ConsumerState, type ConsumerView, EventTrace } from '../../outcomes/trace.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { progressOf } from '../../terminal/progress.ts';
import { count, hang, printable, time } from '../../terminal/text.ts';
import { A_NOUN, examples, ID_FIELD, NOUN, named, PRODUCTION } from '../../terminal/words.ts';

interface TraceOptions extends StackOptions {
  readonly follow?: boolean;
  readonly timeout: number;
}

const EXAMPLES = `
${examples(
  'trace 4711 --local',
  'trace 4711 --follow --timeout 60',
  `trace 4711 --stack ${PRODUCTION} --json | jq .consumers`,
)}

Dead letters are invisible to other readers while they are read, and visible again afterwards. SQS cannot tell whether
a queue holds ${A_NOUN}: if there is no record, the number of messages in the queue is shown.

Exits with 0 if every consumer that the ${NOUN} is for has processed it, with 1 if not, with 2 for wrong usage and with
130 after Ctrl-C.`;

export function define(command: Command, io: Io): void {
  command
    .argument(`<${ID_FIELD}>`, `the ${NOUN}`, eventId)
    .description(
      `Shows what each consumer has of one ${NOUN}: its record, its dead letter, or why it has neither.`,
    )
    .option('--follow', 'wait until every consumer has processed or refused it')
    .option('--timeout <seconds>', 'how long to --follow', wholeNumber(1, 86_400), 300);
  addStackOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, options: TraceOptions) => {
      io.exitCode = await trace(id, options, io);
    });
}

interface Traced {
  readonly id: string;
  readonly views: readonly ConsumerView[];
  /** Its messages that no consumer's subscription asks for. */
  readonly unrouted: readonly Letter[];
  /** Whether any consumer has seen it. */
  readonly isKnown: boolean;
}

const WORDS: Record<ConsumerState, string> = {
  done: 'done',
  conflict: 'conflict',
  'dead-lettered': 'dead-lettered',
  'filtered-out': 'filtered out',
  'perhaps-filtered-out': 'not recorded',
  'no-records': 'no records',
  'leaves-none': 'no record',
  open: 'not recorded',
  missing: 'missing',
};
const WELL: readonly ConsumerState[] = ['done', 'filtered-out', 'no-records', 'leaves-none'];
const ENDED: readonly ConsumerState[] = [...WELL, 'dead-lettered', 'conflict'];
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

/** @returns the exit code */
async function trace(id: string, options: TraceOptions, io: Io): Promise<number> {
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const event = new EventTrace(clients, stack, id);
  const views = options.follow ? await follow(event, options, signal, io) : await look(event, signal);
  if (!views) {
    io.say('Stopped during the first look. All dead letters are back in their queues.');
    return INTERRUPTED;
  }
  const traced = { id, views, unrouted: event.unrouted, isKnown: event.isKnown() };
  if (options.json) io.printJson(tracedObject(traced, stack, options));
  else io.print(tracedText(traced, stack, options, io));
  if (signal.aborted) return INTERRUPTED;
  return isDone(traced) ? 0 : 1;
}

/** Undefined after Ctrl-C. */
async function look(event: EventTrace, signal: AbortSignal): Promise<readonly ConsumerView[] | undefined> {
  const views = await event.look(signal);
  return signal.aborted ? undefined : views;
}

/** The last complete look. */
async function follow(
  event: EventTrace,
  { timeout }: TraceOptions,
  signal: AbortSignal,
  io: Io,
): Promise<readonly ConsumerView[] | undefined> {
  const step = progressOf(io).step('Following');
  const deadline = performance.now() + timeout * 1000;
  let views: readonly ConsumerView[] | undefined;
  try {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
      const latest = await look(event, signal);
      if (!latest) {
        step.fail('Stopped following');
        return views;
      }
      views = latest;
      const ended = views.filter(({ state }) => ENDED.includes(state)).length;
      step.bar(ended, views.length);
      // Once all others have ended, no record can tell any more whether it was filtered out.
      const isOver = views.every(({ state }) => ENDED.includes(state) || state === 'perhaps-filtered-out');
      if (isOver) {
        step.done('Followed to its end');
        return views;
      }
      const left = deadline - performance.now();
      if (left <= 0) {
        step.fail(`Not ended within ${timeout} s`);
        return views;
      }
      await setTimeout(Math.min(pause, left), undefined, { signal }).catch(() => {});
    }
  } catch (error) {
    step.fail(`Could not follow the ${NOUN}`);
    throw error;
  }
}

const isDone = ({ views, unrouted, isKnown }: Traced) =>
  isKnown && unrouted.length === 0 && views.every(({ state }) => WELL.includes(state));

function tracedText(traced: Traced, stack: StackHandles, options: StackOptions, io: Io): string {
  const { id, views, unrouted, isKnown } = traced;
  const names = longest([...views.map(({ name }) => name), ...(unrouted.length > 0 ? [UNROUTED] : [])]) + 2;
  const states = longest(Object.values(WORDS)) + 2;
  const lines = views.flatMap((view) =>
    describe(view).map((text, at) => {
      const word = isKnown || view.state !== 'missing' ? WORDS[view.state] : 'never seen';
      const head = view.name.padEnd(names) + coloured(view.state, word, io);
      return hang(at === 0 ? head : '', text, names + states);
    }),
  );
  const next = nextStep(traced, options);
  return [
    [id, ...eventsOf(views).map(inWords)].join(', '),
    ...lines,
    ...unrouted.map((letter) =>
      hang(UNROUTED.padEnd(names), `${reasonOf(letter)}, which no consumer takes, ${time(letter.at)}`, names),
    ),
    ...(isKnown ? [] : ['', `No consumer of ${stack.name} has a record or a dead letter of it.`]),
    ...(next === undefined ? [] : ['', next]),
  ].join('\n');
}

/** Sentences about one consumer. */
function describe({ state, record, letters, waiting, inFlight, filter }: ConsumerView): string[] {
  const recorded =
    record &&
    [
      `in ${printable(record.table)}`,
      record.at && `since ${time(record.at)}`,
      record.status && `as ${printable(record.status)}`,
      record.digest === undefined && `before the ${NOUN} arrived`,
    ]
      .filter(Boolean)
      .join(' ');
  switch (state) {
    case 'done':
      return [recorded ?? ''];
    case 'conflict':
      return [`${recorded}, but not the same ${NOUN} as at another consumer`];
    case 'dead-lettered':
      return [...letters.flatMap(describeLetter), ...(recorded ? [`and also recorded ${recorded}`] : [])];
    case 'filtered-out':
      return [filter ?? ''];
    case 'perhaps-filtered-out':
      return [filter ?? ''];
    case 'no-records':
      return [`${NO_RECORDS}, and has no dead letter of this one`];
    case 'leaves-none':
      return [`it keeps no record of such ${A_NOUN}, and its queue is empty`];
    case 'missing':
      return ['not recorded, and its queue is empty'];
    case 'open': {
      const queue = `${count(waiting, 'message')} waiting in its queue, ${inFlight} in flight`;
      return [`${queue}: the ${NOUN} may be among them`, ...(filter ? [filter] : [])];
    }
  }
}

function describeLetter({ reason, at, context }: Letter): string[] {
  const why = reason ? printable(`${reason.error}: ${reason.message}`) : 'no reason: see its log';
  const { attempts, requestId } = context;
  const details = [
    Number.isNaN(at.getTime()) ? 'at an unknown time' : time(at),
    Number.isInteger(attempts) && `after ${attempts} ${attempts === 1 ? 'try' : 'tries'}`,
    typeof requestId === 'string' && `request ${printable(requestId)}`,
  ];
  return [why, details.filter(Boolean).join(', ')];
}

/** The next command, and when to type it. */
function nextStep({ id, views, unrouted, isKnown }: Traced, options: StackOptions): string | undefined {
  const first = (...states: ConsumerState[]) => views.find(({ state }) => states.includes(state));
  const dead = first('dead-lettered');
  if (dead) {
    const reason = dead.letters[0]?.reason;
    if (!reason) return `Next: ${commandFor(options, 'tail', dead.name, '--since', '3h', '--level', 'WARN')}`;
    // A conflict would only happen again.
    if (reason.error === domain.events.settings.conflictError || dead.record) {
      return `Next: ${commandFor(options, 'failed', dead.name, `--${NOUN}`, id, '--show')}`;
    }
    return `Next, once the cause is gone:\n  ${commandFor(options, 'redrive', dead.name, `--${NOUN}`, id)}`;
  }
  if (unrouted.length > 0) {
    return `Next, once it is right:\n  ${commandFor(options, 'redrive', UNROUTED, `--${NOUN}`, id)}`;
  }
  if (first('open')) return `Next: ${commandFor(options, 'trace', id, '--follow')}`;
  if (!isKnown) return `Next: ${commandFor(options, 'status')}`;
  const lost = first('missing', 'conflict');
  return lost && `Next: ${commandFor(options, 'tail', lost.name, `--${NOUN}`, id, '--since', '3d')}`;
}

function tracedObject(traced: Traced, stack: StackHandles, options: StackOptions): object {
  const { id, views, unrouted, isKnown } = traced;
  return {
    stack: stack.name,
    region: stack.region,
    ...named(id),
    events: eventsOf(views),
    known: isKnown,
    ok: isDone(traced),
    consumers: views.map(({ letters, record, ...rest }) => ({
      ...rest,
      // What it says may be confidential: `archive get` shows it.
      record: record && { ...record, event: undefined },
      letters: letters.map(letterObject),
    })),
    unrouted: unrouted.map(letterObject),
    next: nextStep(traced, options) ?? null,
  };
}

function letterObject({ messageId, reason, at, context }: Letter): object {
  return {
    messageId,
    reason: reason ?? null,
    at: Number.isNaN(at.getTime()) ? null : at,
    attempts: context.attempts ?? null,
    requestId: context.requestId ?? null,
  };
}

/** From the records, the earliest first. */
function eventsOf(views: readonly ConsumerView[]): RecordView['events'][number][] {
  const events = views.flatMap(({ record }) => record?.events ?? []);
  const first = new Map(events.toReversed().map((each) => [each.event, each]));
  return [...first.values()].sort((one, other) => one.at.getTime() - other.at.getTime());
}

function inWords({ event, at, reason }: RecordView['events'][number]): string {
  return `${event} ${time(at)}${reason === undefined ? '' : ` (${printable(reason)})`}`;
}

function coloured(state: ConsumerState, word: string, io: Io): string {
  if (WELL.includes(state)) return io.colour('green', word);
  return io.colour(state === 'open' || state === 'perhaps-filtered-out' ? 'yellow' : 'red', word);
}

const longest = (texts: readonly string[]) => Math.max(...texts.map((each) => each.length));
