/** What neither CloudFormation nor CDK checks: synth refuses it, whoever made the resource. */
import { CfnResource } from 'aws-cdk-lib';
import { CfnAlarm, CfnCompositeAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { CfnGlobalTable } from 'aws-cdk-lib/aws-dynamodb';
import { CfnManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { CfnAlias, CfnEventSourceMapping, CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnLogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnSubscription } from 'aws-cdk-lib/aws-sns';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import type { IConstruct } from 'constructs';
import { ConfigError, checkWithin, invalid, type Range } from '../settings/validation.ts';
import { checkFifoMapping, checkFifoQueue, checkFifoSubscription } from './fifo-rails.ts';
import { checkPolicySize } from './policy-size.ts';
import { numberOf, ownerOf, refersTo, resolve, resourceReferredTo } from './references.ts';

const LAMBDA_LIMITS = 'https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html';
const LAMBDA_SQS = 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html';
const LAMBDA_SCALING = 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html';
const LOG_RETENTION =
  'https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html';
const SQS_DEAD_LETTERS =
  'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html';
const TABLE_RECOVERY =
  'https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html';
const SNS_FILTERS = 'https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html';
const SNS_KEYS = 'https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html';

// aws-cdk-lib's own check of templates has these three as well, but accepts memory above the maximum, reports the others in
// several lines, and does not run in the local run's synth.
const MEMORY: Range = { min: 128, max: 10_240, unit: 'MiB', source: LAMBDA_LIMITS };
const TIMEOUT: Range = { min: 1, max: 900, unit: 'seconds', source: LAMBDA_LIMITS };
const BATCH_SIZE: Range = { min: 1, max: 10_000, source: LAMBDA_SQS };
/** Lambda's advice is at least 5; SQS's limit is 1,000. */
const RECEIVES: Range = { min: 5, max: 1_000, source: LAMBDA_SQS };
const MAX_FILTER_KEYS = 5;
const MAX_FILTER_COMBINATIONS = 150;

/** CloudFormation's defaults, in seconds or MiB. */
const DEFAULT = {
  functionTimeout: 3,
  functionMemory: 128,
  batchSize: 10,
  batchWindow: 0,
  visibilityTimeout: 30,
  retention: 345_600,
};

/**
 * Checks every queue, subscription, event source mapping, function, log group, table and alarm under `scope` when it is
 * synthesized, after all aspects. It does not see resources of other stacks, values that only the deployment knows, and raw
 * overrides (`addPropertyOverride`).
 *
 * Synth then throws a ConfigError with a line for each resource at fault: its path, the value, and what is allowed.
 */
export function guardRails(scope: IConstruct): void {
  // Thrown, because CDK would add the path of `scope` to a returned message.
  scope.node.addValidation({
    validate: () => checkAll(scope.node.findAll().filter(CfnResource.isCfnResource)),
  });
}

/** The least visibility timeout, in seconds, for Lambda to finish a batch. */
export function leastVisibility(functionTimeout: number, batchWindow: number): number {
  return 6 * functionTimeout + batchWindow;
}

function checkAll(resources: CfnResource[]): string[] {
  const problems = resources.flatMap((resource) => {
    try {
      check(resource, resources);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return [error.message];
    }
  });
  if (problems.length > 0) throw new ConfigError([...new Set(problems)].join('\n'));
  return [];
}

function check(resource: CfnResource, all: CfnResource[]): void {
  if (resource instanceof CfnQueue) {
    checkRedrive(resource, all);
    checkFifoQueue(resource, all);
  } else if (resource instanceof CfnSubscription) {
    checkFilterPolicy(resource);
    checkSubscribedQueues(resource, all);
    checkFifoSubscription(resource, all);
  } else if (resource instanceof CfnEventSourceMapping) {
    checkFifoMapping(resource, all);
    checkQueueMapping(resource, all);
  } else if (resource instanceof CfnFunction) {
    checkFunction(resource);
    checkReservedConcurrency(resource, all);
  } else if (resource instanceof CfnLogGroup) {
    checkLogRetention(resource);
  } else if (resource instanceof CfnManagedPolicy) {
    checkPolicySize(resource);
  } else if (resource instanceof CfnGlobalTable) {
    checkRecovery(resource);
  } else if (resource instanceof CfnAlarm || resource instanceof CfnCompositeAlarm) {
    checkAnnounced(resource, all);
  }
}

function checkRedrive(queue: CfnQueue, all: CfnResource[]): void {
  const redrive = resolve(queue, queue.redrivePolicy);
  if (redrive === undefined) return;
  const receives = numberOf(queue, redrive.maxReceiveCount);
  if (receives !== undefined) checkWithin(ownerOf(queue), 'maximum receive count', receives, RECEIVES);

  const deadLetterQueue = resourceReferredTo(queue, redrive.deadLetterTargetArn, CfnQueue, all);
  if (!deadLetterQueue) return;
  const kept = numberOf(queue, queue.messageRetentionPeriod, DEFAULT.retention);
  const keptDead = numberOf(deadLetterQueue, deadLetterQueue.messageRetentionPeriod, DEFAULT.retention);
  if (kept === undefined || keptDead === undefined || keptDead > kept) return;
  throw invalid(
    ownerOf(deadLetterQueue),
    `dead-letter retention is ${keptDead} seconds, but must be longer than the queue's ${kept}: ` +
      'SQS counts it from when the message was first sent',
    SQS_DEAD_LETTERS,
  );
}

/** CDK checks this for Subscription, but not for CfnSubscription, nor a key without values. */
function checkFilterPolicy(subscription: CfnSubscription): void {
  const filterPolicy = resolve(subscription, subscription.filterPolicy);
  if (filterPolicy === undefined) return;
  const keys = Object.keys(filterPolicy).length;
  if (keys > MAX_FILTER_KEYS) {
    throw invalid(
      ownerOf(subscription),
      `filter policy has ${keys} keys, but may have ${MAX_FILTER_KEYS} at most`,
      SNS_FILTERS,
    );
  }
  const combinations = combinationsOf(filterPolicy);
  if (combinations < 1 || combinations > MAX_FILTER_COMBINATIONS) {
    throw invalid(
      ownerOf(subscription),
      `filter policy has ${combinations} combinations of values, but must have 1 to ${MAX_FILTER_COMBINATIONS}`,
      SNS_FILTERS,
    );
  }
}

/** @param value a filter policy or a part of it: keys may be nested, for a filter on the body */
function combinationsOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((product, inner) => product * combinationsOf(inner), 1);
}

function checkSubscribedQueues(subscription: CfnSubscription, all: CfnResource[]): void {
  // SNS sends to both: to the second if the first fails.
  for (const target of [subscription.endpoint, subscription.redrivePolicy]) {
    const queue = resourceReferredTo(subscription, target, CfnQueue, all);
    if (queue && /\balias\/aws\/sqs"/.test(JSON.stringify(resolve(queue, queue.kmsMasterKeyId) ?? null))) {
      throw invalid(
        ownerOf(queue),
        'the key is alias/aws/sqs, which SNS may not use, so messages of its subscription would be lost: use a key of your ' +
          'own whose policy allows sns.amazonaws.com, or SQS-managed encryption',
        SNS_KEYS,
      );
    }
  }
}

function checkQueueMapping(mapping: CfnEventSourceMapping, all: CfnResource[]): void {
  const queue = resourceReferredTo(mapping, mapping.eventSourceArn, CfnQueue, all);
  if (!queue) return;
  const window = numberOf(mapping, mapping.maximumBatchingWindowInSeconds, DEFAULT.batchWindow);
  const batchSize = numberOf(mapping, mapping.batchSize, DEFAULT.batchSize);
  if (batchSize !== undefined) checkBatchSize(ownerOf(mapping), batchSize, window);

  const lambdaFunction = functionOf(mapping, mapping.functionName, all);
  if (!lambdaFunction) return;
  checkSameReceives(queue, lambdaFunction);
  const visibility = numberOf(queue, queue.visibilityTimeout, DEFAULT.visibilityTimeout);
  const timeout = numberOf(lambdaFunction, lambdaFunction.timeout, DEFAULT.functionTimeout);
  if (visibility === undefined || timeout === undefined || window === undefined) return;
  const least = leastVisibility(timeout, window);
  if (visibility >= least) return;
  throw invalid(
    ownerOf(queue),
    `visibility timeout is ${visibility} seconds, but must be at least ${least}: 6 × the ${timeout} seconds of ` +
      `${ownerOf(lambdaFunction).node.path} + ${window} of batch window`,
    LAMBDA_SQS,
  );
}

/** Otherwise SQS would dead-letter messages before the function has had all the tries it counts on. */
function checkSameReceives(queue: CfnQueue, lambdaFunction: CfnFunction): void {
  const { variables } = resolve(lambdaFunction, lambdaFunction.environment) ?? {};
  const expected = numberOf(lambdaFunction, variables?.MAX_RECEIVE_COUNT);
  const receives = numberOf(queue, resolve(queue, queue.redrivePolicy)?.maxReceiveCount);
  if (expected === undefined || expected === receives) return;
  throw invalid(
    ownerOf(queue),
    `maximum receive count is ${receives}, but ${ownerOf(lambdaFunction).node.path} counts on ${expected} (MAX_RECEIVE_COUNT)`,
  );
}

function checkBatchSize(mapping: IConstruct, batchSize: number, window: number | undefined): void {
  checkWithin(mapping, 'batch size', batchSize, BATCH_SIZE);
  if (batchSize <= 10 || window === undefined || window >= 1) return;
  throw invalid(
    mapping,
    `batch size is ${batchSize}, but over 10 needs a batch window of 1 to 300 seconds`,
    LAMBDA_SQS,
  );
}

function checkFunction(lambdaFunction: CfnFunction): void {
  // Managed instances have other limits.
  if (lambdaFunction.capacityProviderConfig) return;
  const memory = numberOf(lambdaFunction, lambdaFunction.memorySize, DEFAULT.functionMemory);
  const timeout = numberOf(lambdaFunction, lambdaFunction.timeout, DEFAULT.functionTimeout);
  if (memory !== undefined) checkWithin(ownerOf(lambdaFunction), 'memory', memory, MEMORY);
  if (timeout !== undefined) checkWithin(ownerOf(lambdaFunction), 'timeout', timeout, TIMEOUT);
}

/** Otherwise Lambda throttles the function while its event sources are within their limit. */
function checkReservedConcurrency(lambdaFunction: CfnFunction, all: CfnResource[]): void {
  const reserved = numberOf(lambdaFunction, lambdaFunction.reservedConcurrentExecutions);
  if (reserved === undefined) return;
  const maxConcurrency = all
    .filter((resource) => resource instanceof CfnEventSourceMapping)
    .filter((mapping) => functionOf(mapping, mapping.functionName, all) === lambdaFunction)
    .map((mapping) => numberOf(mapping, resolve(mapping, mapping.scalingConfig)?.maximumConcurrency) ?? 0)
    .reduce((sum, bound) => sum + bound, 0);
  if (Number.isInteger(reserved) && reserved >= maxConcurrency) return;
  throw invalid(
    ownerOf(lambdaFunction),
    `reserved concurrency is ${reserved}, but must be a whole number of at least ${maxConcurrency}, the maximum ` +
      'concurrency of what invokes the function: what is beyond it is throttled, and counts as a try',
    LAMBDA_SCALING,
  );
}

/** aws-cdk-lib's own check of templates only warns. */
function checkLogRetention(logs: CfnLogGroup): void {
  // CDK's value for no retention, which the template then leaves out.
  const days = numberOf(logs, logs.retentionInDays, RetentionDays.INFINITE);
  if (days === undefined) return;
  const allowed = Object.values(RetentionDays).filter(
    (value) => typeof value === 'number' && value < RetentionDays.INFINITE,
  );
  if (allowed.includes(days)) return;
  const found = days === RetentionDays.INFINITE ? 'without end' : `${days} days`;
  throw invalid(
    ownerOf(logs),
    `log retention is ${found}, but must be one of ${allowed.join(', ')} days`,
    LOG_RETENTION,
  );
}

/** cdk-nag 3.0 checks it only for AWS::DynamoDB::Table. */
function checkRecovery(table: CfnGlobalTable): void {
  for (const { region, pointInTimeRecoverySpecification: recovery } of resolve(table, table.replicas)) {
    if (recovery?.pointInTimeRecoveryEnabled) continue;
    const where = typeof region === 'string' ? ` in ${region}` : '';
    throw invalid(ownerOf(table), `point-in-time recovery${where} is off, but must be on`, TABLE_RECOVERY);
  }
}

/** By itself, by a composite alarm, or to CodeDeploy, which rolls a release back. */
function checkAnnounced(alarm: CfnAlarm | CfnCompositeAlarm, all: CfnResource[]): void {
  if (resolve(alarm, alarm.actionsEnabled) === false) {
    throw invalid(ownerOf(alarm), 'its actions are disabled, so nobody would be notified: enable them');
  }
  if (isAnnounced(alarm, all) || rollsReleasesBack(alarm, all)) return;
  throw invalid(
    ownerOf(alarm),
    'neither it nor a composite alarm above it has an alarm action, so nobody would be notified: add one (addAlarmAction)',
  );
}

function isAnnounced(alarm: CfnAlarm | CfnCompositeAlarm, all: CfnResource[]): boolean {
  if ((resolve(alarm, alarm.alarmActions) ?? []).length > 0) return true;
  return all
    .filter((each) => each instanceof CfnCompositeAlarm)
    .some((each) => each !== alarm && refersTo(each, each.alarmRule, alarm) && isAnnounced(each, all));
}

function rollsReleasesBack(alarm: CfnAlarm | CfnCompositeAlarm, all: CfnResource[]): boolean {
  return all
    .filter((each) => each instanceof CfnDeploymentGroup)
    .some((each) => refersTo(each, each.alarmConfiguration, alarm));
}

/** The function of a name or an ARN, its own or an alias's. */
function functionOf(from: CfnResource, value: unknown, all: CfnResource[]): CfnFunction | undefined {
  const alias = resourceReferredTo(from, value, CfnAlias, all);
  return alias
    ? functionOf(alias, alias.functionName, all)
    : resourceReferredTo(from, value, CfnFunction, all);
}
