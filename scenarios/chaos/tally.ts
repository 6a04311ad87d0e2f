// Where every distinct message of a chaos run is, under faults and after the redrive.

import type { TestMessage } from '../../cli/publishing/test-events.ts';
import { digestOf } from '../../cli/outcomes/follow.ts';
import type { Takes } from '../../cli/outcomes/subscriptions.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import { type Archived, textOf } from '../reconciliation/archive.ts';
import type { Difference, Differences } from '../reconciliation/differences.ts';
import type { Ledger, Letters } from '../reconciliation/snapshot.ts';

/** Distinct messages of one consumer: copies of a message count once. */
export interface Tally {
  published: number;
  /** The subscription's filter keeps them from the consumer. */
  filtered: number;
  /** It has the record, or the cancellation in it. */
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
  const published = distinct(messages).map((message) => ({ message, digest: digestOf(message.body) }));
  for (const [consumer, records] of ledger.records) {
    const tally = { published: published.length, filtered: 0, processed: 0, deadLettered: 0, both: 0 };
    const left = new Map(letters.get(consumer));
    const allowed = new Set<string>();
    for (const { message, digest } of published) {
      if (!takes(consumer, message)) {
        tally.filtered += 1;
        continue;
      }
      const { orderId } = message;
      if (digest) allowed.add(`${orderId} ${digest}`);
      const isLettered = left.delete(message.body);
      const isRecorded =
        message.kind === 'cancellation'
          ? ledger.cancelled.get(consumer)?.has(orderId)
          : digest !== undefined && records.get(orderId) === digest;
      if (isRecorded) {
        tally.processed += 1;
        if (isLettered) tally.both += 1;
      } else if (isLettered) tally.deadLettered += 1;
      else missing.push({ consumer, orderId, problem: 'neither recorded nor dead-lettered' });
    }
    for (const [orderId, digest] of records) {
      if (!allowed.has(`${orderId} ${digest}`)) {
        unexpected.push({ consumer, orderId, problem: 'a record of no order that was published to it' });
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
 * Records that are not what they were at an earlier look, although neither the order nor its cancellation has come since: a
 * duplicate has changed something.
 */
export function rewritten(before: Ledger, after: Ledger): Difference[] {
  const differences: Difference[] = [];
  for (const [consumer, contents] of before.contents) {
    const hasCome = (orderId: string, map: 'records' | 'cancelled') =>
      after[map].get(consumer)?.has(orderId) && !before[map].get(consumer)?.has(orderId);
    for (const [orderId, content] of contents) {
      if (hasCome(orderId, 'records') || hasCome(orderId, 'cancelled')) continue;
      if (after.contents.get(consumer)?.get(orderId) === content) continue;
      differences.push({ consumer, orderId, problem: 'the record has changed since it was first written' });
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
        orderId: message.orderId,
        problem: 'neither archived nor dead-lettered',
      });
  }
  return { tally, missing };
}
