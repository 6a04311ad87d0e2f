// Compares what a run published with what every consumer's tables and dead-letter queue hold.
import { domain } from '#domain';
import { leavesRecord } from '../../cli/outcomes/records.ts';
import type { Takes } from '../../cli/outcomes/subscriptions.ts';
import { idsInConflict, poisonError, type TestMessage } from '../../cli/publishing/test-events.ts';
import { plural } from '../../cli/terminal/text.ts';
import { CHANGE, NOUN } from '../../cli/terminal/words.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import type { Domain } from '../../contract/domain.ts';
import { type AnyEvent, digestOf } from '../../contract/event-catalogue.ts';
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

const { endState }: Domain = domain;

/**
 * Why a consumer that has recorded `digest` under its ID must refuse a message; undefined if it must not. Of two events in conflict
 * it does not compare one that leaves no record with the other.
 * @param messages all of a run, since a conflict is refused only because of another one of them
 */
function refusals(
  messages: readonly TestMessage[],
  events: Events,
): (consumer: string, message: TestMessage, recorded: string | undefined) => string | undefined {
  const inConflict = idsInConflict(messages);
  return (consumer, message, recorded) => {
    if (message.kind === 'change') return undefined;
    const error = poisonError(message);
    if (error !== undefined) return error;
    const found = events.get(message.body);
    if (!found || recorded === undefined || recorded === found.digest) return undefined;
    const isRefused = inConflict.has(message.id) && leavesRecord(consumer, found.event);
    return isRefused ? domain.events.settings.conflictError : undefined;
  };
}

/**
 * Compares what a run published with what it left behind: every record, and every dead letter with its reason. Of a consumer
 * without records, what it counted and its dead letters alone.
 */
export function reconcile(run: RunRecord): Differences {
  const { messages, takes, waiting, counted, before, after } = run;
  const differences: Differences = { missing: [], unexpected: [] };
  const bodies = new Set([...messages.map(({ body }) => body), ...[...waiting.values()].flat()]);
  const events: Events = new Map(Array.from(bodies, (body) => [body, readBody(body)]));
  const refusal = refusals(messages, events);
  for (const [consumer, letters] of after.letters) {
    if (consumer === ARCHIVE) continue;
    const taken = messages.filter((message) => takes(consumer, message));
    const at = { consumer, taken, waiting: waiting.get(consumer) ?? [], letters };
    const records = after.ledger.records.get(consumer);
    const counts = counted?.[consumer];
    reconcileLetters(at, records, events, refusal, counts !== undefined, differences);
    if (counts) reconcileCounts(at, counts, differences);
    if (!records) continue;
    const expected = expectedAt(at, events);
    const earlier = before.records.get(consumer) ?? new Map();
    reconcileRecords(consumer, expected.created, earlier, records, differences);
    // A record whose answer was lost on the way is found as a duplicate at the next try.
    const changed = (ledger: Ledger) => ledger.changed.get(consumer)?.size ?? 0;
    const made =
      records.size - earlier.size + changed(after.ledger) - changed(before) + expected.leavingNothing;
    if (counts && counts.processed > made) {
      differences.unexpected.push(wrongCount(consumer, counts.processed, 'processed', `at most ${made}`));
    }
    reconcileChanges(consumer, expected.changed, before, after.ledger, differences);
  }
  differences.unexpected.push(...(endState?.check?.(before.tables, after.ledger.tables) ?? []));
  return differences;
}

/** The event in a body, with its digest where it creates a record; undefined where the body holds none. */
export type BodyEvent = {
  readonly event: AnyEvent;
  readonly id: string;
  readonly digest: string | undefined;
};
type Events = ReadonlyMap<string, BodyEvent | undefined>;
/** ID → digest of the event. */
type Records = ReadonlyMap<string, string>;

export function readBody(body: string): BodyEvent | undefined {
  const event = domain.events.eventIn(body);
  if (!event) return undefined;
  const { events } = domain;
  const creates = events.effectOf(event.eventType) === 'creates';
  return { event, id: events.idOf(event), digest: creates ? digestOf(event) : undefined };
}

/** What a consumer was sent and could not process. */
interface AtConsumer {
  readonly consumer: string;
  readonly taken: readonly TestMessage[];
  readonly waiting: readonly string[];
  readonly letters: ReadonlyMap<string, readonly (string | undefined)[]>;
}

/** What a consumer must have on record: ID → digests of events that create it, and IDs of those that are changed. */
function expectedAt({ consumer, taken, waiting }: AtConsumer, events: Events) {
  const created = new Map<string, Set<string>>();
  const changed = new Set<string>();
  let leavingNothing = 0;
  for (const body of [...waiting, ...taken.map((message) => message.body)]) {
    const found = events.get(body);
    if (!found) continue;
    const { event, id, digest } = found;
    if (!leavesRecord(consumer, event)) leavingNothing++;
    else if (digest === undefined) changed.add(id);
    else created.set(id, (created.get(id) ?? new Set()).add(digest));
  }
  return { created, changed, leavingNothing };
}

/** Compares a consumer's records with what it was sent, and had before. */
function reconcileRecords(
  consumer: string,
  created: ReadonlyMap<string, ReadonlySet<string>>,
  earlier: Records,
  records: Records,
  { missing, unexpected }: Differences,
): void {
  const allowed = new Map(created);
  for (const [id, digest] of earlier) allowed.set(id, new Set([digest]));
  for (const [id, digests] of allowed) {
    const digest = records.get(id);
    if (digest === undefined) missing.push({ consumer, id, problem: `no record of the ${NOUN}` });
    else if (!digests.has(digest)) {
      unexpected.push({ consumer, id, problem: `the record is not of the ${NOUN} that was published` });
    }
  }
  for (const id of records.keys()) {
    if (allowed.has(id)) continue;
    unexpected.push({ consumer, id, problem: `a record of no ${NOUN} that was published to it` });
  }
}

/** Each change that a consumer got has had its effect, whatever came first, and nothing else is changed. */
function reconcileChanges(
  consumer: string,
  wanted: ReadonlySet<string>,
  before: Ledger,
  after: Ledger,
  { missing, unexpected }: Differences,
): void {
  const changed = after.changed.get(consumer) ?? new Map<string, string>();
  const what = CHANGE?.participle;
  for (const id of wanted) {
    if (!changed.has(id)) missing.push({ consumer, id, problem: `the ${NOUN} is not ${what}` });
  }
  for (const id of changed.keys()) {
    if (wanted.has(id) || before.changed.get(consumer)?.has(id)) continue;
    unexpected.push({ consumer, id, problem: `the ${NOUN} is ${what}, and no message said so` });
  }
}

/**
 * Compares a consumer's new dead letters with what it had to refuse, for its reason, and nothing else.
 * @param isCounted whether each copy must be there exactly once
 */
function reconcileLetters(
  { consumer, taken, waiting, letters }: AtConsumer,
  records: Records | undefined,
  events: Events,
  refusal: ReturnType<typeof refusals>,
  isCounted: boolean,
  { missing, unexpected }: Differences,
): void {
  const copies = Map.groupBy(taken, ({ body }) => body);
  for (const [body, [message, ...more]] of copies) {
    if (!message) continue;
    const { id } = message;
    const error = refusal(consumer, message, records?.get(id));
    const reasons = letters.get(body) ?? [];
    const least = isCounted ? 1 + more.length : 1;
    const expected = error === undefined ? 0 : least;
    const most = isCounted || error === undefined ? expected : Number.POSITIVE_INFINITY;
    if (reasons.length < expected) {
      const problem = `${reasons.length} ${plural(reasons.length, 'time')} in the dead-letter queue, ${expected} expected, as ${error}`;
      missing.push({ consumer, id, problem });
    }
    for (const reason of reasons.filter((each, index) => each !== error || index >= most)) {
      const why =
        error === undefined
          ? 'with nothing wrong with it'
          : `but must be there ${expected} ${plural(expected, 'time')} as ${error}`;
      const problem = `in the dead-letter queue as ${reason ?? 'moved by SQS'}, ${why}`;
      unexpected.push({ consumer, id, problem });
    }
  }
  const { conflictError } = domain.events.settings;
  for (const [body, reasons] of letters) {
    if (copies.has(body)) continue;
    const creates = events.get(body)?.digest !== undefined;
    const isRefused = (reason: string | undefined) =>
      waiting.includes(body) && (creates ? reason === conflictError : reason !== undefined);
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
