/** What `publish` prints: what was published, what was not, and what consumers did with it. */
import { explain } from '../aws/errors.ts';
import { allButArchive, type StackHandles } from '../aws/stack.ts';
import type { EventMessage } from '../publishing/batches.ts';
import type { SendResult } from '../publishing/sending.ts';
import type { Io } from '../terminal/io.ts';
import { count, format, printable, table } from '../terminal/text.ts';
import { CHANGE, ID_FIELD, NOUN, NOUNS, named } from '../terminal/words.ts';
import type { Outcome } from './follow.ts';

const MAX_LISTED = 20;

export interface Selection {
  readonly messages: readonly EventMessage[];
  /** Distinct valid events among them that create a record. */
  readonly created: number;
  readonly duplicates: number;
  /** And that change one. */
  readonly changes: number;
  readonly poison: number;
  readonly seed?: number;
  /** Whether a consumer is right to refuse the message. */
  readonly mayBeRefused: (message: EventMessage) => boolean;
}

type Counts = Pick<Selection, 'created' | 'duplicates' | 'changes' | 'poison' | 'seed'>;

/** Lines about events that are missing, or refused unexpectedly. */
export function badNews(outcomes: Map<string, Outcome>, { mayBeRefused }: Selection): string[] {
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

/** Says which messages are not published, and why. */
export function listFailures({ failed, stopped }: SendResult, io: Io): void {
  const byReason = Object.groupBy(failed, ({ reason }) => reason);
  for (const [reason, those = []] of Object.entries(byReason)) {
    // The reason why the run ended is not about single messages.
    if (reason === stopped) io.say(`${printable(stopped)} (${count(those.length, 'message')} not published)`);
    else io.say(`Not published: ${ids(those)} (${printable(reason)})`);
  }
}

/** `3 messages: a, b, c`, truncated. */
function ids(messages: readonly { readonly id?: string | undefined }[]): string {
  const shown = messages.slice(0, MAX_LISTED).map(({ id = `without ${ID_FIELD}` }) => id);
  const more = messages.length > MAX_LISTED ? `, … and ${format(messages.length - MAX_LISTED)} more` : '';
  return `${count(messages.length, 'message')}: ${shown.join(', ')}${more}`;
}

interface Report {
  readonly selection: Selection;
  readonly target: { readonly topicArn: string; readonly stack?: StackHandles };
  readonly result: SendResult;
  readonly seconds: number;
  readonly outcomes: Map<string, Outcome> | undefined;
}

/** Prints the report as one JSON object. */
export function printJson(
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
  const { mayBeRefused } = selection;
  const consumers = Array.from(outcomes ?? [], ([name, { processed, refused, missing }]) => [
    name,
    {
      processed,
      refused: refused.length,
      unexpectedlyRefused: refused
        .filter(({ message }) => !mayBeRefused(message))
        .map(({ message, reason = null }) => ({ ...named(message.id), reason })),
      missing: missing.map(({ id }) => id),
    },
  ]);
  io.printJson({
    stack: target.stack?.name,
    topicArn: target.topicArn,
    ...countsOf(selection),
    published: result.sent,
    failed: result.failed.map(({ id, ...rest }) => ({ ...named(id), ...rest })),
    seconds,
    stopped: result.stopped,
    interrupted,
    following: followError === undefined ? undefined : (explain(followError) ?? String(followError)),
    consumers: outcomes && Object.fromEntries(consumers),
  });
}

/** Prints the report for people. */
export function printText({ selection, target, result, seconds, outcomes }: Report, io: Io): void {
  const all = result.failed.length === 0;
  const what = all
    ? describe(selection)
    : `${format(result.sent)} of ${count(selection.messages.length, 'message')}`;
  io.print(`Published ${what} to ${target.stack?.name ?? target.topicArn} in ${seconds.toFixed(1)} s`);
  if (!outcomes) return;
  io.print(outcomeTable(outcomes));
  for (const { name } of target.stack ? allButArchive(target.stack) : []) {
    if (!outcomes.has(name)) io.say(`${name} keeps no records of ${NOUNS}, so it is not followed`);
  }
}

function outcomeTable(outcomes: Map<string, Outcome>): string {
  const rows = Array.from(outcomes, ([name, { processed, refused, missing }]) => [
    name,
    ...[processed, refused.length, missing.length].map(format),
  ]);
  return table([['', 'processed', 'refused', 'missing'], ...rows]);
}

/** The numbers of a selection under the domain's names, for JSON. */
export function countsOf({ created, duplicates, changes, poison, seed }: Counts): object {
  const changed = CHANGE && { [CHANGE.plural]: changes };
  return { seed, [NOUNS]: created, duplicates, ...changed, poison };
}

/** `3 events, 1 duplicate (seed 7)`. */
export function describe({ created, duplicates, changes, poison, seed }: Counts): string {
  const parts = [
    count(created, NOUN, NOUNS),
    duplicates > 0 && count(duplicates, 'duplicate'),
    changes > 0 && CHANGE && count(changes, CHANGE.singular, CHANGE.plural),
    poison > 0 && count(poison, 'poison message'),
  ];
  return `${parts.filter(Boolean).join(', ')}${seed === undefined ? '' : ` (seed ${seed})`}`;
}
