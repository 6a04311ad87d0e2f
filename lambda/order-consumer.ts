/** What makes a consumer of orders out of one function: the contract, the queue's settings, logs and metrics. */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { SQSMessageAttributes } from 'aws-lambda';
import { ORDER_PLACED, SCHEMA_VERSION } from '../contract/event-types.ts';
import { ID } from '../contract/ids.ts';
import { checkOrder, type Order, requiresShipping } from '../contract/order.ts';
import { batchHandler } from './batch.ts';
import { sqs } from './clients.ts';
import { environment, environmentCount } from './environment.ts';
import { PermanentError } from './permanent-error.ts';

/** What became of an order: recorded, recorded as waiting for stock, or known already. */
export type Outcome = 'created' | 'backordered' | 'duplicate';

/** A Lambda handler that gives each order of a batch to `handle`, with the time it is handled at and a signal that ends it. */
export function orderConsumer(handle: (order: Order, at: Date, signal: AbortSignal) => Promise<Outcome>) {
  const logger = new Logger();
  const metrics = new Metrics();

  async function handleOrder(order: Order, signal: AbortSignal): Promise<string> {
    const outcome = await handle(order, new Date(), signal);
    if (outcome === 'duplicate') {
      metrics.addMetric('Duplicates', MetricUnit.Count, 1);
      return outcome;
    }
    metrics.addMetric('Processed', MetricUnit.Count, 1);
    metrics.addMetric('SecondsToDone', MetricUnit.Seconds, secondsSince(order.placedAt));
    if (outcome === 'backordered') metrics.addMetric('Backordered', MetricUnit.Count, 1);
    return outcome;
  }

  return batchHandler(
    { parse: parseOrder, handle: handleOrder, identify: identifyOrder },
    {
      sqs,
      logger,
      metrics,
      consumer: environment('POWERTOOLS_SERVICE_NAME'),
      url: environment('QUEUE_URL'),
      deadLetterUrl: environment('DEAD_LETTER_QUEUE_URL'),
      maxReceiveCount: environmentCount('MAX_RECEIVE_COUNT'),
    },
  );
}

/** The order that `value` is. Throws PermanentError, naming fields but no values, where it is none. */
function parseOrder(value: unknown, attributes: SQSMessageAttributes): Order {
  const result = checkOrder(value);
  if ('order' in result) {
    checkShippingToldOf(result.order, attributes);
    return result.order;
  }
  if (isOfOtherVersion(value)) {
    throw new PermanentError(
      'UnknownVersion',
      `schemaVersion must be ${SCHEMA_VERSION}, the only one known here`,
    );
  }
  throw new PermanentError(
    'SchemaViolation',
    result.problems.map(({ field, message }) => `${field} ${message}`).join('; '),
  );
}

/**
 * Throws PermanentError for an order that ships although its attribute kept it from shipping, which would be billed and
 * never sent. Only a message with the attribute `eventType` has been through the filters.
 */
function checkShippingToldOf(
  order: Order,
  { eventType, requiresShipping: told }: SQSMessageAttributes,
): void {
  if (eventType && requiresShipping(order) && told?.stringValue !== 'true') {
    throw new PermanentError(
      'AttributeMismatch',
      'an item requires shipping, yet the message attribute requiresShipping was not "true"',
    );
  }
}

/** The orderId that `value` claims, if it looks like one. */
function identifyOrder(value: unknown): Record<string, string> {
  const orderId = (value as { orderId?: unknown } | null)?.orderId;
  return typeof orderId === 'string' && ID.pattern.test(orderId) ? { orderId } : {};
}

function isOfOtherVersion(value: unknown): boolean {
  const { eventType, schemaVersion } = (value ?? {}) as { eventType?: unknown; schemaVersion?: unknown };
  return eventType === ORDER_PLACED && Number.isInteger(schemaVersion) && schemaVersion !== SCHEMA_VERSION;
}

/** Never negative: a publisher's clock may run ahead of ours. */
function secondsSince(time: string): number {
  return Math.max(0, (Date.now() - Date.parse(time)) / 1_000);
}
