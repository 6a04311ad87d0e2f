/** What the settings of consumers in config.ts come to: names that can be used, filters, and props of the construct. */
import { Duration, Size } from 'aws-cdk-lib';
import { SubscriptionFilter } from 'aws-cdk-lib/aws-sns';
import { ARCHIVE } from '../../contract/archive.ts';
import { isKebabCase } from '../../contract/names.ts';
import { UNROUTED } from '../../contract/stack-outputs.ts';
import type { ConsumerSettings, Stage } from './types.ts';
import { ConfigError, checkWholeNumbers } from './validation.ts';

/** Names that mean something else, and what. */
const TAKEN = new Map([
  [UNROUTED, 'the queue of messages that nobody takes'],
  [ARCHIVE, 'the consumer of the archive, which is a setting of the stage'],
]);

/** @throws ConfigError for a name, of a consumer or a table, that no ID can be made of, or that is taken */
export function checkName(name: string): void {
  const taken = TAKEN.get(name);
  if (taken !== undefined) throw new ConfigError(`"${name}" is ${taken}: choose another name`);
  if (isKebabCase(name)) return;
  throw new ConfigError(`"${name}" is not a name in kebab-case, such as billing or stock-levels`);
}

/** The event types that some consumer asks for. */
export function eventTypesOf(settings: readonly ConsumerSettings[]): string[] {
  return [...new Set(settings.flatMap((each) => each.eventTypes ?? []))];
}

/**
 * Those props of a consumer's construct that its settings, and those of the stage, decide.
 * @throws ConfigError for a number that is none
 */
export function consumerProps(name: string, settings: ConsumerSettings, stage: Stage) {
  checkWholeNumbers(`consumers.${name} in lib/config.ts`, settings);
  const { outlastMinutes, reservedConcurrency, onPermanentError } = settings;
  const filterPolicy = filterOf(settings);
  return {
    name,
    ...(filterPolicy && { filterPolicy }),
    memory: Size.mebibytes(settings.memoryMiB),
    timeout: Duration.seconds(settings.timeoutSeconds),
    batchSize: settings.batchSize,
    batchWindow: Duration.seconds(settings.batchWindowSeconds),
    maxConcurrency: settings.maxConcurrency,
    ordered: stage.ordered && settings.ordered !== false,
    ...(onPermanentError && { onPermanentError }),
    ...(reservedConcurrency !== undefined && { reservedConcurrency }),
    ...(outlastMinutes !== undefined && { outlast: Duration.minutes(outlastMinutes) }),
    logRetention: Duration.days(stage.logRetentionDays),
    tracing: stage.tracing,
  };
}

/** Message attribute → the values of it that the consumer takes; undefined where it takes everything. */
function filterOf({ eventTypes, filter }: ConsumerSettings): Record<string, SubscriptionFilter> | undefined {
  const allowed = Object.entries({ ...(eventTypes && { eventType: eventTypes }), ...filter });
  if (allowed.length === 0) return undefined;
  return Object.fromEntries(
    allowed.map(([attribute, allowlist]) => [
      attribute,
      SubscriptionFilter.stringFilter({ allowlist: [...allowlist] }),
    ]),
  );
}
