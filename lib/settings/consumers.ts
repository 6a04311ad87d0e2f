/** The consumers' settings with the defaults filled in, and the props of their constructs. */
import { Duration, Size } from 'aws-cdk-lib';
import { SubscriptionFilter } from 'aws-cdk-lib/aws-sns';
import type {
  ConsumerDefaults,
  ConsumerLimits,
  ConsumerSettings,
  ConsumerThresholds,
  Stage,
  StageName,
} from './types.ts';
import { ConfigError, checkName, checkWholeNumbers } from './validation.ts';

/** A consumer's settings with the defaults filled in. */
export type CompleteConsumer = ConsumerSettings &
  ConsumerLimits &
  Required<Pick<ConsumerSettings, 'tables' | 'buckets'>> & { readonly thresholds: ConsumerThresholds };

/** @throws ConfigError for a name or a number that cannot be used, and for records in two places */
export function completeConsumer(
  name: string,
  settings: ConsumerSettings,
  defaults: ConsumerDefaults,
  stage: StageName,
): CompleteConsumer {
  const thresholds = { ...defaults.alarms[stage], ...settings.alarms?.[stage] };
  const { tables = {}, buckets = {} } = settings;
  const complete = { ...defaults, ...settings, tables, buckets, thresholds };
  checkWholeNumbers(`consumers.${name} in lib/config.ts`, complete);
  checkWholeNumbers(`alarms of consumers.${name} in lib/config.ts`, thresholds);
  const stores = [...Object.entries(tables), ...Object.entries(buckets)];
  for (const [store] of stores) checkName(store);
  const holdRecords = stores.filter(([, { holds }]) => holds === 'records').map(([store]) => store);
  if (holdRecords.length > 1) {
    const names = holdRecords.join(' and ');
    throw new ConfigError(
      `consumers.${name} in lib/config.ts: ${names} hold records, but only one table or bucket may`,
    );
  }
  return complete;
}

/**
 * The archive's consumer in a stage. A FIFO queue has batches of ten at most, and does not wait for them to fill:
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
export function archiveSettings(
  settings: ConsumerSettings,
  { ordered, archive }: Pick<Stage, 'ordered' | 'archive'>,
): ConsumerSettings {
  return {
    ...settings,
    ...(ordered && { batchSize: 10, batchWindowSeconds: 0 }),
    outlastMinutes: archive?.outlastMinutes,
  };
}

/** The event types that some consumer asks for. */
export function eventTypesOf(consumers: Iterable<ConsumerSettings>): string[] {
  return [...new Set(Array.from(consumers).flatMap(({ eventTypes = [] }) => eventTypes))];
}

/** The props of a consumer's construct that come from its settings and the stage's. */
export function consumerProps(settings: CompleteConsumer, stage: Stage) {
  const { outlastMinutes } = settings;
  return {
    filterPolicy: filterOf(settings),
    memory: Size.mebibytes(settings.memoryMiB),
    timeout: Duration.seconds(settings.timeoutSeconds),
    batchSize: settings.batchSize,
    batchWindow: Duration.seconds(settings.batchWindowSeconds),
    maxConcurrency: settings.maxConcurrency,
    reservedConcurrency: settings.reservedConcurrency,
    ordered: stage.ordered && settings.ordered !== false,
    onPermanentError: settings.onPermanentError,
    outlast: outlastMinutes === undefined ? undefined : Duration.minutes(outlastMinutes),
    logRetention: Duration.days(stage.logRetentionDays),
    tracing: stage.tracing,
  };
}

/** Message attribute → the values of it that the consumer takes; undefined where it takes everything. */
function filterOf({ eventTypes, filter }: ConsumerSettings): Record<string, SubscriptionFilter> | undefined {
  const allowed = Object.entries({ ...(eventTypes && { eventType: eventTypes }), ...filter });
  if (allowed.length === 0) return undefined;
  const filters = allowed.map(([attribute, allowlist]) => [
    attribute,
    SubscriptionFilter.stringFilter({ allowlist: [...allowlist] }),
  ]);
  return Object.fromEntries(filters);
}
