/** Realistic test orders, and what can be wrong with them. */
import type { Poison, TestEvents } from '../contract/domain.ts';
import { at, pick, type Random, weighted } from '../contract/random.ts';
import { type Article, catalogue } from './articles.ts';
import { type Cancellation, ORDER_CANCELLED } from './cancellation.ts';
import { ORDER_PLACED, type Order, requiresShipping } from './order.ts';

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

export const testOrders: TestEvents<Order> = {
  create: newOrder,
  conflictWith(order) {
    const [first, ...others] = itemsOf(order);
    return withItems(order, [{ ...first, quantity: first.quantity + 1 }, ...others]);
  },
  poison: {
    'not-json': poison('NotJson', (order, random) =>
      JSON.stringify(order).slice(0, -1 - Math.floor(random() * 40)),
    ),
    'wrong-total': poison('SchemaViolation', (order) => JSON.stringify({ ...order, total: order.total + 1 })),
    'unknown-version': poison('UnknownVersion', (order) => JSON.stringify({ ...order, schemaVersion: 2 })),
    'missing-field': poison('SchemaViolation', ({ customerId: _, ...order }) => JSON.stringify(order)),
    'zero-quantity': poison('SchemaViolation', (order) => {
      const [first, ...others] = itemsOf(order);
      return JSON.stringify(withItems(order, [{ ...first, quantity: 0 }, ...others]));
    }),
  },
  change: {
    plural: 'cancellations',
    singular: 'cancellation',
    participle: 'cancelled',
    create: cancellationOf,
  },
};

/** @param customers how many customers order, at most */
function newOrder(orderId: string, now: Date, customers: number, random: Random): Order {
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
    placedAt: now.toISOString(),
    customerId: `customer-${customer}`,
    currency,
    items,
    total: sum(items),
    ...(!isDigital && { shippingAddress: { ...at(people, customer % people.length) } }),
  };
}

function cancellationOf(order: Order, now: Date, index: number, random: Random): Cancellation {
  return {
    eventType: ORDER_CANCELLED,
    schemaVersion: 1,
    orderId: order.orderId,
    customerId: order.customerId,
    cancelledAt: new Date(now.getTime() + Math.floor(random() * 1000)).toISOString(),
    reason: pick(REASONS, random),
    // Sometimes the publisher does not know.
    ...(index % 5 !== 0 && { requiresShipping: requiresShipping(order) }),
  };
}

function poison(error: string, body: Poison<Order>['body']): Poison<Order> {
  return { error, body };
}

function itemsOf({ orderId, items: [first, ...others] }: Order): [Order['items'][number], ...Order['items']] {
  if (!first) throw new Error(`order ${orderId} has no items`);
  return [first, ...others];
}

function withItems(order: Order, items: Order['items']): Order {
  return { ...order, items, total: sum(items) };
}

function sum(items: Order['items']): number {
  return items.reduce((total, { quantity, unitPrice }) => total + quantity * unitPrice, 0);
}

function weightedItem(articles: readonly Article[], random: Random): Article {
  return at(
    articles,
    weighted(articles, (article) => article.popularity, random),
  );
}
