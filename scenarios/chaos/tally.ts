// Where every distinct message of a chaos run is, under faults and after the redrive.

import { leavesRecord } from '../../cli/outcomes/records.ts';
import type { Takes } from '../../cli/outcomes/subscriptions.ts';
import type { TestMessage } from '../../cli/publishing/test-events.ts';
import { NOUN } from '../../cli/terminal/words.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import { type Archived, textOf } from '../reconciliation/archive.ts';
import type { Difference, Differences } from '../reconciliation/differences.ts';
import { readBody } from '../reconciliation/reconcile.ts';
import type { Ledger, Letters } from '../reconciliation/snapshot.ts';

/** Distinct messages of one consumer: copies of a message count once. */
export interface Tally {
  published: number;
  /** The subscription's filter keeps them from the consumer. */
  filtered: number;
  /** It has the record, or the change in it. */
  processed: number;
  /** It has no record, and the dead-letter queue has them. */
  deadLettered: number;
  /** Of those processed, how many are in the dead-letter queue as well: a copy failed, or an answer was lost. */
  both: number;
}

export interface Tallies extends Differences {
  readonly consumers: Record<string, Tally>;
}

/** Where each distinct message is: filtered, recorded, dead-lettered, or missing. */
export function tallyOf(messages: TestMessage[], takes: Takes, ledger: Ledger, letters: Letters): Tallies {
  const consumers: Record<string, Tally> = {};
  const missing: Difference[] = [];
  const unexpected: Difference[] = [];
  const published = distinct(messages).map((message) => ({ message, ...readBody(message.body) }));
  for (const [consumer, records] of ledger.records) {
    const tally = { published: published.length, filtered: 0, processed: 0, deadLettered: 0, both: 0 };
    const left = new Map(letters.get(consumer));
    const allowed = new Set<string>();
    for (const { message, event, digest } of published) {
      if (!takes(consumer, message)) {
        tally.filtered += 1;
        continue;
      }
      const { id } = message;
      if (digest) allowed.add(`${id} ${digest}`);
      const isLettered = left.delete(message.body);
      const leavesNothing = event !== undefined && !leavesRecord(consumer, event) && !isLettered;
      const isRecorded =
        leavesNothing ||
        (message.kind === 'change'
          ? ledger.changed.get(consumer)?.has(id)
          : digest !== undefined && records.get(id) === digest);
      if (isRecorded) {
        tally.processed += 1;
        if (isLettered) tally.both += 1;
      } else if (isLettered) tally.deadLettered += 1;
      else missing.push({ consumer, id, problem: 'neither recorded nor dead-lettered' });
    }
    for (const [id, digest] of records) {
      if (!allowed.has(`${id} ${digest}`)) {
        unexpected.push({ consumer, id, problem: `a record of no ${NOUN} that was published to it` });
      }
    }
    for (const body of left.keys()) {
      unexpected.push({
        consumer,
        problem: `a dead letter that was not published to it: ${body.slice(0, 60)}`,
      });
    }
    consumers[consumer] = tally;
  }
  return { consumers, missing, unexpected };
}

/**
 * Records that are not what they were at an earlier look, although neither the event nor its change has come since: a duplicate has
 * changed something.
 */
export function rewritten(before: Ledger, after: Ledger): Difference[] {
  const differences: Difference[] = [];
  for (const [consumer, contents] of before.contents) {
    const hasCome = (id: string, map: 'records' | 'changed') =>
      after[map].get(consumer)?.has(id) && !before[map].get(consumer)?.has(id);
    for (const [id, content] of contents) {
      if (hasCome(id, 'records') || hasCome(id, 'changed')) continue;
      if (after.contents.get(consumer)?.get(id) === content) continue;
      differences.push({ consumer, id, problem: 'the record has changed since it was first written' });
    }
  }
  return differences;
}

/** One message of each body. */
function distinct(messages: readonly TestMessage[]): TestMessage[] {
  return [...new Map(messages.map((message) => [message.body, message])).values()];
}

/** Where each distinct message is, of which the archive takes every one: in an object, dead-lettered, or missing. */
export function tallyOfArchive(
  messages: readonly TestMessage[],
  { messages: archived }: Archived,
  letters: Letters,
): { tally: Tally; missing: Difference[] } {
  const published = distinct(messages);
  const tally = { published: published.length, filtered: 0, processed: 0, deadLettered: 0, both: 0 };
  const missing: Difference[] = [];
  for (const message of published) {
    const isLettered = letters.get(ARCHIVE)?.has(message.body) === true;
    if (archived.has(textOf(message))) {
      tally.processed += 1;
      if (isLettered) tally.both += 1;
    } else if (isLettered) tally.deadLettered += 1;
    else
      missing.push({
        consumer: ARCHIVE,
        id: message.id,
        problem: 'neither archived nor dead-lettered',
      });
  }
  return { tally, missing };
}
