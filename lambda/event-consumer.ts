/** Turns functions for events into a consumer's Lambda handler: checks the events, logs, and reports metrics. */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { SQSMessageAttributes } from 'aws-lambda';
import type { AnyEvent, EventCatalogue, EventOf, OutcomeIn, TypeIn } from '../contract/event-catalogue.ts';
import { ID } from '../contract/ids.ts';
import { batchHandler, type ConsumerMetrics } from './batch.ts';
import { consumerQueue } from './consumer-queue.ts';
import { PermanentError } from './permanent-error.ts';

/** What a consumer does with an event, given the time it is handled at and a signal that ends it. */
type Handle<C, T extends TypeIn<C>> = (
  event: EventOf<C, T>,
  at: Date,
  signal: AbortSignal,
) => Promise<OutcomeIn<C>>;

/** A function for each type of event that a consumer takes; for any other key a type that no function has, and that says why. */
type Handlers<C, T extends string> = {
  readonly [U in T]: U extends TypeIn<C> ? Handle<C, U> : `the catalogue has no event type ${U}`;
};

/**
 * A Lambda handler that gives each event of a batch to the function for its type, and dead-letters what there is none for. It knows
 * which types it takes, for synth to compare them with the consumer's settings. Environment variables are those that the stack
 * sets; throws, naming it, for one that is missing.
 */
// biome-ignore lint/suspicious/noExplicitAny: catalogues differ in their events
export function eventConsumer<C extends EventCatalogue<any, any>, T extends string>(
  catalogue: C,
  handlers: Handlers<C, T>,
) {
  const logger = new Logger();
  const metrics = new Metrics();
  const sharedMetrics: ConsumerMetrics = metrics;
  const ownMetrics: Readonly<Record<string, string | undefined>> = catalogue.settings.outcomes;
  const types = Object.keys(handlers) as T[];
  const functionFor = (type: string) => handlers[type as T] as Handle<C, TypeIn<C>>;

  async function handle(event: EventOf<C>, signal: AbortSignal): Promise<string> {
    const outcome = await functionFor(event.eventType)(event, new Date(), signal);
    if (outcome === 'duplicate') {
      sharedMetrics.addMetric('Duplicates', MetricUnit.Count, 1);
      return outcome;
    }
    sharedMetrics.addMetric('Processed', MetricUnit.Count, 1);
    sharedMetrics.addMetric('SecondsToDone', MetricUnit.Seconds, secondsSince(catalogue.timeOf(event)));
    const ownMetric = ownMetrics[outcome];
    if (ownMetric !== undefined) metrics.addMetric(ownMetric, MetricUnit.Count, 1);
    return outcome;
  }

  const handler = batchHandler(
    {
      parse: (value, attributes) => parse(catalogue, value, attributes, types) as EventOf<C>,
      handle,
      identify: (value) => identify(value, catalogue.settings.idField),
    },
    { ...consumerQueue(), logger, metrics: sharedMetrics },
  );
  return Object.assign(handler, { eventTypes: types as readonly T[] });
}

/** The event that `value` is. Throws PermanentError, naming fields but no values, where it is none of those that are taken. */
function parse(
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
