// The faults of a chaos run: which, how often, and which events always fail.

import type { FaultKind, FaultPlan } from '@order-fan-out/local-run/faults/fault-plan';
import type { TestMessage } from '../../cli/publishing/test-events.ts';

/** How many events kill whatever function processes them, while there are faults. */
const ALWAYS_KILLED = 2;
/** How many DynamoDB or S3 refuses meanwhile. More, because one that shares its batch with one that kills gets no answer that could lose it. */
const ALWAYS_REFUSED = 6;

const FAULTS: FaultPlan['faults'] = {
  'sns-error': { share: 0.1 },
  'sqs-error': { share: 0.02, most: 3 },
  'delete-failed': { share: 0.05, most: 3 },
  // In a row, so that also the SDK's own retries fail.
  'dynamodb-throttled': { share: 0.005, most: 30 },
  'dynamodb-conflict': { share: 0.02, most: 10 },
  'dynamodb-error': { share: 0.01, most: 30 },
  'slow-call': { share: 0.003, most: 3 },
  'handler-exception': { share: 0.03 },
  'function-timeout': { share: 0.01 },
  'killed-before-write': { share: 0.02 },
  'killed-after-write': { share: 0.02 },
};
const OF_TABLES: readonly FaultKind[] = [
  'dynamodb-throttled',
  'dynamodb-conflict',
  'dynamodb-error',
  'slow-call',
];
/** Of consumers' buckets, and of the archive with them. */
const BUCKET_FAULTS: FaultPlan['faults'] = { 's3-error': { share: 0.02, most: 30 } };
/** Of the archive, whose objects are few: its first write fails. In a row, as DynamoDB's. */
const ARCHIVE_FAULTS: FaultPlan['faults'] = { 's3-error': { share: 0.2, most: 30, within: 1 } };
/** A FIFO queue takes nothing in twice. */
const STANDARD_FAULTS: FaultPlan['faults'] = { 'duplicate-delivery': { share: 0.05 } };

/** A plan without what differs from one start of the stack to the next. */
export type ChaosFaults = Omit<FaultPlan, 'seed' | 'logFile'>;

/** What a stack has. */
export interface FaultTargets {
  readonly isOrdered: boolean;
  readonly isArchived: boolean;
  readonly hasTables: boolean;
  /** Besides that of the archive. */
  readonly hasBuckets: boolean;
}

/**
 * The faults of a stack: those that can happen to what it has.
 * @param messages which every consumer takes: from these, those that always fail are chosen
 * @param slowMs by how much a slow call is late
 */
export function chaosFaults(
  messages: readonly TestMessage[],
  { isOrdered, isArchived, hasTables, hasBuckets }: FaultTargets,
  slowMs: number,
): ChaosFaults {
  const everywhere = messages.filter(({ kind }) => kind === 'event').map(({ id }) => id);
  const faults: FaultPlan['faults'] = {
    ...(!isOrdered && STANDARD_FAULTS),
    ...FAULTS,
    ...(isArchived && ARCHIVE_FAULTS),
    ...(hasBuckets && BUCKET_FAULTS),
  };
  const possible = Object.entries(faults).filter(
    ([kind]) => hasTables || !OF_TABLES.includes(kind as FaultKind),
  );
  return {
    faults: Object.fromEntries(possible),
    slowMs,
    killOn: everywhere.slice(0, ALWAYS_KILLED),
    failOn: everywhere.slice(ALWAYS_KILLED).slice(-ALWAYS_REFUSED),
  };
}
