/** Realistic test orders, repeatable by seed. */
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { type Cancellation, ORDER_CANCELLED } from '../../contract/cancellation.ts';
import { messageAttributes, type OrderEvent } from '../../contract/events.ts';
import { ORDER_PLACED, type Order, requiresShipping } from '../../contract/order.ts';
import { type Article, catalogue } from './catalogue.ts';
import { at, pick, type Random, randomOf, shuffled, weighted } from './random.ts';

/** What is wrong with a poison message. A `conflict` is a valid order under the orderId of another valid order. */
export const POISON_KINDS = [
  'not-json',
  'wrong-total',
  'unknown-version',
  'missing-field',
  'zero-quantity',
  'conflict',
] as const;
export type PoisonKind = (typeof POISON_KINDS)[number];

export interface TestMessage {
  readonly body: string;
  readonly attributes: Record<string, MessageAttributeValue>;
  readonly kind: 'order' | 'duplicate' | 'cancellation' | 'poison';
  /**
   * For a duplicate, a cancellation and a conflict the orderId of its order. Each consumer records whichever of a conflicting pair
   * arrives first, and refuses the other.
   */
  readonly orderId: string;
  /** On poison only. */
  readonly poison?: PoisonKind;
}

export interface GenerateOptions {
  /** How many valid, distinct orders. */
  readonly count: number;
  /** A whole number from 0 to 2^32 − 1. */
  readonly seed: number;
  /** Additional exact copies of orders. @default 0 */
  readonly duplicates?: number;
  /** Additional messages that must be refused. @default 0 */
  readonly poison?: number;
  /** How many orders are cancelled, each by an additional message, some before the order arrives. @default 0 */
  readonly cancellations?: number;
  /** How many customers order, at most. @default 500 */
  readonly customers?: number;
  /** When the orders are placed. @default the current time */
  readonly now?: Date;
}

/** The orderIds of the orders that are cancelled. */
export function cancelledIds(messages: readonly TestMessage[]): Set<string> {
  return new Set(messages.filter(({ kind }) => kind === 'cancellation').map(({ orderId }) => orderId));
}

/** The orderIds under which two different orders come: each consumer records the first one, and has to refuse the other. */
export function idsInConflict(messages: readonly TestMessage[]): Set<string> {
  return new Set(messages.filter(({ poison }) => poison === 'conflict').map(({ orderId }) => orderId));
}

/** A duplicate, a cancellation or a conflict comes at most this many orders after its order. */
const MAX_LAG = 200;
/** How many cancellations of ten overtake their order. */
const OVERTAKING = 3;
const REASONS = ['changed my mind', 'ordered twice', 'found it cheaper', 'payment failed'] as const;

const people = [
  { name: 'Ada Nowak', line1: 'ul. Piotrkowska 12', city: 'Łódź', postalCode: '90-001', country: 'PL' },
  { name: 'Bruno Lima', line1: 'Rua Augusta 9', city: 'São Paulo', postalCode: '01304-001', country: 'BR' },
  { name: 'Chiyo Sato', line1: '千代田1-1', city: '東京', postalCode: '100-0001', country: 'JP' },
  {
    name: 'Dan White',
    line1: '4 Pine St',
    city: 'Seattle',
    region: 'WA',
    postalCode: '98101',
    country: 'US',
  },
  { name: 'Emil Karlsson', line1: 'Storgatan 5', city: 'Malmö', postalCode: '211 34', country: 'SE' },
  { name: 'Fiona Byrne', line1: '7 High Street', city: 'York', postalCode: 'YO1 7EP', country: 'GB' },
  {
    name: 'Georg Huber',
    line1: 'Markt 3',
    line2: '2. Stock',
    city: 'Graz',
    postalCode: '8010',
    country: 'AT',
  },
] as const;

/** Approximate worth of a euro cent in minor units of the currency. */
const currencies = [
  ['EUR', 1],
  ['USD', 1.1],
  ['GBP', 0.85],
  ['SEK', 11],
  ['JPY', 1.6],
] as const;

/** How many of twenty orders have 1, 2, 3, … lines. */
const lineCounts = [9, 5, 3, 2, 1];
const DIGITAL_SHARE = 0.3;

/** A message, and where it comes: the order with this index, or between two. */
interface Placed {
  readonly at: number;
  readonly message: TestMessage;
}

/**
 * Makes `count` orders, `duplicates` copies of some, `cancellations` of some and `poison` messages that no consumer can process,
 * roughly in order of arrival. The same options give the same bytes; additional messages do not change the orders.
 * @throws RangeError for an option out of range
 */
export function generateOrders(options: GenerateOptions): TestMessage[] {
  const { count, seed, duplicates = 0, poison = 0, cancellations = 0, now = new Date() } = options;
  const { customers = 500 } = options;
  for (const [name, value] of Object.entries({ count, duplicates, poison, cancellations, customers })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`${name} is ${value}, but must be a whole number from 0`);
    }
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`seed is ${seed}, but must be a whole number from 0 to ${2 ** 32 - 1}`);
  }
  if (duplicates > 0 && count === 0) throw new RangeError('duplicates need at least one order to repeat');
  if (cancellations > count) {
    throw new RangeError(`cancellations is ${cancellations}, but there are ${count} orders to cancel`);
  }

  const placedAt = now.toISOString();
  const orders = Array.from({ length: count }, (_, index) =>
    newOrder(orderIdOf(seed, 'o', index), placedAt, customers, randomOf(seed, 'order', index)),
  );
  const queue: Placed[] = orders.map((order, index) => ({
    at: index,
    message: { ...toMessage(order), kind: 'order' },
  }));

  const repeated = new Set<number>();
  for (let index = 0; index < duplicates; index++) {
    const random = randomOf(seed, 'duplicate', index);
    const original = Math.floor(random() * count);
    repeated.add(original);
    queue.push({
      at: original + random() * MAX_LAG,
      message: { ...toMessage(at(orders, original)), kind: 'duplicate' },
    });
  }
  const single = Array.from(orders.keys()).filter((index) => !repeated.has(index));
  // An order has at most one rival and no copies, so that each consumer refuses exactly one of the two.
  const rivals = shuffled(single, randomOf(seed, 'rivals', 0));
  for (let index = 0; index < poison; index++) {
    const random = randomOf(seed, 'poison', index);
    const kind = at(POISON_KINDS, (seed + index) % POISON_KINDS.length);
    const rival = kind === 'conflict' ? rivals.pop() : undefined;
    if (rival !== undefined) {
      queue.push({ at: rival + random() * MAX_LAG, message: conflictWith(at(orders, rival)) });
      continue;
    }
    const order = newOrder(orderIdOf(seed, 'p', index), placedAt, customers, random);
    // Where no order is left to conflict with, another poison takes its place.
    const message = poisonMessage(order, kind === 'conflict' ? 'wrong-total' : kind, random);
    queue.push({ at: random() * orders.length, message });
  }
  const cancelled = shuffled(orders.keys(), randomOf(seed, 'cancelled', 0)).slice(0, cancellations);
  for (const [index, original] of cancelled.entries()) {
    const random = randomOf(seed, 'cancellation', index);
    const message = cancellationOf(at(orders, original), now, index, random);
    const lag = (0.01 + random()) * MAX_LAG;
    queue.push({ at: index % 10 < OVERTAKING ? original - lag : original + lag, message });
  }
  return queue.sort((a, b) => a.at - b.at).map(({ message }) => message);
}

function cancellationOf(order: Order, now: Date, index: number, random: Random): TestMessage {
  const cancellation: Cancellation = {
    eventType: ORDER_CANCELLED,
    schemaVersion: 1,
    orderId: order.orderId,
    customerId: order.customerId,
    cancelledAt: new Date(now.getTime() + Math.floor(random() * 1000)).toISOString(),
    reason: pick(REASONS, random),
    // Sometimes the publisher does not know.
    ...(index % 5 !== 0 && { requiresShipping: requiresShipping(order) }),
  };
  return { ...toMessage(cancellation), kind: 'cancellation' };
}

function newOrder(orderId: string, placedAt: string, customers: number, random: Random): Order {
  const isDigital = random() < DIGITAL_SHARE;
  const choice = isDigital ? catalogue.filter((article) => !article.requiresShipping) : catalogue;
  const [currency, factor] = pick(currencies, random);
  const customer = Math.floor(random() * customers);

  const lines = 1 + weighted(lineCounts, (weight) => weight, random);
  const articles = Array.from({ length: lines }, () => weightedItem(choice, random));
  // Some shops repeat a line instead of raising the quantity.
  if (lines > 1 && random() < 0.1) articles[lines - 1] = at(articles, 0);
  if (!isDigital && !articles.some((article) => article.requiresShipping)) {
    articles[0] = pick(
      catalogue.filter((article) => article.requiresShipping && article.popularity === 1),
      random,
    );
  }

  const items = articles.map(({ sku, price, requiresShipping }) => ({
    sku,
    quantity: random() < 0.8 ? 1 : 2 + Math.floor(random() * 4),
    unitPrice: Math.round(price * factor),
    requiresShipping,
  }));
  return {
    eventType: ORDER_PLACED,
    schemaVersion: 1,
    orderId,
    placedAt,
    customerId: `customer-${customer}`,
    currency,
    items,
    total: sum(items),
    ...(!isDigital && { shippingAddress: { ...at(people, customer % people.length) } }),
  };
}

function conflictWith(order: Order): TestMessage {
  const [first, ...others] = order.items;
  if (!first) throw new Error(`order ${order.orderId} has no items`);
  const items = [{ ...first, quantity: first.quantity + 1 }, ...others];
  return { ...toMessage({ ...order, items, total: sum(items) }), kind: 'poison', poison: 'conflict' };
}

function poisonMessage(order: Order, poison: Exclude<PoisonKind, 'conflict'>, random: Random): TestMessage {
  const [first, ...others] = order.items;
  if (!first) throw new Error(`order ${order.orderId} has no items`);
  const withoutFirst = [{ ...first, quantity: 0 }, ...others];
  const { customerId: _, ...withoutCustomer } = order;
  const bodies = {
    'not-json': () => JSON.stringify(order).slice(0, -1 - Math.floor(random() * 40)),
    'wrong-total': () => JSON.stringify({ ...order, total: order.total + 1 }),
    'unknown-version': () => JSON.stringify({ ...order, schemaVersion: 2 }),
    'missing-field': () => JSON.stringify(withoutCustomer),
    'zero-quantity': () => JSON.stringify({ ...order, items: withoutFirst, total: sum(withoutFirst) }),
  };
  // With the attributes of a valid order, so that filter policies let it through.
  return { ...toMessage(order), body: bodies[poison](), kind: 'poison', poison };
}

function toMessage(event: OrderEvent) {
  return { body: JSON.stringify(event), attributes: messageAttributes(event), orderId: event.orderId };
}

function sum(items: Order['items']): number {
  return items.reduce((total, { quantity, unitPrice }) => total + quantity * unitPrice, 0);
}

/** `o` for an order, `p` for poison, to tell them apart in a log. */
function orderIdOf(seed: number, letter: 'o' | 'p', index: number): string {
  return `test-${seed.toString(36)}-${letter}${String(index + 1).padStart(6, '0')}`;
}

function weightedItem(articles: readonly Article[], random: Random): Article {
  return at(
    articles,
    weighted(articles, (article) => article.popularity, random),
  );
}
