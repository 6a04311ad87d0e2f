/**
 * The contract as JSON Schema, a file an event, for publishers in other languages.
 * `node domain/event-schemas.ts && npx biome check --write docs` writes them.
 */
import { writeFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { orderEvents } from './events.ts';
import { ORDER_PLACED } from './order.ts';

/** File → the JSON Schema in it. */
export function eventJsonSchemas(): Map<URL, object> {
  const schemas = Object.entries(orderEvents.settings.types).flatMap(([eventType, { versions }]) =>
    Object.entries(versions).map(([version, schema]): [URL, object] => [
      new URL(`../docs/${eventType}.v${version}.schema.json`, import.meta.url),
      {
        title: `${eventType}, schema version ${version}`,
        description: 'A consumer ignores fields that are not named here.',
        // A reader's view: unknown fields are allowed.
        ...z.toJSONSchema(schema, { io: 'input' }),
        ...(eventType === ORDER_PLACED && addressWhereSomeItemShips()),
      },
    ]),
  );
  return new Map(schemas);
}

/** Of an order it then leaves out only what the language cannot say: that total is the sum. */
function addressWhereSomeItemShips(): object {
  const someItemShips = {
    properties: {
      items: {
        contains: { properties: { requiresShipping: { const: true } }, required: ['requiresShipping'] },
      },
    },
  };
  return {
    if: someItemShips,
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { required: ['shippingAddress'] },
    else: { properties: { shippingAddress: false } },
  };
}

if (import.meta.main) {
  for (const [file, schema] of eventJsonSchemas()) {
    writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
  }
}
