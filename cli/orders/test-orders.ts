/** Test orders: made up, realistic, and the same every time for one seed. */
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { uniformFloat32 } from 'pure-rand/distribution/uniformFloat32';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { skipN } from 'pure-rand/utils/skipN';
import { ORDER_PLACED, SCHEMA_VERSION } from '../../contract/event-types.ts';
import { messageAttributes, type Order } from '../../contract/order.ts';
import { type Article, catalogue } from './catalogue.ts';

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

/** A message of a test run. */
export interface TestMessage {
  readonly body: string;
  readonly attributes: Record<string, MessageAttributeValue>;
  readonly kind: 'order' | 'duplicate' | 'poison';
  /**
   * Of a duplicate and of a conflict: the orderId of the order it belongs to. Which order of a conflicting pair is
   * recorded, and which is refused, is decided by arrival, at each consumer anew.
   */
  readonly orderId: string;
  /** Present exactly on poison. */
  readonly poison?: PoisonKind;
}

export interface GenerateOptions {
  /** How many valid, distinct orders. */
  readonly count: number;
  /** A whole number from 0 to 2^32 − 1. */
  readonly seed: number;
  /** How many exact copies of orders come on top. @default 0 */
  readonly duplicates?: number;
  /** How many messages that have to be refused come on top. @default 0 */
  readonly poison?: number;
  /** When the orders are placed. @default the current time */
  readonly now?: Date;
}

/** The orderIds under which two different orders come: each consumer records the first one, and has to refuse the other. */
export function idsInConflict(messages: readonly TestMessage[]): Set<string> {
  return new Set(messages.filter(({ poison }) => poison === 'conflict').map(({ orderId }) => orderId));
}

type Random = () => number;

/** A duplicate or a conflict comes at most this many orders after its order. */
const MAX_LAG = 200;

const customers = [
  { name: 'Ada Nowak', line1: 'ul. Piotrkowska 12', city: 'Łódź', postalCode: '90-001', country: 'PL' },
  {
    name: 'Bruno Lima',
    line1: 'Rua Augusta 1500',
    city: 'São Paulo',
    postalCode: '01304-001',
    country: 'BR',
  },
  { name: 'Chiyo Sato', line1: '千代田1-1', city: '東京', postalCode: '100-0001', country: 'JP' },
  {
    name: 'Dana Whitfield',
    line1: '400 Pine St',
    city: 'Seattle',
    region: 'WA',
    postalCode: '98101',
    country: 'US',
  },
  { name: 'Emil Karlsson', line1: 'Storgatan 5', city: 'Malmö', postalCode: '211 34', country: 'SE' },
  { name: 'Fiona Byrne', line1: '7 High Street', city: 'York', postalCode: 'YO1 7EP', country: 'GB' },
  {
    name: 'Georg Huber',
    line1: 'Marktplatz 3',
    line2: '2. Stock',
    city: 'Graz',
    postalCode: '8010',
    country: 'AT',
  },
] as const;

/** What a euro cent is in minor units of the currency, about. */
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

/**
 * Makes `count` orders, `duplicates` copies of some and `poison` messages that no consumer can process, about in the
 * order they would come. The same options give the same bytes; more duplicates or poison leave the orders as they are.
 * @throws RangeError for an option out of range
 */
export function generateOrders(options: GenerateOptions): TestMessage[] {
  const { count, seed, duplicates = 0, poison = 0, now = new Date() } = options;
  for (const [name, value] of Object.entries({ count, duplicates, poison })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`${name} is ${value}, but must be a whole number from 0`);
    }
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`seed is ${seed}, but must be a whole number from 0 to ${2 ** 32 - 1}`);
  }
  if (duplicates > 0 && count === 0) throw new RangeError('duplicates need at least one order to repeat');

  const placedAt = now.toISOString();
  const orders = Array.from({ length: count }, (_, index) =>
    newOrder(orderIdOf(seed, 'o', index), placedAt, randomOf(seed, 'order', index)),
  );
  const queue: { at: number; message: TestMessage }[] = orders.map((order, index) => ({
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

  // An order has at most one rival, and no copies besides: then each consumer refuses exactly one of the two.
  const rivals = shuffled(
    Array.from(orders.keys()).filter((index) => !repeated.has(index)),
    randomOf(seed, 'rivals', 0),
  );
  for (let index = 0; index < poison; index++) {
    const random = randomOf(seed, 'poison', index);
    const kind = at(POISON_KINDS, (seed + index) % POISON_KINDS.length);
    const rival = kind === 'conflict' ? rivals.pop() : undefined;
    if (rival !== undefined) {
      queue.push({ at: rival + random() * MAX_LAG, message: conflictWith(at(orders, rival)) });
      continue;
    }
    const order = newOrder(orderIdOf(seed, 'p', index), placedAt, random);
    // Where no order is left to conflict with, another poison takes its place.
    const message = poisonMessage(order, kind === 'conflict' ? 'wrong-total' : kind, random);
    queue.push({ at: random() * count, message });
  }
  return queue.sort((a, b) => a.at - b.at).map(({ message }) => message);
}

function newOrder(orderId: string, placedAt: string, random: Random): Order {
  const isDigital = random() < DIGITAL_SHARE;
  const choice = isDigital ? catalogue.filter((article) => !article.requiresShipping) : catalogue;
  const [currency, factor] = pick(currencies, random);
  const customer = Math.floor(random() * 500);

  const lines = 1 + weighted(lineCounts, (weight) => weight, random);
  const articles = Array.from({ length: lines }, () => weightedItem(choice, random));
  // Some shops put an article into a second line instead of raising the quantity.
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
    schemaVersion: SCHEMA_VERSION,
    orderId,
    placedAt,
    customerId: `customer-${customer}`,
    currency,
    items,
    total: sum(items),
    ...(!isDigital && { shippingAddress: { ...at(customers, customer % customers.length) } }),
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
    'unknown-version': () => JSON.stringify({ ...order, schemaVersion: SCHEMA_VERSION + 1 }),
    'missing-field': () => JSON.stringify(withoutCustomer),
    'zero-quantity': () => JSON.stringify({ ...order, items: withoutFirst, total: sum(withoutFirst) }),
  };
  // The attributes stay those of a good order, or the filter policies would keep the message from the consumers.
  return { ...toMessage(order), body: bodies[poison](), kind: 'poison', poison };
}

function toMessage(order: Order) {
  return { body: JSON.stringify(order), attributes: messageAttributes(order), orderId: order.orderId };
}

function sum(items: Order['items']): number {
  return items.reduce((total, { quantity, unitPrice }) => total + quantity * unitPrice, 0);
}

/** `o` for an order, `p` for poison, so that one glance at a log tells them apart. */
function orderIdOf(seed: number, letter: 'o' | 'p', index: number): string {
  return `test-${seed.toString(36)}-${letter}${String(index + 1).padStart(6, '0')}`;
}

/** A source of its own for each thing made, so that none depends on how many others there are. */
function randomOf(seed: number, purpose: string, index: number): Random {
  let state = seed;
  for (const char of `${purpose} ${index}`) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193);
  const generator = xoroshiro128plus(state);
  // The first numbers of neighbouring states are alike.
  skipN(generator, 16);
  return () => uniformFloat32(generator);
}

function pick<T>(items: readonly T[], random: Random): T {
  return at(items, Math.floor(random() * items.length));
}

function weightedItem(articles: readonly Article[], random: Random): Article {
  return at(
    articles,
    weighted(articles, (article) => article.popularity, random),
  );
}

/** An index into `items`, each as likely as its weight. */
function weighted<T>(items: readonly T[], weight: (item: T) => number, random: Random): number {
  let left = random() * items.reduce((all, item) => all + weight(item), 0);
  const index = items.findIndex((item) => {
    left -= weight(item);
    return left < 0;
  });
  return index === -1 ? items.length - 1 : index;
}

function shuffled<T>(items: Iterable<T>, random: Random): T[] {
  return Array.from(items, (item) => ({ item, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no element ${index} among ${items.length}`);
  return item;
}
