/** The contract: every event that the topic carries, by type and version. Publisher and consumers use these schemas and no other. */
import type * as z from 'zod/mini';
import { cancellationSchema, ORDER_CANCELLED } from './cancellation.ts';
import { type Problem, problemsOf } from './fields.ts';
import { ORDER_PLACED, orderSchema, requiresShipping } from './order.ts';

/**
 * Event type → schema version → schema, the newest version last. A new type or version is an entry here: the type checker then
 * demands its attributes below, and a handler of every consumer that takes it.
 */
export const eventSchemas = {
  [ORDER_PLACED]: { 1: orderSchema },
  [ORDER_CANCELLED]: { 1: cancellationSchema },
} as const;

type Schemas = typeof eventSchemas;
export type EventType = keyof Schemas;
type SchemaOf<T extends EventType> = Schemas[T][keyof Schemas[T]];
/** Any event, told apart by `eventType` and `schemaVersion`. */
export type OrderEvent = { [T in EventType]: z.output<SchemaOf<T>> }[EventType];
/** An event of the type, in any of its versions. */
export type EventOf<T extends EventType> = Extract<OrderEvent, { eventType: T }>;

/** All that there are. */
const EVENT_TYPES = Object.keys(eventSchemas) as EventType[];

/**
 * Checks `value` against the contract: the event without unknown fields, or each problem with its field.
 * @param types what is taken; everything in the contract unless told otherwise
 */
export function checkEvent(
  value: unknown,
  types: readonly EventType[] = EVENT_TYPES,
): { event: OrderEvent } | { problems: Problem[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problems: [{ field: 'order', message: 'must be an object' }] };
  }
  const { eventType, schemaVersion } = value as { eventType?: unknown; schemaVersion?: unknown };
  const type = types.find((each) => each === eventType);
  if (type === undefined) {
    const must = eventType === undefined ? 'is missing, must' : 'must';
    const message = `${must} be ${types.map((each) => `"${each}"`).join(' or ')}`;
    return { problems: [{ field: 'eventType', message }] };
  }
  const versions = new Map(Object.entries<z.ZodMiniType<OrderEvent>>(eventSchemas[type]));
  // Another version than those known is told by the newest of them.
  const schema = versions.get(String(schemaVersion)) ?? [...versions.values()].at(-1);
  const result = schema?.safeParse(value);
  if (!result) throw new Error(`${type} has no version`);
  return result.success ? { event: result.data } : { problems: problemsOf(result.error) };
}

/** The versions of a type that are known, as numbers; none where the type is not known. */
export function versionsOf(eventType: unknown): number[] {
  const type = EVENT_TYPES.find((each) => each === eventType);
  return type === undefined ? [] : Object.keys(eventSchemas[type]).map(Number);
}

/** The event's SNS message attributes: filter policies read the type and whether shipping has to hear of it. */
export function messageAttributes(event: OrderEvent) {
  return {
    eventType: stringAttribute(event.eventType),
    schemaVersion: stringAttribute(String(event.schemaVersion)),
    requiresShipping: stringAttribute(String(mayShip(event))),
  };
}

/** When it happened, in ISO 8601. */
export function timeOf(event: OrderEvent): string {
  switch (event.eventType) {
    case ORDER_PLACED:
      return event.placedAt;
    case ORDER_CANCELLED:
      return event.cancelledAt;
  }
}

/** Whether shipping has to hear of the event. */
function mayShip(event: OrderEvent): boolean {
  switch (event.eventType) {
    case ORDER_PLACED:
      return requiresShipping(event);
    case ORDER_CANCELLED:
      // Who cancels may not know: better a marker that shipping never needs than goods of a cancelled order on their way.
      return event.requiresShipping ?? true;
  }
}

function stringAttribute(StringValue: string) {
  return { DataType: 'String' as const, StringValue };
}
