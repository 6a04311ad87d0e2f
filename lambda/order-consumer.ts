/** Turns functions for events into a consumer's Lambda handler: checks the contract, logs, and reports metrics. */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { SQSMessageAttributes } from 'aws-lambda';
import {
  checkEvent,
  type EventOf,
  type EventType,
  messageAttributes,
  type OrderEvent,
  timeOf,
  versionsOf,
} from '../contract/events.ts';
import { ID } from '../contract/ids.ts';
import { batchHandler, type ConsumerMetrics } from './batch.ts';
import { consumerQueue } from './consumer-queue.ts';
import { PermanentError } from './permanent-error.ts';

/**
 * What became of an event: an order recorded, recorded as waiting for stock, recorded as cancelled or cancelled since; a
 * cancellation that came too late to have its effect; or an event that is known already.
 */
type Outcome = 'created' | 'backordered' | 'cancelled' | 'too late' | 'duplicate';

/** What a consumer does with each type of event that it takes, given the time it is handled at and a signal that ends it. */
type Handlers<T extends EventType> = {
  readonly [U in T]: Handle<EventOf<U>>;
};
type Handle<E extends OrderEvent> = (event: E, at: Date, signal: AbortSignal) => Promise<Outcome>;

/** A Lambda handler that gives each event of a batch to the handler of its type. */
export function orderConsumer<T extends EventType>(handlers: Handlers<T>) {
  const logger = new Logger();
  const metrics: ConsumerMetrics = new Metrics();
  const types = Object.keys(handlers) as T[];
  const handlerOf = (type: EventType) => handlers[type as T] as Handle<OrderEvent>;

  async function handleEvent(event: OrderEvent, signal: AbortSignal): Promise<string> {
    const outcome = await handlerOf(event.eventType)(event, new Date(), signal);
    if (outcome === 'duplicate') {
      metrics.addMetric('Duplicates', MetricUnit.Count, 1);
      return outcome;
    }
    metrics.addMetric('Processed', MetricUnit.Count, 1);
    metrics.addMetric('SecondsToDone', MetricUnit.Seconds, secondsSince(timeOf(event)));
    if (outcome === 'backordered') metrics.addMetric('Backordered', MetricUnit.Count, 1);
    if (outcome === 'too late') metrics.addMetric('TooLate', MetricUnit.Count, 1);
    return outcome;
  }

  return batchHandler(
    {
      parse: (value, attributes) => parseEvent(value, attributes, types),
      handle: handleEvent,
      identify: identifyOrder,
    },
    { ...consumerQueue(), logger, metrics },
  );
}

/** The event that `value` is. Throws PermanentError, naming fields but no values, where it is none of those that are taken. */
function parseEvent(
  value: unknown,
  attributes: SQSMessageAttributes,
  types: readonly EventType[],
): OrderEvent {
  const result = checkEvent(value, types);
  if ('event' in result) {
    checkAttributes(result.event, attributes);
    return result.event;
  }
  const { eventType, schemaVersion } = (value ?? {}) as { eventType?: unknown; schemaVersion?: unknown };
  const known = types.some((type) => type === eventType) ? versionsOf(eventType) : [];
  if (known.length > 0 && Number.isInteger(schemaVersion) && !known.includes(Number(schemaVersion))) {
    const only = known.length === 1 ? `${known}, the only one` : `${known.join(' or ')}, the only ones`;
    throw new PermanentError('UnknownVersion', `schemaVersion must be ${only} known here`);
  }
  throw new PermanentError(
    'SchemaViolation',
    result.problems.map(({ field, message }) => `${field} ${message}`).join('; '),
  );
}

/** Who cancels may not know whether an item ships. */
const SHIPPING_CLAIM: Record<EventType, string> = {
  'order.placed': 'an item requires',
  'order.cancelled': 'an item may require',
};

/**
 * Throws PermanentError for an event whose attributes hid it from shipping: an order that ships would be billed and never sent, a
 * cancelled one would be sent. Only a message with the attribute `eventType` has passed the filters.
 */
function checkAttributes(event: OrderEvent, told: SQSMessageAttributes): void {
  if (!told.eventType) return;
  const { eventType, requiresShipping } = messageAttributes(event);
  if (requiresShipping.StringValue === 'true' && told.requiresShipping?.stringValue !== 'true') {
    throw new PermanentError(
      'AttributeMismatch',
      `${SHIPPING_CLAIM[event.eventType]} shipping, yet the message attribute requiresShipping was not "true"`,
    );
  }
  if (told.eventType.stringValue !== eventType.StringValue) {
    throw new PermanentError('AttributeMismatch', 'the message attribute eventType is not that of the body');
  }
}

/** The orderId that `value` claims, if it looks like one. */
function identifyOrder(value: unknown): Record<string, string> {
  const orderId = (value as { orderId?: unknown } | null)?.orderId;
  return typeof orderId === 'string' && ID.pattern.test(orderId) ? { orderId } : {};
}

/** Never negative: a publisher's clock may run ahead of ours. */
function secondsSince(time: string): number {
  return Math.max(0, (Date.now() - Date.parse(time)) / 1_000);
}
