/** What `order.placed` version 1 says. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import {
  amount,
  flag,
  id,
  literal,
  mustBe,
  type Problem,
  problemsOf,
  sku,
  text,
  time,
  wholeNumber,
} from './fields.ts';
import { COUNTRIES, CURRENCIES } from './iso-codes.ts';

export const ORDER_PLACED = 'order.placed';

const line = z.object(
  {
    sku,
    quantity: wholeNumber(1, 1000),
    unitPrice: amount.check(z.describe('In minor units of the currency.')),
    requiresShipping: flag,
  },
  mustBe('an object'),
);

const address = z.object(
  {
    name: text,
    line1: text,
    line2: z.optional(text),
    city: text,
    region: z.optional(text),
    postalCode: text,
    country: z.enum(COUNTRIES, mustBe('an ISO 3166-1 alpha-2 country code')),
  },
  mustBe('an object'),
);

const fields = z.object(
  {
    eventType: literal(ORDER_PLACED),
    schemaVersion: literal(1),
    orderId: id,
    placedAt: time,
    customerId: id,
    currency: z.enum(CURRENCIES, mustBe('an ISO 4217 currency code')),
    items: z
      .array(line, mustBe('a list of 1 to 50 items'))
      .check(
        z.minLength(1, mustBe('a list of 1 to 50 items')),
        z.maxLength(50, mustBe('a list of 1 to 50 items')),
      ),
    total: amount.check(
      z.describe('In minor units. Must equal the sum of quantity × unitPrice over the items.'),
    ),
    shippingAddress: z
      .optional(address)
      .check(z.describe('Present exactly when at least one item has requiresShipping true.')),
  },
  mustBe('an object'),
);

export type Order = z.output<typeof fields>;

/** Unknown fields are dropped, not refused: a publisher may add fields without a new version. */
export const orderSchema = fields.check(
  z.refine((order) => order.total === sum(order.items), {
    path: ['total'],
    error: 'must equal the sum of quantity × unitPrice over the items',
  }),
  z.refine((order) => (order.shippingAddress !== undefined) === requiresShipping(order), {
    path: ['shippingAddress'],
    error: 'must be present exactly when some item requires shipping',
  }),
);

/** Checks whether `value` is an order: it without unknown fields, or each problem with its field. */
export function checkOrder(value: unknown): { order: Order } | { problems: Problem[] } {
  const result = orderSchema.safeParse(value);
  if (result.success) return { order: result.data };
  return { problems: problemsOf(result.error) };
}

/** Whether some item of the order ships, and so whether shipping receives it. */
export function requiresShipping(order: Order): boolean {
  return order.items.some((item) => item.requiresShipping);
}

/**
 * SHA-256, in hex, of the parsed order with its keys sorted: the same for every delivery of one order,
 * however its publisher orders keys and whatever unknown fields it adds. A field added to the schema counts from then on: let
 * the consumers know it before publishers send it, or a redelivery of an older order that carries it becomes a conflict.
 */
export function orderDigest(order: Order): string {
  return createHash('sha256').update(JSON.stringify(order, sortKeys)).digest('hex');
}

function sum(items: Order['items']): number {
  return items.reduce((total, { quantity, unitPrice }) => total + quantity * unitPrice, 0);
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
