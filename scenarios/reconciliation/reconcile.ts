// Compares what a run published with what every consumer's tables and dead-letter queue hold.

import { idsInConflict, type PoisonKind, type TestMessage } from '../../cli/publishing/test-events.ts';
import { digestOf } from '../../cli/outcomes/follow.ts';
import type { Takes } from '../../cli/outcomes/subscriptions.ts';
import { plural } from '../../cli/terminal/text.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import { ORDER_CONFLICT } from '../../contract/dead-letter.ts';
import { cancellationsIn, reconcileCancellations, reconcileCreditNotes } from './cancellations.ts';
import type { Difference, Differences } from './differences.ts';
import type { Ledger, Snapshot } from './snapshot.ts';

/** Messages of one consumer: what came, and what became of it. */
export interface ConsumerCounts {
  delivered: number;
  processed: number;
  duplicates: number;
  deadLettered: number;
}

/** What a run began with, did, and left behind. */
export interface RunRecord {
  /** Everything that was published. */
  readonly messages: readonly TestMessage[];
  /** Whether a consumer's subscription lets a message through. */
  readonly takes: Takes;
  /** Consumer → bodies that were in its queue when the run began. */
  readonly waiting: ReadonlyMap<string, readonly string[]>;
  /** Each consumer's messages, as counted during the run. Without it a message may come any number of times. */
  readonly counted?: Readonly<Record<string, ConsumerCounts>> | undefined;
  readonly before: Ledger;
  /** Of dead letters only those that have come since the run began. */
  readonly after: Snapshot;
}

/** The error that the contract gives each poison. A conflict is a valid order, and refused only if the other one came first. */
const POISON_ERRORS: Record<Exclude<PoisonKind, 'conflict'>, string> = {
  'not-json': 'NotJson',
  'wrong-total': 'SchemaViolation',
  'unknown-version': 'UnknownVersion',
  'missing-field': 'SchemaViolation',
  'zero-quantity': 'SchemaViolation',
};

/**
 * Why a consumer that has recorded `digest` under its orderId must refuse a message; undefined if it must not.
 * @param messages all of a run, since a conflict is refused only because of another one of them
 */
function refusals(
  messages: readonly TestMessage[],
): (message: TestMessage, recorded: string | undefined) => string | undefined {
  const inConflict = idsInConflict(messages);
  return ({ kind, poison, orderId, body }, recorded) => {
    if (kind === 'cancellation') return undefined;
    if (poison !== undefined && poison !== 'conflict') return POISON_ERRORS[poison];
    const isRefused = inConflict.has(orderId) && recorded !== undefined && recorded !== digestOf(body);
    return isRefused ? ORDER_CONFLICT : undefined;
  };
}

/**
 * Compares what a run published with what it left behind: every record, and every dead letter with its reason. Of a consumer
 * without a table of records, what it counted and its dead letters alone.
 */
export function reconcile(run: RunRecord): Differences {
  const { messages, takes, waiting, counted, before, after } = run;
  const differences: Differences = { missing: [], unexpected: [] };
  const refusal = refusals(messages);
  const bodies = new Set([...messages.map(({ body }) => body), ...[...waiting.values()].flat()]);
  const digests: Digests = new Map(Array.from(bodies, (body) => [body, digestOf(body)]));
  for (const [consumer, letters] of after.letters) {
    if (consumer === ARCHIVE) continue;
    const taken = messages.filter((message) => takes(consumer, message));
    const at = { consumer, taken, waiting: waiting.get(consumer) ?? [], letters };
    const records = after.ledger.records.get(consumer);
    const counts = counted?.[consumer];
    reconcileLetters(at, records, digests, refusal, counts !== undefined, differences);
    if (counts) reconcileCounts(at, counts, differences);
    if (!records) continue;
    const earlier = before.records.get(consumer) ?? new Map();
    reconcileRecords(at, earlier, records, digests, differences);
    // A record whose answer was lost on the way is found as a duplicate at the next try.
    const cancelled = (ledger: Ledger) => ledger.cancelled.get(consumer)?.size ?? 0;
    const made = records.size - earlier.size + cancelled(after.ledger) - cancelled(before);
    if (counts && counts.processed > made) {
      differences.unexpected.push(wrongCount(consumer, counts.processed, 'processed', `at most ${made}`));
    }
    const wanted = cancellationsIn([...at.waiting, ...taken.map(({ body }) => body)]);
    reconcileCancellations(consumer, wanted, before, after.ledger, differences);
  }
  reconcileCreditNotes(after.ledger, differences);
  differences.unexpected.push(...stockDifferences(before, after.ledger));
  return differences;
}

/** Body → digest of its order, or undefined for what is no order. */
type Digests = ReadonlyMap<string, string | undefined>;
/** orderId → digest of the order. */
type Records = ReadonlyMap<string, string>;

/** What a consumer was sent and could not process. */
interface AtConsumer {
  readonly consumer: string;
  readonly taken: readonly TestMessage[];
  readonly waiting: readonly string[];
  readonly letters: ReadonlyMap<string, readonly (string | undefined)[]>;
}

/** Compares a consumer's records with what it was sent, and had before. */
function reconcileRecords(
  { consumer, taken, waiting }: AtConsumer,
  earlier: Records,
  records: Records,
  digests: Digests,
  { missing, unexpected }: Differences,
): void {
  const allowed = new Map<string, Set<string>>();
  for (const body of [...waiting, ...taken.map((message) => message.body)]) {
    const digest = digests.get(body);
    if (digest === undefined) continue;
    const { orderId } = JSON.parse(body);
    allowed.set(orderId, (allowed.get(orderId) ?? new Set()).add(digest));
  }
  for (const [orderId, digest] of earlier) allowed.set(orderId, new Set([digest]));
  for (const [orderId, ofOrder] of allowed) {
    const digest = records.get(orderId);
    if (digest === undefined) missing.push({ consumer, orderId, problem: 'no record of the order' });
    else if (!ofOrder.has(digest)) {
      unexpected.push({ consumer, orderId, problem: 'the record is of an order that was not published' });
    }
  }
  for (const orderId of records.keys()) {
    if (allowed.has(orderId)) continue;
    unexpected.push({ consumer, orderId, problem: 'a record of no order that was published to it' });
  }
}

/**
 * Compares a consumer's new dead letters with what it had to refuse, for its reason, and nothing else.
 * @param isCounted whether each copy must be there exactly once
 */
function reconcileLetters(
  { consumer, taken, waiting, letters }: AtConsumer,
  records: Records | undefined,
  digests: Digests,
  refusal: ReturnType<typeof refusals>,
  isCounted: boolean,
  { missing, unexpected }: Differences,
): void {
  const copies = Map.groupBy(taken, ({ body }) => body);
  for (const [body, [message, ...more]] of copies) {
    if (!message) continue;
    const { orderId } = message;
    const error = refusal(message, records?.get(orderId));
    const reasons = letters.get(body) ?? [];
    const least = isCounted ? 1 + more.length : 1;
    const expected = error === undefined ? 0 : least;
    const most = isCounted || error === undefined ? expected : Number.POSITIVE_INFINITY;
    if (reasons.length < expected) {
      const problem = `${reasons.length} ${plural(reasons.length, 'time')} in the dead-letter queue, ${expected} expected, as ${error}`;
      missing.push({ consumer, orderId, problem });
    }
    for (const reason of reasons.filter((each, index) => each !== error || index >= most)) {
      const why =
        error === undefined
          ? 'with nothing wrong with it'
          : `but must be there ${expected} ${plural(expected, 'time')} as ${error}`;
      const problem = `in the dead-letter queue as ${reason ?? 'moved by SQS'}, ${why}`;
      unexpected.push({ consumer, orderId, problem });
    }
  }
  for (const [body, reasons] of letters) {
    if (copies.has(body)) continue;
    const digest = digests.get(body);
    const isRefused = (reason: string | undefined) =>
      waiting.includes(body) && (digest === undefined ? reason !== undefined : reason === ORDER_CONFLICT);
    for (const reason of reasons.filter((each) => !isRefused(each))) {
      const problem = `a dead letter that was not published to it, as ${reason ?? 'moved by SQS'}: ${body.slice(0, 60)}`;
      unexpected.push({ consumer, problem });
    }
  }
}

/** Compares what was counted during the run with what was sent. */
function reconcileCounts(
  { consumer, taken, letters }: AtConsumer,
  { delivered, processed, duplicates }: ConsumerCounts,
  { missing, unexpected }: Differences,
): void {
  if (delivered !== taken.length) {
    const list = delivered < taken.length ? missing : unexpected;
    list.push(wrongCount(consumer, delivered, 'delivered', `${taken.length}`));
  }
  const valid = taken.filter(({ body }) => !letters.has(body)).length;
  const done = processed + duplicates;
  if (done < valid) {
    missing.push(wrongCount(consumer, done, 'processed or found to be duplicates', `at least ${valid}`));
  }
}

function wrongCount(consumer: string, count: number, what: string, expected: string): Difference {
  return { consumer, problem: `${count} ${plural(count, 'message')} ${what}, ${expected} expected` };
}

/** SKUs of which the stock is not what it was before, less what was reserved since. */
function stockDifferences(before: Ledger, after: Ledger): Difference[] {
  const differences: Difference[] = [];
  for (const [sku, available] of before.stock) {
    const reserved = (after.reserved.get(sku) ?? 0) - (before.reserved.get(sku) ?? 0);
    const left = after.stock.get(sku);
    if (left === available - reserved && left >= 0) continue;
    const problem = `${left} left of ${available} with ${reserved} reserved in this run`;
    differences.push({ consumer: 'inventory', sku, problem });
  }
  return differences;
}
