/** What AWS allows of a consumer, checked at synth, and what follows from its settings. */
import { Duration, SizeRoundingBehavior } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import {
  checkDeadLetterRetention,
  checkFilterPolicy,
  checkReceives,
  checkReservedConcurrency,
  leastVisibility,
} from './checks/guard-rails.ts';
import { checkWithin, fail, type Range } from './checks/limits.ts';
import type { ConsumerProps } from './consumer.ts';

const LAMBDA_LIMITS = 'https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html';
const LAMBDA_SQS = 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html';
const LAMBDA_SCALING = 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html';
const SQS_QUOTAS =
  'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html';

const MEMORY: Range = { min: 128, max: 10_240, unit: 'MiB', source: LAMBDA_LIMITS };
const TIMEOUT: Range = { min: 1, max: 900, unit: 'seconds', source: LAMBDA_LIMITS };
const BATCH_SIZE: Range = { min: 1, max: 10_000, source: LAMBDA_SQS };
const BATCH_WINDOW: Range = { min: 0, max: 300, unit: 'seconds', source: LAMBDA_SQS };
const MAX_CONCURRENCY: Range = { min: 2, max: 1_000, source: LAMBDA_SCALING };
const RETENTION: Range = { min: 60, max: 1_209_600, unit: 'seconds', source: SQS_QUOTAS };
const VISIBILITY: Range = { min: 0, max: 43_200, unit: 'seconds', source: SQS_QUOTAS };
const QUEUE_NAME: Range = { min: 1, max: 80, unit: 'characters', source: SQS_QUOTAS };
const LOG_RETENTION =
  'https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html';

export interface ConsumerLimits {
  readonly batchWindow: Duration;
  readonly maxReceiveCount: number;
  readonly retention: Duration;
  readonly deadLetterRetention: Duration;
  /** Six times the function's timeout, plus the batching window, as Lambda advises. */
  readonly visibilityTimeout: Duration;
}

/**
 * Checks a consumer's settings, fills in the defaults and derives the visibility timeout.
 *
 * @throws ConfigError naming the value and what is allowed
 */
export function checkConsumer(scope: Construct, props: ConsumerProps): ConsumerLimits {
  const seconds = (setting: string, duration: Duration, range: Range) =>
    checkWithin(scope, setting, duration.toSeconds({ integral: false }), range);

  checkWithin(scope, 'memory', props.memory.toMebibytes({ rounding: SizeRoundingBehavior.NONE }), MEMORY);
  seconds('timeout', props.timeout, TIMEOUT);

  const batchWindow = props.batchWindow ?? Duration.seconds(0);
  checkWithin(scope, 'batch size', props.batchSize, BATCH_SIZE);
  seconds('batch window', batchWindow, BATCH_WINDOW);
  if (props.batchSize > 10 && batchWindow.toSeconds() < 1) {
    fail(
      scope,
      `batch size is ${props.batchSize}, but over 10 needs a batch window of 1 to 300 seconds`,
      LAMBDA_SQS,
    );
  }
  checkWithin(scope, 'maximum concurrency', props.maxConcurrency, MAX_CONCURRENCY);
  if (props.reservedConcurrency !== undefined) {
    checkReservedConcurrency(scope, props.reservedConcurrency, props.maxConcurrency);
  }

  const maxReceiveCount = props.maxReceiveCount ?? 5;
  checkReceives(scope, maxReceiveCount);

  const visibilityTimeout = Duration.seconds(
    leastVisibility(props.timeout.toSeconds(), batchWindow.toSeconds()),
  );
  seconds('visibility timeout (6 × timeout + batch window)', visibilityTimeout, VISIBILITY);

  const retention = props.retention ?? Duration.days(4);
  const deadLetterRetention = props.deadLetterRetention ?? Duration.days(14);
  seconds('retention', retention, RETENTION);
  seconds('dead-letter retention', deadLetterRetention, RETENTION);
  checkDeadLetterRetention(scope, {
    queue: retention.toSeconds(),
    deadLetters: deadLetterRetention.toSeconds(),
  });

  const filters = Object.entries(props.filterPolicy ?? {});
  checkFilterPolicy(scope, Object.fromEntries(filters.map(([key, { conditions }]) => [key, conditions])));
  checkLogRetention(scope, props.logRetention.toDays({ integral: false }));
  return { batchWindow, maxReceiveCount, retention, deadLetterRetention, visibilityTimeout };
}

/**
 * Checks the one physical name that is not generated.
 *
 * @throws ConfigError if SQS would refuse it
 */
export function checkQueueName(scope: Construct, name: string): void {
  checkWithin(scope, `length of the queue name "${name}"`, name.length, QUEUE_NAME);
}

function checkLogRetention(scope: Construct, days: number): void {
  // Not INFINITE, which is CDK's word for no retention at all.
  const allowed = Object.values(RetentionDays).filter((value) => typeof value === 'number' && value < 9999);
  if (!allowed.includes(days)) {
    fail(scope, `log retention is ${days} days, but must be one of ${allowed.join(', ')}`, LOG_RETENTION);
  }
}
