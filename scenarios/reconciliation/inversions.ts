// Whether a consumer processed the events of each group in the sequence in which they were published.
import fs from 'node:fs';
import path from 'node:path';
import { domain } from '#domain';
import type { StackHandles } from '../../cli/aws/stack.ts';
import { groupOf } from '../../cli/publishing/message-group.ts';
import { changedIds, type TestMessage } from '../../cli/publishing/test-events.ts';
import { count } from '../../cli/terminal/text.ts';
import { GROUP, ID_FIELD, NOUN, NOUNS } from '../../cli/terminal/words.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import type { Domain } from '../../contract/domain.ts';
import type { Difference } from './differences.ts';
import type { Letters } from './snapshot.ts';

/** What a consumer's log says of an event that has a record. */
const RECORDED = (domain as Domain).endState?.recorded ?? ['created'];
const DUPLICATE = 'duplicate';

/** A line of a consumer's log about one event. */
interface LogLine {
  readonly outcome: string;
  readonly id: string;
}

/**
 * Events that a consumer recorded after a later one of the same group.
 * @param messages as they were published; of the events with one ID the first one counts
 * @param recorded IDs of events, as the consumer recorded them one after the other
 */
export function inversions(messages: readonly TestMessage[], recorded: Iterable<string>): number {
  const published = new Map<string, { place: number; group: string }>();
  for (const [place, message] of messages.entries()) {
    if (message.kind === 'change' || published.has(message.id)) continue;
    published.set(message.id, { place, group: groupOf(message) });
  }
  const latest = new Map<string, number>();
  let inverted = 0;
  for (const id of recorded) {
    const event = published.get(id);
    if (!event) continue;
    const before = latest.get(event.group) ?? -1;
    if (event.place < before) inverted += 1;
    latest.set(event.group, Math.max(before, event.place));
  }
  return inverted;
}

/**
 * The events that a log says are recorded, each at its first mention. A function that ends between its write and its log line
 * leaves a record of which the next try says `duplicate`: the event was recorded by then. Its group waited for that try, so on a
 * FIFO queue this makes no false inversion. For an event that was changed as well, `duplicate` may be about the change, and says
 * nothing.
 * @param changed IDs of the events that were changed
 */
function recordedEvents(lines: Iterable<LogLine>, changed: ReadonlySet<string>): Set<string> {
  const recorded = new Set<string>();
  for (const { outcome, id } of lines) {
    const isKnown = outcome === DUPLICATE && !changed.has(id);
    if (RECORDED.includes(outcome) || isKnown) recorded.add(id);
  }
  return recorded;
}

/**
 * The inversions of each consumer of a local run, by the log of its function, whose lines are in the sequence in which they were
 * written: a FIFO queue hands out the next message of a group only after the previous one is answered.
 * @param logDirectory where the run keeps its functions' logs
 * @param letters what was dead-lettered. Such an event is left out at the consumer that dead-lettered it: its group went on, and a
 * redrive puts it behind them.
 */
export function inversionsByConsumer(
  stack: StackHandles,
  messages: readonly TestMessage[],
  logDirectory: string,
  letters: Letters = new Map(),
): Record<string, number> {
  const changed = changedIds(messages);
  const consumers = stack.consumers.filter(({ name }) => name !== ARCHIVE);
  return Object.fromEntries(
    consumers.map(({ name, functionName }) => {
      const lines = linesOf(path.join(logDirectory, `${functionName}.log`));
      const leftOut = deadLettered(messages, letters.get(name));
      const recorded = [...recordedEvents(lines, changed)].filter((id) => !leftOut.has(id));
      return [name, inversions(messages, recorded)];
    }),
  );
}

/**
 * The inversions that must not be: those of consumers that keep the sequence of each group.
 * @param ordered the consumers that do so
 */
export function outOfSequence(
  inversions: Readonly<Record<string, number>>,
  ordered: ReadonlySet<string>,
): Difference[] {
  return Object.entries(inversions)
    .filter(([consumer, inverted]) => ordered.has(consumer) && inverted > 0)
    .map(([consumer, inverted]) => ({
      consumer,
      problem: `${count(inverted, NOUN, NOUNS)} processed after a later one of the same ${GROUP}`,
    }));
}

/** IDs of the events among dead letters. */
function deadLettered(
  messages: readonly TestMessage[],
  letters: ReadonlyMap<string, unknown> = new Map(),
): Set<string> {
  const events = messages.filter(({ kind, body }) => kind === 'event' && letters.has(body));
  return new Set(events.map(({ id }) => id));
}

function linesOf(file: string): LogLine[] {
  // A function that was never invoked has no log.
  if (!fs.existsSync(file)) return [];
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const { message, [ID_FIELD]: id } = entryOf(line);
      return typeof id === 'string' ? [{ outcome: String(message), id }] : [];
    });
}

/** Not every line is JSON: Node's own warnings are not. */
function entryOf(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {};
  }
}

/** The consumers of a stack that keep the sequence of each group: none where the topic does not. */
export function orderedConsumers({ consumers }: StackHandles): Set<string> {
  return new Set(consumers.filter(({ queueUrl }) => queueUrl.endsWith('.fifo')).map(({ name }) => name));
}

/** Whether the topic of a stack keeps the sequence of each group, and drops copies. */
export function isOrdered({ topicArn }: StackHandles): boolean {
  return topicArn.endsWith('.fifo');
}

/** What a topic lets through: a FIFO one throws a copy away, within five minutes. */
export function withoutCopies(messages: readonly TestMessage[]): TestMessage[] {
  return [...new Map(messages.map((message) => [message.body, message])).values()];
}
