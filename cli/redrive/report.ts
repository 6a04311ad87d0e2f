/** What `redrive` says of what it would send back, and of what it has. */
import type { LetterQueue } from '../dead-letters/letter-queue.ts';
import { describeFilter, headline, unseenLine } from '../dead-letters/reasons.ts';
import { filterOptions, type LetterFilter, shellOption } from '../options/letter-filter.ts';
import { commandFor, type StackOptions } from '../options/stack-options.ts';
import type { Io } from '../terminal/io.ts';
import { count, format, printable } from '../terminal/text.ts';
import { NOUN } from '../terminal/words.ts';
import { type Plan, planRedrive, type Selection } from './plan.ts';
import type { Redrive, RedriveResult } from './redrive.ts';

export interface RedriveOptions extends StackOptions, LetterFilter {
  readonly limit?: number;
  readonly rate?: number;
  readonly edit?: string;
  /** The consumer that alone gets unrouted messages. */
  readonly to?: string;
  readonly canary?: boolean;
  readonly timeout: number;
  readonly dryRun?: boolean;
  readonly history?: boolean;
}

/** What the steps of one command share. */
export interface RedriveContext extends Omit<Redrive, 'onSent' | 'rate' | 'canarySeconds'> {
  readonly options: RedriveOptions;
  readonly io: Io;
}

/** Plans a redrive or a purge, and says how far it is. */
export async function planWithProgress(
  { clients, progress, signal, io }: Pick<RedriveContext, 'clients' | 'progress' | 'signal' | 'io'>,
  from: LetterQueue,
  selection: Selection,
): Promise<Plan> {
  const step = progress.step(`Looking at ${from.noun}s`);
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

/** Says what would be sent back, or that there is nothing. */
export function announce(
  { stack, route: { from, refusal }, options, io }: RedriveContext,
  plan: Plan | undefined,
): number {
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
    const why = refusal ? 'no consumer takes them' : `no valid ${NOUN}`;
    io.say(`${format(invalid)} of them would come back: ${why}. Correct them with --edit.`);
  }
  if (letters > 0) {
    const how =
      invalid < letters
        ? selectionOf(options)
        : ['--edit', `${from.name}.jsonl`, ...shellOption('--to', options.to)];
    const next = commandFor(options, 'redrive', from.name, ...how, '--canary');
    io.say(`\nNext:\n  ${next}`);
  }
  return 0;
}

/** Says what was sent, and what came back. */
export function report(
  { stack, route: { from, words }, options, io }: RedriveContext,
  result: RedriveResult,
  outcome: string,
  seconds: number,
): void {
  const { wanted, sent, cameBack, notes } = result;
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
    filterOptions(options),
    shellOption('--limit', limit),
    shellOption('--edit', edit),
    shellOption('--to', to),
  ].flat();
}

/** What is sent back, for the operations log. */
export function describeSelection(options: RedriveOptions): string {
  const { limit, edit, to, canary } = options;
  const filter = describeFilter(options);
  const parts = [filter, edit && `corrected by ${edit}`, limit && `at most ${limit}`].filter(Boolean);
  return [...(parts.length > 0 ? parts : ['all']), to && `to ${to}`, canary && 'a canary first']
    .filter(Boolean)
    .join(', ');
}
