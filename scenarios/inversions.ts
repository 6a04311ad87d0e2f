// Whether a consumer processed the orders of each customer in the order in which they were published.
import fs from 'node:fs';
import path from 'node:path';
import type { StackHandles } from '../cli/aws/stack.ts';
import { customerGroup } from '../cli/orders/customer-group.ts';
import type { TestMessage } from '../cli/orders/test-orders.ts';

/** What a consumer's log says when an order was recorded for the first time: see `Outcome` in lambda/order-consumer.ts. */
const RECORDED = new Set(['created', 'backordered']);

/**
 * Orders that a consumer recorded after a later one of the same customer.
 * @param messages in the order of publishing; of those with one orderId the first one counts
 * @param recorded IDs of orders, in the order in which the consumer recorded them
 */
export function inversions(messages: readonly TestMessage[], recorded: readonly string[]): number {
  const published = new Map<string, { place: number; customer: string }>();
  for (const [place, message] of messages.entries()) {
    if (published.has(message.orderId)) continue;
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
 * The same for each consumer of a local run, by the log of its function: its lines are in the order in which they were said, and of a
 * group of a FIFO queue the next message is handed out only when the answer about the one before is there.
 * @param logDirectory where the run keeps its functions' logs
 */
export function inversionsByConsumer(
  stack: StackHandles,
  messages: readonly TestMessage[],
  logDirectory: string,
): Record<string, number> {
  return Object.fromEntries(
    stack.consumers.map(({ name, functionName }) => [
      name,
      inversions(messages, recordedIn(path.join(logDirectory, `${functionName}.log`))),
    ]),
  );
}

function recordedIn(file: string): string[] {
  // A function that was never invoked has no log.
  if (!fs.existsSync(file)) return [];
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const { message, orderId } = entryOf(line);
      return RECORDED.has(String(message)) && typeof orderId === 'string' ? [orderId] : [];
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

/** Whether a stack keeps each customer's order. */
export function isOrdered({ topicArn }: StackHandles): boolean {
  return topicArn.endsWith('.fifo');
}

/** What a topic lets through: a FIFO one throws a copy away, within five minutes. */
export function withoutCopies(messages: readonly TestMessage[]): TestMessage[] {
  return [...new Map(messages.map((message) => [message.body, message])).values()];
}
