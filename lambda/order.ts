/** The contract: what `order.placed` version 1 says. Publisher and consumers use this schema and no other. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { COUNTRIES, CURRENCIES } from './iso-codes.ts';

export const ORDER_PLACED = 'order.placed';
export const SCHEMA_VERSION = 1;

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const text = z
  .string()
  .min(1)
  .max(200)
  // DynamoDB and SQS refuse a lone surrogate, which JSON can smuggle in as "\ud800".
  .refine((value) => value.isWellFormed(), { error: 'must be well-formed Unicode' });
/** An amount in the currency's minor unit (cents for EUR, whole yen for JPY). */
const amount = z.int().min(0);

const lineSchema = z.object({
  sku: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
  quantity: z.int().min(1).max(1000),
  unitPrice: amount.describe('In minor units of the currency.'),
  requiresShipping: z.boolean(),
});

const addressSchema = z.object({
  name: text,
  line1: text,
  line2: text.optional(),
  city: text,
  region: text.optional(),
  postalCode: text,
  country: z.enum(COUNTRIES, { error: 'must be an ISO 3166-1 alpha-2 country code' }),
});

const fields = z.object({
  eventType: z.literal(ORDER_PLACED),
  schemaVersion: z.literal(SCHEMA_VERSION),
  orderId: id,
  placedAt: z.iso.datetime().describe('ISO 8601 in UTC, ending in Z.'),
  customerId: id,
  currency: z.enum(CURRENCIES, { error: 'must be an ISO 4217 currency code in use' }),
  items: z.array(lineSchema).min(1).max(50),
  total: amount.describe('In minor units. Must equal the sum of quantity × unitPrice over the items.'),
  shippingAddress: addressSchema
    .optional()
    .describe('Present exactly when at least one item has requiresShipping true.'),
});

export type Order = z.output<typeof fields>;

/** Unknown fields are dropped, not refused: a publisher may add fields without a new version. */
export const orderSchema = fields
  .refine((order) => order.total === sum(order.items), {
    path: ['total'],
    error: 'must equal the sum of quantity × unitPrice over the items',
  })
  .refine((order) => (order.shippingAddress !== undefined) === requiresShipping(order), {
    path: ['shippingAddress'],
    error: 'must be present exactly when some item requires shipping',
  });

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
 * however its publisher orders keys and whatever unknown fields it adds.
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

/** `['items', 0, 'quantity']` as `items[0].quantity`; the order itself as `order`. */
function fieldName(path: readonly PropertyKey[]): string {
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return name.replace(/^\./, '') || 'order';
}

function stringAttribute(StringValue: string) {
  return { DataType: 'String' as const, StringValue };
}
