// The books of a run: what was published against what every consumer's tables and dead-letter queue hold.

import { idsInConflict, type PoisonKind, type TestMessage } from '../../cli/orders/test-orders.ts';
import { digestOf } from '../../cli/outcomes/follow.ts';
import type { Takes } from '../../cli/outcomes/subscriptions.ts';
import { plural } from '../../cli/terminal/text.ts';
import { ORDER_CONFLICT } from '../../contract/dead-letter.ts';
import { balanceCancellations, balanceCreditNotes, cancellationsIn } from './cancellations.ts';
import type { Ledger, Look } from './snapshot.ts';

/** Messages of one consumer: what came, and what became of it. */
export interface ConsumerBooks {
  delivered: number;
  processed: number;
  duplicates: number;
  deadLettered: number;
}

/** Something that is not as it has to be; `consumer` and, where it is about one, the order or SKU. */
export interface Difference {
  consumer: string;
  orderId?: string;
  sku?: string;
  problem: string;
}

export interface Balance {
  /** What should be there and is not. */
  missing: Difference[];
  /** What is there and should not be. */
  unexpected: Difference[];
}

/** What a run began with, did, and left behind. */
export interface RunRecord {
  /** Everything that was published. */
  readonly messages: readonly TestMessage[];
  /** Whether a consumer's subscription lets a message through. */
  readonly takes: Takes;
  /** Consumer → bodies that lay in its queue when the run began. */
  readonly waiting: ReadonlyMap<string, readonly string[]>;
  /** Each consumer's messages, as counted while the run went on. */
  readonly counted: Readonly<Record<string, ConsumerBooks>>;
  readonly before: Ledger;
  /** Of dead letters only those that have come since the run began. */
  readonly after: Look;
}

/** The error that the contract gives each poison. A conflict is a valid order, and refused only where the other one came first. */
const POISON_ERRORS: Record<Exclude<PoisonKind, 'conflict'>, string> = {
  'not-json': 'NotJson',
  'wrong-total': 'SchemaViolation',
  'unknown-version': 'UnknownVersion',
  'missing-field': 'SchemaViolation',
  'zero-quantity': 'SchemaViolation',
};

/**
 * Why a message has to be refused by a consumer that has recorded `digest` under its orderId, or undefined where it must not be.
 * @param messages all of a run, since a conflict is refused only for another one of them
 */
export function refusals(
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

/** Compares what a run published with what it left behind: every record, and every dead letter with its reason. */
export function balance(run: RunRecord): Balance {
  const { messages, takes, waiting, counted, before, after } = run;
  const differences: Balance = { missing: [], unexpected: [] };
  const refusal = refusals(messages);
  const bodies = new Set([...messages.map(({ body }) => body), ...[...waiting.values()].flat()]);
  const digests: Digests = new Map(Array.from(bodies, (body) => [body, digestOf(body)]));
  for (const [consumer, books] of Object.entries(counted)) {
    const taken = messages.filter((message) => takes(consumer, message));
    const found: AtConsumer = {
      consumer,
      taken,
      waiting: waiting.get(consumer) ?? [],
      earlier: before.records.get(consumer) ?? new Map(),
      records: after.ledger.records.get(consumer) ?? new Map(),
      letters: after.letters.get(consumer) ?? new Map(),
    };
    balanceRecords(found, digests, differences);
    balanceLetters(found, digests, refusal, differences);
    const cancellations = (ledger: Ledger) => ledger.cancelled.get(consumer)?.size ?? 0;
    balanceCounts(found, cancellations(after.ledger) - cancellations(before), books, differences);
    const wanted = cancellationsIn([...found.waiting, ...taken.map(({ body }) => body)]);
    balanceCancellations(consumer, wanted, before, after.ledger, differences);
  }
  balanceCreditNotes(after.ledger, differences);
  differences.unexpected.push(...stockDifferences(before, after.ledger));
  return differences;
}

/** Body → digest of its order, or undefined for what is no order. */
type Digests = ReadonlyMap<string, string | undefined>;

/** What is held against each other for one consumer. */
interface AtConsumer {
  readonly consumer: string;
  readonly taken: readonly TestMessage[];
  readonly waiting: readonly string[];
  readonly earlier: ReadonlyMap<string, string>;
  readonly records: ReadonlyMap<string, string>;
  readonly letters: ReadonlyMap<string, readonly (string | undefined)[]>;
}

/** Holds a consumer's records against what it was sent, and had before. */
function balanceRecords(
  { consumer, taken, waiting, earlier, records }: AtConsumer,
  digests: Digests,
  { missing, unexpected }: Balance,
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

/** Holds a consumer's new dead letters against what it had to refuse: each copy once, for its reason, and nothing else. */
function balanceLetters(
  { consumer, taken, waiting, records, letters }: AtConsumer,
  digests: Digests,
  refusal: ReturnType<typeof refusals>,
  { missing, unexpected }: Balance,
): void {
  const copies = Map.groupBy(taken, ({ body }) => body);
  for (const [body, [message, ...more]] of copies) {
    if (!message) continue;
    const { orderId } = message;
    const error = refusal(message, records.get(orderId));
    const reasons = letters.get(body) ?? [];
    const expected = error === undefined ? 0 : 1 + more.length;
    if (reasons.length < expected) {
      const problem = `${reasons.length} ${plural(reasons.length, 'time')} in the dead-letter queue, ${expected} expected, as ${error}`;
      missing.push({ consumer, orderId, problem });
    }
    for (const reason of reasons.filter((each, index) => each !== error || index >= expected)) {
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

/**
 * Holds what was counted on the way against what came and what is there.
 * @param cancelled how many orders were cancelled in the run
 */
function balanceCounts(
  { consumer, taken, earlier, records, letters }: AtConsumer,
  cancelled: number,
  { delivered, processed, duplicates }: ConsumerBooks,
  { missing, unexpected }: Balance,
): void {
  const problem = (count: number, what: string, expected: string) => ({
    consumer,
    problem: `${count} ${plural(count, 'message')} ${what}, ${expected} expected`,
  });
  if (delivered < taken.length) missing.push(problem(delivered, 'delivered', `${taken.length}`));
  if (delivered > taken.length) unexpected.push(problem(delivered, 'delivered', `${taken.length}`));
  // A record whose answer was lost on the way is found as a duplicate at the next try.
  const made = records.size - earlier.size + cancelled;
  if (processed > made) unexpected.push(problem(processed, 'processed', `at most ${made}`));
  const valid = taken.length - taken.filter(({ body }) => letters.has(body)).length;
  const done = processed + duplicates;
  if (done < valid) missing.push(problem(done, 'processed or found to be duplicates', `at least ${valid}`));
}

/** SKUs of which there is not left what was there before without what was reserved since. */
export function stockDifferences(before: Ledger, after: Ledger): Difference[] {
  const differences: Difference[] = [];
  for (const [sku, available] of before.stock) {
    const reserved = (after.reserved.get(sku) ?? 0) - (before.reserved.get(sku) ?? 0);
    const left = after.stock.get(sku);
    if (left === available - reserved && left >= 0) continue;
    differences.push({
      consumer: 'inventory',
      sku,
      problem: `${left} left of ${available} with ${reserved} reserved in this run`,
    });
  }
  return differences;
}
