// What a chaos run has shown, for programs and for people.

import { domain } from '#domain';
import type { Takes } from '../../cli/outcomes/subscriptions.ts';
import type { TestMessage } from '../../cli/publishing/test-events.ts';
import { table } from '../../cli/terminal/text.ts';
import { GROUP, NOUN, NOUNS } from '../../cli/terminal/words.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import type { Domain } from '../../contract/domain.ts';
import { type Archived, IN_ARCHIVE, reconcileArchive } from '../reconciliation/archive.ts';
import { type Difference, differenceLines, differencesObject } from '../reconciliation/differences.ts';
import { outOfSequence, withoutCopies } from '../reconciliation/inversions.ts';
import { reconcile } from '../reconciliation/reconcile.ts';
import type { Ledger, Letters, Snapshot } from '../reconciliation/snapshot.ts';
import { rewritten, type Tally, tallyOf, tallyOfArchive } from './tally.ts';

/** What a run has left behind, with the archive where the stack has one. */
export interface ChaosSnapshot extends Snapshot {
  readonly archived?: Archived | undefined;
}

/** What a run published, did and found. */
export interface ChaosFindings {
  readonly count: number;
  readonly seed: number;
  readonly messages: TestMessage[];
  readonly takes: Takes;
  /** Whether the stack keeps the sequence of each group. */
  readonly isOrdered: boolean;
  /** What records are in: `table`. */
  readonly store: string;
  /** The consumers that keep it. */
  readonly orderedConsumers: ReadonlySet<string>;
  /** What was published once more at the end. */
  readonly lateCopies: readonly TestMessage[];
  /** How often each fault was injected. */
  readonly faults: Record<string, number>;
  readonly before: Ledger;
  readonly underFaults: ChaosSnapshot;
  /** After the redrive, without faults. */
  readonly after: ChaosSnapshot;
  /** Consumer → events that it recorded after a later one of the same group. */
  readonly inversions: Record<string, number>;
  /** What the run itself could not do. */
  readonly problems: string[];
}

/** The outcome, for programs. */
export interface ChaosSummary {
  readonly count: number;
  readonly seed: number;
  readonly faults: ChaosFindings['faults'];
  readonly consumers: Record<string, { underFaults: Tally; redriven: number; afterRedrive: Tally }>;
  readonly inversions: ChaosFindings['inversions'];
  /** Dead-letter messages under faults: sent by a handler with its reason, and moved by SQS without one. */
  readonly deadLetters: { withReason: number; withoutReason: number };
  readonly missing: Difference[];
  readonly unexpected: Difference[];
}

export interface ChaosResult {
  readonly summary: ChaosSummary;
  /** The same for people: several lines of plain text. */
  readonly report: string;
  /** Everything that was to be proved is. */
  readonly proved: boolean;
}

/** The outcome under the domain's names, for JSON. */
export function summaryObject({ count, ...summary }: ChaosSummary): object {
  return { [NOUNS]: count, ...summary, ...differencesObject(summary) };
}

/** Compares what was found with what was published. */
export function chaosResult(found: ChaosFindings): ChaosResult {
  const { count, seed, messages, takes, isOrdered, faults, before, underFaults, after } = found;
  const { inversions, problems, lateCopies } = found;
  const first = tallyOf(messages, takes, underFaults.ledger, underFaults.letters);
  const last = tallyOf(messages, takes, after.ledger, after.letters);
  const open = reconcile({ messages, takes, waiting: new Map(), before, after });
  const reasons = Array.from(underFaults.letters.values(), (bodies) => [...bodies.values()].flat()).flat();
  const withoutReason = reasons.filter((reason) => reason === undefined).length;
  const missing = [
    ...first.missing,
    ...last.missing,
    ...open.missing,
    ...notInjected({ ...faults, 'moved to a dead-letter queue by SQS itself': withoutReason }),
  ];
  const unexpected = [
    ...first.unexpected,
    ...last.unexpected,
    ...open.unexpected,
    ...rewritten(underFaults.ledger, after.ledger),
    ...outOfSequence(inversions, found.orderedConsumers),
    ...problems.map((problem) => ({ consumer: 'local run', problem })),
  ];
  for (const [tallies, { archived, letters }] of [[first, underFaults] as const, [last, after] as const]) {
    if (!archived) continue;
    const archive = tallyOfArchive(messages, archived, letters);
    tallies.consumers[ARCHIVE] = archive.tally;
    missing.push(...archive.missing);
  }
  if (after.archived) {
    const published = [...messages, ...lateCopies];
    reconcileArchive(isOrdered ? withoutCopies(published) : published, [], after.archived, {
      missing,
      unexpected,
    });
  }
  const consumers = Object.fromEntries(
    Object.entries(first.consumers).map(([name, tally]) => [
      name,
      {
        underFaults: tally,
        redriven: countLetters(underFaults.letters, name),
        afterRedrive: last.consumers[name] ?? tally,
      },
    ]),
  );
  const deadLetters = { withReason: reasons.length - withoutReason, withoutReason };
  const summary = { count, seed, faults, consumers, inversions, deadLetters, missing, unexpected };
  return { summary, report: reportOf(summary, found), proved: missing.length + unexpected.length === 0 };
}

/** How many messages lie in a consumer's dead-letter queue. */
function countLetters(letters: Letters, consumer: string): number {
  return [...(letters.get(consumer) ?? new Map()).values()].flat().length;
}

/** A run proves nothing about a fault that was not injected. */
function notInjected(counts: Record<string, number>): Difference[] {
  return Object.entries(counts)
    .filter(([, count]) => count === 0)
    .map(([kind]) => ({ consumer: 'chaos', problem: `it never happened: ${kind}` }));
}

const IN_SEQUENCE = `
No ${NOUN} was recorded after a later one of the same ${GROUP}, those left out that were dead-lettered on the way.`;

function reportOf(
  summary: ChaosSummary,
  { isOrdered, store }: Pick<ChaosFindings, 'isOrdered' | 'store'>,
): string {
  const { count, faults, consumers, inversions, deadLetters, missing, unexpected } = summary;
  const faultLines = Object.entries(faults).map(
    ([kind, count]) => `  ${String(count).padStart(5)} × ${kind}`,
  );
  const columns = [
    'consumer',
    'published',
    'filtered',
    'processed',
    'dead-lettered',
    'both',
    'redriven',
    'inversions',
  ];
  const rows = Object.entries(consumers).flatMap(([name, { underFaults, redriven, afterRedrive }]) => [
    [name, ...figures(underFaults), String(redriven), String(inversions[name] ?? '-')],
    ['  redriven', ...figures(afterRedrive)],
  ]);
  const verdict =
    missing.length + unexpected.length === 0
      ? `Published = processed + dead-lettered + filtered at every consumer, before and after the redrive. After it ${shown(count, store)}
only poison is in the dead-letter queues, each with its reason.${consumers[ARCHIVE] ? `\n${IN_ARCHIVE}` : ''}${isOrdered ? IN_SEQUENCE : ''}`
      : `Not proved:
${differenceLines('missing', missing)}${differenceLines('unexpected', unexpected)}`;
  return `
Injected:
${faultLines.join('\n')}

Distinct messages, under faults and after the redrive:
${table([columns, ...rows])}

Dead letters under faults: ${deadLetters.withReason} with a reason, ${deadLetters.withoutReason} without (crash or timeout: see the logs).
${verdict}`;
}

/** What the reconciliation has shown of records. */
function shown(count: number, store: string): string {
  const { endState }: Domain = domain;
  if (!endState)
    return `(nobody looked at what consumers made of the ${NOUNS}: the domain defines no end state)`;
  const sums = endState.check ? ', all sums are right' : '';
  return `each of
the ${count} ${NOUNS} is exactly once in every ${store} where it belongs, no duplicate has changed a record${sums}, and`;
}

function figures({ published, filtered, processed, deadLettered, both }: Tally): string[] {
  return [published, filtered, processed, deadLettered, both].map(String);
}
