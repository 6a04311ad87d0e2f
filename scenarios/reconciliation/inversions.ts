// Whether a consumer processed the orders of each customer in the order in which they were published.
import fs from 'node:fs';
import path from 'node:path';
import type { StackHandles } from '../../cli/aws/stack.ts';
import { changedIds, type TestMessage } from '../../cli/publishing/test-events.ts';
import { customerGroup } from '../../cli/publishing/customer-group.ts';
import { count } from '../../cli/terminal/text.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import type { Difference } from './differences.ts';
import type { Letters } from './snapshot.ts';

/** What a consumer's log says of an order that has a record: see `Outcome` in lambda/order-consumer.ts. */
const RECORDED = ['created', 'backordered'];
const DUPLICATE = 'duplicate';

/** A line of a consumer's log about one event. */
interface LogLine {
  readonly outcome: string;
  readonly orderId: string;
}

/**
 * Orders that a consumer recorded after a later one of the same customer.
 * @param messages in the order of publishing; of the orders with one ID the first one counts
 * @param recorded IDs of orders, in the order in which the consumer recorded them
 */
export function inversions(messages: readonly TestMessage[], recorded: Iterable<string>): number {
  const published = new Map<string, { place: number; customer: string }>();
  for (const [place, message] of messages.entries()) {
    if (message.kind === 'cancellation' || published.has(message.orderId)) continue;
    published.set(message.orderId, { place, customer: customerGroup(message) });
  }
  const latest = new Map<string, number>();
  let inverted = 0;
  for (const orderId of recorded) {
    const order = published.get(orderId);
    if (!order) continue;
    const before = latest.get(order.customer) ?? -1;
    if (order.place < before) inverted += 1;
    latest.set(order.customer, Math.max(before, order.place));
  }
  return inverted;
}

/**
 * The orders that a log says are recorded, each at its first mention. A function that ends between its write and its log line
 * leaves a record of which the next try says `duplicate`: the order was recorded by then. Its group waited for that try, so on a
 * FIFO queue this makes no false inversion. For an order that was cancelled as well, `duplicate` may be about the cancellation, and
 * says nothing.
 * @param cancelled IDs of the orders that were cancelled
 */
function recordedOrders(lines: Iterable<LogLine>, cancelled: ReadonlySet<string>): Set<string> {
  const recorded = new Set<string>();
  for (const { outcome, orderId } of lines) {
    const isKnown = outcome === DUPLICATE && !cancelled.has(orderId);
    if (RECORDED.includes(outcome) || isKnown) recorded.add(orderId);
  }
  return recorded;
}

/**
 * The inversions of each consumer of a local run, by the log of its function, whose lines are in the order in which they were
 * written: a FIFO queue hands out the next message of a group only after the previous one is answered.
 * @param logDirectory where the run keeps its functions' logs
 * @param letters what was dead-lettered. Such an order is left out at the consumer that dead-lettered it: its group went on, and a
 * redrive puts it behind them.
 */
export function inversionsByConsumer(
  stack: StackHandles,
  messages: readonly TestMessage[],
  logDirectory: string,
  letters: Letters = new Map(),
): Record<string, number> {
  const cancelled = changedIds(messages);
  const consumers = stack.consumers.filter(({ name }) => name !== ARCHIVE);
  return Object.fromEntries(
    consumers.map(({ name, functionName }) => {
      const lines = linesOf(path.join(logDirectory, `${functionName}.log`));
      const leftOut = deadLettered(messages, letters.get(name));
      const recorded = [...recordedOrders(lines, cancelled)].filter((orderId) => !leftOut.has(orderId));
      return [name, inversions(messages, recorded)];
    }),
  );
}

/**
 * The inversions that must not be: those of consumers that keep each customer's order.
 * @param ordered the consumers that do so
 */
export function disorder(
  inversions: Readonly<Record<string, number>>,
  ordered: ReadonlySet<string>,
): Difference[] {
  return Object.entries(inversions)
    .filter(([consumer, inverted]) => ordered.has(consumer) && inverted > 0)
    .map(([consumer, inverted]) => ({
      consumer,
      problem: `${count(inverted, 'order')} processed after a later one of the same customer`,
    }));
}

/** IDs of the orders among dead letters. */
function deadLettered(
  messages: readonly TestMessage[],
  letters: ReadonlyMap<string, unknown> = new Map(),
): Set<string> {
  const orders = messages.filter(({ kind, body }) => kind === 'order' && letters.has(body));
  return new Set(orders.map(({ orderId }) => orderId));
}

function linesOf(file: string): LogLine[] {
  // A function that was never invoked has no log.
  if (!fs.existsSync(file)) return [];
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const { message, orderId } = entryOf(line);
      return typeof orderId === 'string' ? [{ outcome: String(message), orderId }] : [];
    });
}

/** Not every line is JSON: Node's own warnings are not. */
function entryOf(line: string): { message?: unknown; orderId?: unknown } {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {};
  }
}

/** The consumers of a stack that keep each customer's order: none where the topic does not. */
export function orderedConsumers({ consumers }: StackHandles): Set<string> {
  return new Set(consumers.filter(({ queueUrl }) => queueUrl.endsWith('.fifo')).map(({ name }) => name));
}

/** Whether the topic of a stack keeps each customer's order, and drops copies. */
export function isOrdered({ topicArn }: StackHandles): boolean {
  return topicArn.endsWith('.fifo');
}

/** What a topic lets through: a FIFO one throws a copy away, within five minutes. */
export function withoutCopies(messages: readonly TestMessage[]): TestMessage[] {
  return [...new Map(messages.map((message) => [message.body, message])).values()];
}
