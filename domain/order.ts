/** What `order.placed` version 1 says. */
import * as z from 'zod/mini';
import { amount, flag, id, literal, mustBe, pattern, text, time, wholeNumber } from '../contract/fields.ts';
import { COUNTRIES, CURRENCIES } from './iso-codes.ts';
import { SKU } from './sku.ts';

export const ORDER_PLACED = 'order.placed';

const line = z.object(
  {
    sku: pattern(SKU.pattern, SKU.words),
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

/** Whether some item of the order ships, and so whether shipping receives it. */
export function requiresShipping(order: Order): boolean {
  return order.items.some((item) => item.requiresShipping);
}

function sum(items: Order['items']): number {
  return items.reduce((total, { quantity, unitPrice }) => total + quantity * unitPrice, 0);
}
