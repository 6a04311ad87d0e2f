/** The contract: what `order.placed` version 1 says. Publisher and consumers use this schema and no other. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { ORDER_PLACED, SCHEMA_VERSION } from './event-types.ts';
import { ID, SKU } from './ids.ts';
import { COUNTRIES, CURRENCIES } from './iso-codes.ts';

const id = pattern(ID.pattern, ID.words);
const sku = pattern(SKU.pattern, SKU.words);
const amount = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const flag = z.boolean(mustBe('true or false'));

const text = z.string(mustBe('text')).check(
  z.minLength(1, mustBe('1 to 200 characters')),
  z.maxLength(200, mustBe('1 to 200 characters')),
  // JSON can smuggle a lone surrogate in as "\ud800"; UTF-8, and so DynamoDB, has no way to write it.
  z.refine((value) => value.isWellFormed(), mustBe('well-formed Unicode')),
);

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
    eventType: z.literal(ORDER_PLACED, mustBe(`"${ORDER_PLACED}"`)),
    schemaVersion: z.literal(SCHEMA_VERSION, mustBe(String(SCHEMA_VERSION))),
    orderId: id,
    placedAt: z.iso.datetime(mustBe('an ISO 8601 date and time in UTC, like 2026-11-22T17:00:00Z')),
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

/** One field of an order and what it must be. Holds no value of the order, so it may be logged. */
export type Problem = { field: string; message: string };

/** Checks `value` against the contract: the order without unknown fields, or each problem with its field. */
export function checkOrder(value: unknown): { order: Order } | { problems: Problem[] } {
  const result = orderSchema.safeParse(value);
  if (result.success) return { order: result.data };
  return { problems: result.error.issues.map(({ path, message }) => ({ field: fieldName(path), message })) };
}

/** Whether some item of the order ships, and so whether shipping receives it. */
export function requiresShipping(order: Order): boolean {
  return order.items.some((item) => item.requiresShipping);
}

/** The SNS message attributes that the subscriptions' filter policies read. */
export function messageAttributes(order: Order) {
  return {
    eventType: stringAttribute(order.eventType),
    schemaVersion: stringAttribute(String(order.schemaVersion)),
    requiresShipping: stringAttribute(String(requiresShipping(order))),
  };
}

/**
 * SHA-256, in hex, of the parsed order with its keys sorted: the same for every delivery of one order,
 * however its publisher orders keys and whatever unknown fields it adds. A field added to the schema counts from then on: let
 * the consumers know it before publishers send it, or a redelivery of an older order that carries it becomes a conflict.
 */
export function orderDigest(order: Order): string {
  return createHash('sha256').update(JSON.stringify(order, sortKeys)).digest('hex');
}

function pattern(expression: RegExp, what: string) {
  return z.string(mustBe(what)).check(z.regex(expression, mustBe(what)));
}

function wholeNumber(min: number, max: number) {
  const what = mustBe(`a whole number from ${min} to ${max}`);
  return z.int(what).check(z.gte(min, what), z.lte(max, what));
}

/** The message of a problem, free of the value: it ends up in logs and dead letters. */
function mustBe(what: string) {
  return {
    error: (issue: { input?: unknown }) =>
      `${issue.input === undefined ? 'is missing, must' : 'must'} be ${what}`,
  };
}

function sum(items: Order['items']): number {
  return items.reduce((total, { quantity, unitPrice }) => total + quantity * unitPrice, 0);
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `['items', 0, 'quantity']` as `items[0].quantity`; the order itself as `order`. */
function fieldName(path: readonly PropertyKey[]): string {
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return name.replace(/^\./, '') || 'order';
}

function stringAttribute(StringValue: string) {
  return { DataType: 'String' as const, StringValue };
}
