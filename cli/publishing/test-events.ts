/** Test events of the domain, repeatable by seed. */
import { domain } from '#domain';
import type { Domain } from '../../contract/domain.ts';
import type { AnyEvent } from '../../contract/event-catalogue.ts';
import { at, type Random, randomOf, shuffled } from '../../contract/random.ts';
import { NOUN } from '../terminal/words.ts';
import type { EventMessage } from './batches.ts';

/** What is wrong with a valid event that has the ID of another one. */
const CONFLICT = 'conflict';

const { testEvents }: Domain = domain;

/** What can be wrong with poison; empty for a domain without any. */
export const POISON_KINDS: readonly string[] = [
  ...Object.keys(testEvents.poison),
  ...(testEvents.conflictWith ? [CONFLICT] : []),
];

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
  return testEvents.poison[poison]?.error;
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
  const create = (letter: 'o' | 'p', index: number, random: Random) =>
    testEvents.create(idOf(seed, letter, index), now, groups, random);
  const events = Array.from({ length: count }, (_, index) => create('o', index, randomOf(seed, NOUN, index)));
  const published = events.map((event, index): Placed => ({ at: index, message: messageOf(event, 'event') }));
  const copies = copiesOf(events, duplicates, seed);
  const copied = new Set(copies.map(({ message }) => message.id));
  const single = Array.from(events.keys()).filter((index) => !copied.has(published[index]?.message.id ?? ''));
  return [
    ...published,
    ...copies,
    ...poisonAmong(events, single, poison, seed, (index, random) => create('p', index, random)),
    ...changesOf(events, changes, seed, now),
  ]
    .sort((a, b) => a.at - b.at)
    .map(({ message }) => message);
}

function copiesOf(events: readonly AnyEvent[], duplicates: number, seed: number): Placed[] {
  return Array.from({ length: duplicates }, (_, index) => {
    const random = randomOf(seed, 'duplicate', index);
    const original = Math.floor(random() * events.length);
    return { at: original + random() * MAX_LAG, message: messageOf(at(events, original), 'duplicate') };
  });
}

/**
 * @param single indexes of events without copies: each has at most one rival, so that each consumer refuses exactly one of the two
 * @param create makes a valid event, for poison to be made of
 */
function poisonAmong(
  events: readonly AnyEvent[],
  single: readonly number[],
  poison: number,
  seed: number,
  create: (index: number, random: Random) => AnyEvent,
): Placed[] {
  const rivals = testEvents.conflictWith ? shuffled(single, randomOf(seed, 'rivals', 0)) : [];
  return Array.from({ length: poison }, (_, index): Placed => {
    const random = randomOf(seed, 'poison', index);
    const kind = at(POISON_KINDS, (seed + index) % POISON_KINDS.length);
    const rival = kind === CONFLICT ? rivals.pop() : undefined;
    if (rival !== undefined && testEvents.conflictWith) {
      const message = messageOf(testEvents.conflictWith(at(events, rival)), 'poison');
      return { at: rival + random() * MAX_LAG, message: { ...message, poison: kind } };
    }
    const event = create(index, random);
    // Where nothing is left to be in conflict with, another poison takes its place.
    const made = kind === CONFLICT ? at(POISON_KINDS, 0) : kind;
    const body = testEvents.poison[made]?.body(event, random) ?? '';
    // With the attributes of a valid event, so that filter policies let it through.
    const message = { ...messageOf(event, 'poison'), body, poison: made };
    return { at: random() * events.length, message };
  });
}

function changesOf(events: readonly AnyEvent[], changes: number, seed: number, now: Date): Placed[] {
  const changed = shuffled(events.keys(), randomOf(seed, 'cancelled', 0)).slice(0, changes);
  return changed.map((original, index) => {
    const random = randomOf(seed, 'cancellation', index);
    const change = testEvents.change?.create(at(events, original), now, index, random);
    if (!change) throw new RangeError(`changes is ${changes}, but no event changes another`);
    const lag = (0.01 + random()) * MAX_LAG;
    const isAhead = index % 10 < OVERTAKING;
    return { at: isAhead ? original - lag : original + lag, message: messageOf(change, 'change') };
  });
}

function messageOf(event: AnyEvent, kind: TestMessage['kind']): TestMessage {
  const { events } = domain;
  return {
    body: JSON.stringify(event),
    attributes: events.attributesOf(event),
    id: events.idOf(event),
    kind,
  };
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
  const { count = 0, duplicates = 0, changes = 0, poison = 0 } = numbers;
  if (duplicates > 0 && count === 0) throw new RangeError('duplicates need at least one event to repeat');
  if (poison > 0 && POISON_KINDS.length === 0)
    throw new RangeError(`poison is ${poison}, but the domain has none`);
  if (changes > count) throw new RangeError(`changes is ${changes}, but there are ${count} to change`);
}

/** `o` for an event, `p` for poison, to tell them apart in a log. */
function idOf(seed: number, letter: 'o' | 'p', index: number): string {
  return `test-${seed.toString(36)}-${letter}${String(index + 1).padStart(6, '0')}`;
}
