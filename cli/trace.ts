// `orders trace`: where one order is, consumer by consumer.
import { setTimeout } from 'node:timers/promises';
import { styleText } from 'node:util';
import { type Command, InvalidArgumentError } from 'commander';
import { ORDER_CONFLICT } from '../contract/dead-letter.ts';
import { isOrderId } from '../contract/order.ts';
import { INTERRUPTED, untilInterrupted } from './interrupt.ts';
import { type Letter, printable } from './letter.ts';
import { OrderTrace, type Station, type StationState } from './order-trace.ts';
import { createProgress } from './progress.ts';
import { addStackOptions, commandFor, connect, type StackHandles, type StackOptions } from './stack.ts';
import { count, hang, time } from './table.ts';
import { wholeNumber } from './whole-number.ts';

interface Options extends StackOptions {
  readonly follow?: boolean;
  readonly timeout: number;
  readonly json?: boolean;
}

interface Traced {
  readonly orderId: string;
  readonly stations: readonly Station[];
  /** Whether anybody has ever seen the order. */
  readonly isKnown: boolean;
}

const WORDS: Record<StationState, string> = {
  done: 'done',
  conflict: 'conflict',
  'dead-lettered': 'dead-lettered',
  'filtered-out': 'filtered out',
  'perhaps-filtered-out': 'not recorded',
  open: 'not recorded',
  missing: 'missing',
};
const ENDED: readonly StationState[] = ['done', 'dead-lettered', 'filtered-out', 'conflict'];
const WELL: readonly StationState[] = ['done', 'filtered-out'];
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

const EXAMPLES = `
Examples:
  npm run orders -- trace 4711 --local
  npm run orders -- trace 4711 --follow --timeout 60
  npm run orders --silent -- trace 4711 --stack OrderFanOut-prod --json

Dead letters are hidden from others while they are looked at, and back afterwards. SQS cannot be asked whether a
queue holds an order: where there is no record, the number of all its messages is shown.

Exits with 0 if the order is done at each consumer that it is for, with 1 if not, with 2 for wrong usage and with 130
after Ctrl-C.`;

/** Adds the verb to the command line. */
export function addTrace(program: Command): void {
  const command = program
    .command('trace')
    .argument('<orderId>', 'the order', orderId)
    .summary('where an order is, and what became of it')
    .description(
      'Shows what each consumer knows of an order: its record, its dead letter, or why it has neither.',
    )
    .option('--follow', 'wait until the order has ended at each consumer')
    .option('--timeout <seconds>', 'how long to --follow', wholeNumber(1, 86_400), 300);
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, options: Options) => {
      process.exitCode = await trace(id, options);
    });
}

/** @returns the exit code */
async function trace(id: string, options: Options): Promise<number> {
  const signal = untilInterrupted();
  const { clients, stack } = await connect(options);
  const order = new OrderTrace(clients, stack, id);
  const stations = options.follow ? await follow(order, options, signal) : await look(order, signal);
  if (!stations) {
    console.error('Stopped in the middle of the first look. Dead letters are back in their queues.');
    return INTERRUPTED;
  }
  const traced = { orderId: id, stations, isKnown: order.isKnown() };
  if (options.json) console.log(JSON.stringify(tracedObject(traced, stack, options)));
  else console.log(tracedText(traced, stack, options));
  if (signal.aborted) return INTERRUPTED;
  return isDone(traced) ? 0 : 1;
}

/** Undefined for a look that was cut short. */
async function look(order: OrderTrace, signal: AbortSignal): Promise<readonly Station[] | undefined> {
  const stations = await order.look(signal);
  return signal.aborted ? undefined : stations;
}

/** The last look that was not cut short. */
async function follow(
  order: OrderTrace,
  { timeout }: Options,
  signal: AbortSignal,
): Promise<readonly Station[] | undefined> {
  const step = createProgress().step('Following');
  const deadline = performance.now() + timeout * 1000;
  let stations: readonly Station[] | undefined;
  try {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
      const latest = await look(order, signal);
      if (!latest) {
        step.fail('Stopped following');
        return stations;
      }
      stations = latest;
      const ended = stations.filter(({ state }) => ENDED.includes(state)).length;
      step.bar(ended, stations.length);
      // What only another record could tell will not be told any more.
      const isOver = stations.every(({ state }) => ENDED.includes(state) || state === 'perhaps-filtered-out');
      if (isOver) {
        step.done('Followed to its end');
        return stations;
      }
      const left = deadline - performance.now();
      if (left <= 0) {
        step.fail(`Not ended within ${timeout} s`);
        return stations;
      }
      await setTimeout(Math.min(pause, left), undefined, { signal }).catch(() => {});
    }
  } catch (error) {
    step.fail('Could not follow the order');
    throw error;
  }
}

const isDone = ({ stations, isKnown }: Traced) =>
  isKnown && stations.every(({ state }) => WELL.includes(state));

function tracedText(traced: Traced, stack: StackHandles, options: StackOptions): string {
  const { orderId: id, stations, isKnown } = traced;
  const placedAt = placedAtOf(stations);
  const names = longest(stations.map(({ name }) => name)) + 2;
  const states = longest(Object.values(WORDS)) + 2;
  const lines = stations.flatMap((station) =>
    describe(station).map((text, at) => {
      const word = isKnown || station.state !== 'missing' ? WORDS[station.state] : 'never seen';
      const head = station.name.padEnd(names) + coloured(station.state, word);
      return hang(at === 0 ? head : '', text, names + states);
    }),
  );
  const next = nextStep(traced, options);
  return [
    `${id}${placedAt ? `, placed ${time(placedAt)}` : ''}`,
    ...lines,
    ...(isKnown ? [] : ['', `No consumer of ${stack.name} has a record or a dead letter of it.`]),
    ...(next === undefined ? [] : ['', next]),
  ].join('\n');
}

/** Some sentences on a consumer. */
function describe({ state, record, letters, waiting, inFlight, filter }: Station): string[] {
  const recorded =
    record &&
    [`in ${record.table}`, record.at && `since ${time(record.at)}`, record.status && `as ${record.status}`]
      .filter(Boolean)
      .join(' ');
  switch (state) {
    case 'done':
      return [recorded ?? ''];
    case 'conflict':
      return [`${recorded}, but not the same order as at another consumer`];
    case 'dead-lettered':
      return [...letters.flatMap(describeLetter), ...(recorded ? [`and also recorded ${recorded}`] : [])];
    case 'filtered-out':
      return [filter ?? ''];
    case 'perhaps-filtered-out':
      return [filter ?? ''];
    case 'missing':
      return ['not recorded, and its queue is empty'];
    case 'open': {
      const queue = `${count(waiting, 'message')} waiting in its queue, ${inFlight} in flight`;
      return [`${queue}: the order may be among them`, ...(filter ? [filter] : [])];
    }
  }
}

function describeLetter({ reason, at, context }: Letter): string[] {
  const why = reason ? `${reason.error}: ${printable(reason.message)}` : 'no reason: see its log';
  const { attempts, requestId } = context;
  const details = [
    Number.isNaN(at.getTime()) ? 'at an unknown time' : time(at),
    Number.isInteger(attempts) && `after ${attempts} ${attempts === 1 ? 'try' : 'tries'}`,
    typeof requestId === 'string' && `request ${printable(requestId)}`,
  ];
  return [why, details.filter(Boolean).join(', ')];
}

/** What to type next, with a word on when. */
function nextStep({ orderId: id, stations, isKnown }: Traced, options: StackOptions): string | undefined {
  const first = (...states: StationState[]) => stations.find(({ state }) => states.includes(state));
  const dead = first('dead-lettered');
  if (dead) {
    const reason = dead.letters[0]?.reason;
    if (!reason) return `Next: ${commandFor(options, 'tail', dead.name, '--since', '3h', '--level', 'WARN')}`;
    // What conflicts will do so again.
    if (reason.error === ORDER_CONFLICT || dead.record) {
      return `Next: ${commandFor(options, 'failed', dead.name, '--order', id, '--show')}`;
    }
    return `Next, once the cause is gone:\n  ${commandFor(options, 'redrive', dead.name, '--order', id)}`;
  }
  if (first('open')) return `Next: ${commandFor(options, 'trace', id, '--follow')}`;
  if (!isKnown) return `Next: ${commandFor(options, 'status')}`;
  const lost = first('missing', 'conflict');
  return lost && `Next: ${commandFor(options, 'tail', lost.name, '--order', id, '--since', '3d')}`;
}

function tracedObject(traced: Traced, stack: StackHandles, options: StackOptions): object {
  const { orderId: id, stations, isKnown } = traced;
  return {
    stack: stack.name,
    region: stack.region,
    orderId: id,
    placedAt: placedAtOf(stations) ?? null,
    known: isKnown,
    ok: isDone(traced),
    consumers: stations.map(({ letters, record, ...rest }) => ({
      ...rest,
      ...(record && { record }),
      letters: letters.map(({ messageId, reason = null, at, context }) => ({
        messageId,
        reason,
        at: Number.isNaN(at.getTime()) ? null : at,
        attempts: context.attempts ?? null,
        requestId: context.requestId ?? null,
      })),
    })),
    next: nextStep(traced, options) ?? null,
  };
}

function placedAtOf(stations: readonly Station[]): Date | undefined {
  return stations.map(({ record }) => record?.placedAt).find((each) => each !== undefined);
}

function coloured(state: StationState, word: string): string {
  if (WELL.includes(state)) return styleText('green', word);
  return styleText(state === 'open' || state === 'perhaps-filtered-out' ? 'yellow' : 'red', word);
}

const longest = (texts: readonly string[]) => Math.max(...texts.map((each) => each.length));

function orderId(text: string): string {
  if (isOrderId(text)) return text;
  throw new InvalidArgumentError('It must be an orderId: 1 to 64 letters, digits, "-" or "_".');
}
