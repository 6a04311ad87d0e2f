import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type GenerateOptions, generateEvents } from '../../../cli/publishing/test-events.ts';
import { catalogue } from '../../../domain/articles.ts';
import { orderEvents } from '../../../domain/events.ts';
import { ORDER_PLACED, type Order, requiresShipping } from '../../../domain/order.ts';
import { testOrders } from '../../../domain/test-orders.ts';

const POISON_KINDS = [...Object.keys(testOrders.poison), 'conflict'];

const now = new Date('2026-11-22T17:00:00Z');
const options = fc.record({
  count: fc.integer({ min: 1, max: 60 }),
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  duplicates: fc.nat(20),
  poison: fc.nat(20),
  now: fc.constant(now),
});

const generate = (changes: Partial<GenerateOptions> = {}) =>
  generateEvents({ count: 200, seed: 1, now, ...changes });
const ordersOf = (messages: ReturnType<typeof generateEvents>): Order[] =>
  messages.filter(({ kind }) => kind === 'event').map(({ body }) => JSON.parse(body));

test('whatever is asked for, messages are what they say', () => {
  fc.assert(
    fc.property(options, (each) => {
      const messages = generateEvents(each);
      const {
        event: orders = [],
        duplicate = [],
        poison = [],
      } = Object.groupBy(messages, ({ kind }) => kind);
      const byId = new Map(orders.map((message) => [message.id, message]));

      // The same options give the same messages, as many of each kind as were asked for.
      expect(generateEvents(each)).toEqual(messages);
      expect([orders.length, duplicate.length, poison.length]).toEqual([
        each.count,
        each.duplicates,
        each.poison,
      ]);
      expect(byId.size).toBe(each.count);
      for (const { body, attributes, id } of orders) {
        const order = JSON.parse(body);
        expect(orderEvents.check(order, [ORDER_PLACED])).toEqual({ event: order });
        expect(order.orderId).toBe(id);
        expect(attributes).toEqual(orderEvents.attributesOf(order));
      }
      for (const { body, id } of duplicate) expect(body).toBe(byId.get(id)?.body);
      for (const { body, poison: kind, attributes, id } of poison) {
        if (kind === 'conflict') {
          // A valid order for the same consumers, under the orderId of one other order without copies.
          expect(orderEvents.check(JSON.parse(body), [ORDER_PLACED])).toHaveProperty('event');
          expect(messages.filter((message) => message.id === id)).toHaveLength(2);
          expect(byId.get(id)?.body).not.toBe(body);
          expect(byId.get(id)?.attributes).toEqual(attributes);
        } else {
          if (kind === 'not-json') expect(() => JSON.parse(body)).toThrow();
          else expect(orderEvents.check(JSON.parse(body), [ORDER_PLACED])).toHaveProperty('problems');
          // Filters let it through.
          expect(attributes.eventType?.StringValue).toBe('order.placed');
        }
      }
    }),
  );
});

test('no more customers order than were asked for', () => {
  const customers = ordersOf(generate({ groups: 3 })).map(({ customerId }) => customerId);

  expect(new Set(customers)).toEqual(new Set(['customer-0', 'customer-1', 'customer-2']));
});

describe('cancellations', () => {
  const cancelled = generate({ count: 1000, changes: 100 });
  const found = cancelled.filter(({ kind }) => kind === 'change');

  test('are as many as asked for, each of another order, and keep the contract', () => {
    const orders = new Map(ordersOf(cancelled).map((order) => [order.orderId, order]));

    expect(new Set(found.map(({ id }) => id)).size).toBe(100);
    for (const { body, attributes, id } of found) {
      const event = JSON.parse(body);
      const order = orders.get(id) as Order;
      expect(orderEvents.check(event)).toEqual({ event });
      expect(event.orderId).toBe(id);
      expect(event.customerId).toBe(order.customerId);
      expect([undefined, requiresShipping(order)]).toContain(event.requiresShipping);
      expect(attributes).toEqual(orderEvents.attributesOf(event));
    }
  });

  test('come after their orders, and some before', () => {
    const position = (of: string, kind: string) =>
      cancelled.findIndex((message) => message.id === of && message.kind === kind);
    const overtaking = found.filter(({ id }) => position(id, 'change') < position(id, 'event'));

    expect(overtaking).toHaveLength(30);
  });
});

test('another seed gives other orderIds and other orders', () => {
  const [first] = generate({ seed: 1 });
  const [second] = generate({ seed: 2 });

  expect(first?.id).not.toBe(second?.id);
  expect({ ...JSON.parse(first?.body ?? ''), orderId: '' }).not.toEqual({
    ...JSON.parse(second?.body ?? ''),
    orderId: '',
  });
});

test('what comes on top leaves the orders as they are', () => {
  expect(ordersOf(generate({ duplicates: 20, poison: 20, changes: 20 }))).toEqual(ordersOf(generate()));
});

test('all orders are placed at the time given', () => {
  expect(new Set(ordersOf(generate()).map(({ placedAt }) => placedAt))).toEqual(new Set([now.toISOString()]));
});

test('poison is of all kinds', () => {
  const kinds = generate({ poison: POISON_KINDS.length }).flatMap(({ poison }) => poison ?? []);

  expect(kinds.sort()).toEqual([...POISON_KINDS].sort());
});

test.each([
  ['wrong-total', ['total']],
  ['unknown-version', ['schemaVersion']],
  ['missing-field', ['customerId']],
  ['zero-quantity', ['items[0].quantity']],
])('%s is wrong in nothing but %j', (kind, fields) => {
  const poison = generate({ poison: 12 }).filter((message) => message.poison === kind);

  expect(poison).toHaveLength(2);
  for (const { body } of poison) {
    expect(orderEvents.check(JSON.parse(body), [ORDER_PLACED])).toEqual({
      problems: fields.map((field) => ({ field, message: expect.any(String) })),
    });
  }
});

test('duplicates come after their orders and not all at the end', () => {
  const messages = generate({ count: 2000, duplicates: 50 });
  const positions = messages.flatMap(({ kind }, index) => (kind === 'duplicate' ? [index] : []));

  for (const position of positions) {
    const { id } = messages[position] ?? {};
    expect(messages.findIndex((message) => message.id === id)).toBeLessThan(position);
  }
  expect(positions[0]).toBeLessThan(1000);
});

test('about three in ten orders ship nothing; several currencies and line counts occur', () => {
  const orders = ordersOf(generate({ count: 1000 }));
  const digital = orders.filter(({ shippingAddress }) => shippingAddress === undefined).length;

  expect(digital).toBeGreaterThan(250);
  expect(digital).toBeLessThan(350);
  expect(new Set(orders.map(({ currency }) => currency)).size).toBe(5);
  expect(new Set(orders.map(({ items }) => items.length))).toEqual(new Set([1, 2, 3, 4, 5]));
  expect(orders.some(({ items }) => new Set(items.map(({ sku }) => sku)).size < items.length)).toBe(true);
});

test('each unit price and ships flag is that of the catalogue', () => {
  const articles = new Map(catalogue.map((article) => [article.sku, article]));

  for (const { items, currency } of ordersOf(generate())) {
    for (const { sku, unitPrice, requiresShipping } of items) {
      expect(articles.get(sku)?.requiresShipping).toBe(requiresShipping);
      if (currency === 'EUR') expect(articles.get(sku)?.price).toBe(unitPrice);
    }
  }
});

test.each([1, 2, 3])('a thousand orders of seed %i ask for a little more than the stock holds', (seed) => {
  const stock = new Map(catalogue.map((article) => [article.sku, article.stock]));
  let backordered = 0;
  for (const { items } of ordersOf(generate({ count: 1000, seed }))) {
    const wanted = new Map<string, number>();
    for (const { sku, quantity } of items) wanted.set(sku, (wanted.get(sku) ?? 0) + quantity);
    const isThere = Array.from(wanted).every(([sku, quantity]) => (stock.get(sku) ?? 0) >= quantity);
    if (isThere) for (const [sku, quantity] of wanted) stock.set(sku, (stock.get(sku) ?? 0) - quantity);
    else backordered++;
  }

  expect(backordered).toBeGreaterThan(3);
  expect(backordered).toBeLessThan(50);
});

test.each([
  [{ count: -1 }, 'count is -1, but must be a whole number from 0'],
  [{ poison: 1.5 }, 'poison is 1.5'],
  [{ seed: 2 ** 32 }, 'seed is 4294967296, but must be a whole number from 0 to 4294967295'],
  [{ count: 2, changes: 3 }, 'changes is 3, but there are 2 to change'],
  [{ count: 0, duplicates: 1 }, 'duplicates need at least one event'],
])('%j is refused', (changes, message) => {
  expect(() => generate(changes)).toThrow(message);
});
