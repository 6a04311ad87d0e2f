/** Test events of the domain, repeatable by seed. */
import { domain } from '#domain';
import type { AnyEvent } from '../../contract/event-catalogue.ts';
import { at, randomOf, shuffled } from '../../contract/random.ts';
import { NOUN } from '../terminal/words.ts';
import type { EventMessage } from './batches.ts';

/** What is wrong with a valid event that has the ID of another one. */
const CONFLICT = 'conflict';

export interface TestMessage extends EventMessage {
  /** `event` creates a record, `change` changes one. */
  readonly kind: 'event' | 'duplicate' | 'change' | 'poison';
  /** On poison only: what is wrong with it. */
  readonly poison?: string;
}

export interface GenerateOptions {
  /** How many valid, distinct events that create records. */
  readonly count: number;
  /** A whole number from 0 to 2^32 − 1. */
  readonly seed: number;
  /** Additional exact copies. @default 0 */
  readonly duplicates?: number;
  /** Additional messages that must be refused. @default 0 */
  readonly poison?: number;
  /** How many are changed, each by an additional message, some before the event that it is about. @default 0 */
  readonly changes?: number;
  /** How many groups there are, at most. @default 500 */
  readonly groups?: number;
  /** When it all happens. @default the current time */
  readonly now?: Date;
}

/** The IDs of those that are changed. */
export function changedIds(messages: readonly TestMessage[]): Set<string> {
  return new Set(messages.filter(({ kind }) => kind === 'change').map(({ id }) => id));
}

/** The IDs under which two different events come: each consumer records the first one, and has to refuse the other. */
export function idsInConflict(messages: readonly TestMessage[]): Set<string> {
  return new Set(messages.filter(({ poison }) => poison === CONFLICT).map(({ id }) => id));
}

/** The error with which consumers refuse a poison message; undefined for one that is only in conflict with another. */
export function poisonError({ poison = '' }: TestMessage): string | undefined {
  return domain.testEvents.poison[poison]?.error;
}

/** A duplicate, a change or a conflict comes at most this many events after the one that it is about. */
const MAX_LAG = 200;
/** How many changes of ten overtake it. */
const OVERTAKING = 3;

/** A message, and where it comes: the event with this index, or between two. */
interface Placed {
  readonly at: number;
  readonly message: TestMessage;
}

/**
 * Makes `count` events, `duplicates` copies of some, `changes` of some and `poison` messages that no consumer can process,
 * roughly in sequence of arrival. The same options give the same bytes; additional messages do not change the events.
 * @throws RangeError for an option out of range
 */
export function generateEvents(options: GenerateOptions): TestMessage[] {
  const { count, seed, duplicates = 0, poison = 0, changes = 0, groups = 500, now = new Date() } = options;
  checkOptions({ count, duplicates, poison, changes, groups }, seed);
  const { testEvents, events: catalogue } = domain;

  const ids = Array.from({ length: count }, (_, index) => idOf(seed, 'o', index));
  const events = ids.map((id, index) => testEvents.create(id, now, groups, randomOf(seed, NOUN, index)));
  const queue: Placed[] = events.map((event, index) => ({
    at: index,
    message: { ...messageOf(event), kind: 'event' },
  }));

  const repeated = new Set<number>();
  for (let index = 0; index < duplicates; index++) {
    const random = randomOf(seed, 'duplicate', index);
    const original = Math.floor(random() * count);
    repeated.add(original);
    queue.push({
      at: original + random() * MAX_LAG,
      message: { ...messageOf(at(events, original)), kind: 'duplicate' },
    });
  }
  const single = Array.from(events.keys()).filter((index) => !repeated.has(index));
  // An event has at most one rival and no copies, so that each consumer refuses exactly one of the two.
  const rivals = testEvents.conflictWith ? shuffled(single, randomOf(seed, 'rivals', 0)) : [];
  const kinds = [...Object.keys(testEvents.poison), ...(testEvents.conflictWith ? [CONFLICT] : [])];
  for (let index = 0; index < poison; index++) {
    const random = randomOf(seed, 'poison', index);
    const kind = at(kinds, (seed + index) % kinds.length);
    const rival = kind === CONFLICT ? rivals.pop() : undefined;
    if (rival !== undefined) {
      const conflict = testEvents.conflictWith?.(at(events, rival)) ?? at(events, rival);
      const message: TestMessage = { ...messageOf(conflict), kind: 'poison', poison: kind };
      queue.push({ at: rival + random() * MAX_LAG, message });
      continue;
    }
    const event = testEvents.create(idOf(seed, 'p', index), now, groups, random);
    // Where nothing is left to be in conflict with, another poison takes its place.
    const made = kind === CONFLICT ? at(kinds, 0) : kind;
    const body = testEvents.poison[made]?.body(event, random) ?? '';
    // With the attributes of a valid event, so that filter policies let it through.
    const message: TestMessage = { ...messageOf(event), body, kind: 'poison', poison: made };
    queue.push({ at: random() * count, message });
  }
  const changed = shuffled(events.keys(), randomOf(seed, 'cancelled', 0)).slice(0, changes);
  for (const [index, original] of changed.entries()) {
    const random = randomOf(seed, 'cancellation', index);
    const change = testEvents.change?.create(at(events, original), now, index, random);
    if (!change) throw new RangeError(`changes is ${changes}, but no event changes another`);
    const lag = (0.01 + random()) * MAX_LAG;
    const message: TestMessage = { ...messageOf(change), kind: 'change' };
    queue.push({ at: index % 10 < OVERTAKING ? original - lag : original + lag, message });
  }
  return queue.sort((a, b) => a.at - b.at).map(({ message }) => message);

  function messageOf(event: AnyEvent): EventMessage {
    const attributes = catalogue.attributesOf(event);
    return { body: JSON.stringify(event), attributes, id: catalogue.idOf(event) };
  }
}

function checkOptions(numbers: Record<string, number>, seed: number): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`${name} is ${value}, but must be a whole number from 0`);
    }
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`seed is ${seed}, but must be a whole number from 0 to ${2 ** 32 - 1}`);
  }
  const { count = 0, duplicates = 0, changes = 0 } = numbers;
  if (duplicates > 0 && count === 0) throw new RangeError('duplicates need at least one event to repeat');
  if (changes > count) throw new RangeError(`changes is ${changes}, but there are ${count} to change`);
}

/** `o` for an event, `p` for poison, to tell them apart in a log. */
function idOf(seed: number, letter: 'o' | 'p', index: number): string {
  return `test-${seed.toString(36)}-${letter}${String(index + 1).padStart(6, '0')}`;
}
