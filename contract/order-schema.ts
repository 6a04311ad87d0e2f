/**
 * The contract as JSON Schema, for publishers in other languages.
 * `node contract/order-schema.ts && npx biome check --write docs` writes it.
 */
import { writeFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { orderSchema } from './order.ts';

export const ORDER_SCHEMA_FILE = new URL('../docs/order.schema.json', import.meta.url);

/** The JSON Schema of an order. Of the contract it leaves out only what the language cannot say: that total is the sum. */
export function orderJsonSchema(): object {
  const someItemShips = {
    properties: {
      items: {
        contains: { properties: { requiresShipping: { const: true } }, required: ['requiresShipping'] },
      },
    },
  };
  return {
    title: 'order.placed, schema version 1',
    description: 'A consumer ignores fields that are not named here.',
    // A reader's view: unknown fields are allowed.
    ...z.toJSONSchema(orderSchema, { io: 'input' }),
    if: someItemShips,
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { required: ['shippingAddress'] },
    else: { properties: { shippingAddress: false } },
  };
}

if (import.meta.main) writeFileSync(ORDER_SCHEMA_FILE, `${JSON.stringify(orderJsonSchema(), null, 2)}\n`);
