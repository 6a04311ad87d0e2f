/** Turns functions for events into a consumer's Lambda handler: checks the events, logs, and reports metrics. */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { SQSMessageAttributes } from 'aws-lambda';
import type { AnyEvent, EventCatalogue, EventOf, OutcomeIn, TypeIn } from '../contract/event-catalogue.ts';
import { ID } from '../contract/ids.ts';
import { batchHandler } from './batch.ts';
import { consumerQueue } from './consumer-queue.ts';
import { PermanentError } from './permanent-error.ts';

/** What a consumer does with each type of event that it takes, given the time it is handled at and a signal that ends it. */
type Handlers<C, T extends TypeIn<C>> = {
  readonly [U in T]: (event: EventOf<C, U>, at: Date, signal: AbortSignal) => Promise<OutcomeIn<C>>;
};

/** A Lambda handler that gives each event of a batch to the handler of its type. */
// biome-ignore lint/suspicious/noExplicitAny: catalogues differ in their events
export function eventConsumer<C extends EventCatalogue<any, any>, T extends TypeIn<C>>(
  catalogue: C,
  handlers: Handlers<C, T>,
) {
  const logger = new Logger();
  const metrics = new Metrics();
  const types = Object.keys(handlers) as T[];
  const handlerOf = (type: string) => handlers[type as T] as Handlers<C, TypeIn<C>>[TypeIn<C>];
  const metricsOf: Readonly<Record<string, string | undefined>> = catalogue.settings.outcomes;

  async function handleEvent(event: EventOf<C>, signal: AbortSignal): Promise<string> {
    const outcome = await handlerOf(event.eventType)(event, new Date(), signal);
    if (outcome === 'duplicate') {
      metrics.addMetric('Duplicates', MetricUnit.Count, 1);
      return outcome;
    }
    metrics.addMetric('Processed', MetricUnit.Count, 1);
    metrics.addMetric('SecondsToDone', MetricUnit.Seconds, secondsSince(catalogue.timeOf(event)));
    const own = metricsOf[outcome];
    if (own !== undefined) metrics.addMetric(own, MetricUnit.Count, 1);
    return outcome;
  }

  return batchHandler(
    {
      parse: (value, attributes) => parseEvent(catalogue, value, attributes, types) as EventOf<C>,
      handle: handleEvent,
      identify: (value) => identify(value, catalogue.settings.idField),
    },
    { ...consumerQueue(), logger, metrics },
  );
}

/** The event that `value` is. Throws PermanentError, naming fields but no values, where it is none of those that are taken. */
function parseEvent(
  catalogue: EventCatalogue,
  value: unknown,
  attributes: SQSMessageAttributes,
  types: readonly string[],
): AnyEvent {
  const result = catalogue.check(value, types);
  if ('event' in result) {
    checkAttributes(catalogue, result.event, attributes);
    return result.event;
  }
  const { eventType, schemaVersion } = (value ?? {}) as { eventType?: unknown; schemaVersion?: unknown };
  const known = types.some((type) => type === eventType) ? catalogue.versionsOf(eventType) : [];
  if (known.length > 0 && Number.isInteger(schemaVersion) && !known.includes(Number(schemaVersion))) {
    const only = known.length === 1 ? `${known}, the only one` : `${known.join(' or ')}, the only ones`;
    throw new PermanentError('UnknownVersion', `schemaVersion must be ${only} known here`);
  }
  throw new PermanentError(
    'SchemaViolation',
    result.problems.map(({ field, message }) => `${field} ${message}`).join('; '),
  );
}

/**
 * Throws PermanentError for an event whose attributes hid it from a consumer. Only a message with the attribute `eventType` has
 * passed the filters.
 */
function checkAttributes(catalogue: EventCatalogue, event: AnyEvent, told: SQSMessageAttributes): void {
  if (!told.eventType) return;
  const hidden = catalogue.hiddenBy(event, (attribute) => told[attribute]?.stringValue);
  if (hidden !== undefined) throw new PermanentError('AttributeMismatch', hidden);
  if (told.eventType.stringValue !== event.eventType) {
    throw new PermanentError('AttributeMismatch', 'the message attribute eventType is not that of the body');
  }
}

/** The ID that `value` claims, if it looks like one. */
function identify(value: unknown, idField: string): Record<string, string> {
  const id = (value as Record<string, unknown> | null)?.[idField];
  return typeof id === 'string' && ID.pattern.test(id) ? { [idField]: id } : {};
}

/** Never negative: a publisher's clock may run ahead of ours. */
function secondsSince(time: string): number {
  return Math.max(0, (Date.now() - Date.parse(time)) / 1_000);
}
