/** What resources owe each other and CloudFormation does not check: held to at synth, whoever made the resources. */
import { CfnResource, Stack } from 'aws-cdk-lib';
import { CfnAlarm, CfnCompositeAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnAlias, CfnEventSourceMapping, CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnSubscription } from 'aws-cdk-lib/aws-sns';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import type { IConstruct } from 'constructs';
import { ConfigError, checkWithin, fail, type Range } from './limits.ts';

const LAMBDA_SQS = 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html';
const LAMBDA_SCALING = 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html';
const SQS_DEAD_LETTERS =
  'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html';
const SNS_FILTERS = 'https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html';
const SNS_KEYS = 'https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html';

/** Lambda's advice is at least 5; SQS's limit is 1,000. */
const RECEIVES: Range = { min: 5, max: 1_000, source: LAMBDA_SQS };
const MAX_FILTER_KEYS = 5;
const MAX_FILTER_COMBINATIONS = 150;

/** What CloudFormation takes for a setting that is left out, in seconds. */
const DEFAULT = { functionTimeout: 3, batchWindow: 0, visibilityTimeout: 30, retention: 345_600 };

/**
 * Checks every queue, subscription, event source mapping, function and alarm under `scope` when it is synthesized, after
 * all aspects. A resource of another stack is not looked into, nor is a value that only the deployment knows; a raw
 * override (`addPropertyOverride`) goes unseen.
 *
 * Synth then throws a ConfigError with a line for each resource at fault: its path, the value, and what is allowed.
 */
export function guardRails(scope: IConstruct): void {
  // Thrown, because CDK would add the path of `scope` to what is returned.
  scope.node.addValidation({
    validate: () => checkAll(scope.node.findAll().filter(CfnResource.isCfnResource)),
  });
}

/** How long a queue must hide a message, in seconds, for Lambda to be done with the batch it is in. */
export function leastVisibility(functionTimeout: number, batchWindow: number): number {
  return 6 * functionTimeout + batchWindow;
}

/** @throws ConfigError if a message is given up too early */
export function checkReceives(scope: IConstruct, maxReceiveCount: number): void {
  checkWithin(scope, 'maximum receive count', maxReceiveCount, RECEIVES);
}

/**
 * @param seconds how long the queue keeps messages, and how long its dead-letter queue does
 * @throws ConfigError if a dead letter may expire before anybody has looked at it
 */
export function checkDeadLetterRetention(
  scope: IConstruct,
  seconds: { queue: number; deadLetters: number },
): void {
  if (seconds.deadLetters > seconds.queue) return;
  fail(
    scope,
    `dead-letter retention is ${seconds.deadLetters} seconds, but must be longer than the queue's ${seconds.queue}: ` +
      'SQS counts it from when the message was first sent',
    SQS_DEAD_LETTERS,
  );
}

/** @throws ConfigError if Lambda would be throttled while the event sources of the function are within their bound */
export function checkReservedConcurrency(scope: IConstruct, reserved: number, maxConcurrency: number): void {
  if (Number.isInteger(reserved) && reserved >= maxConcurrency) return;
  fail(
    scope,
    `reserved concurrency is ${reserved}, but must be a whole number of at least ${maxConcurrency}, the maximum ` +
      'concurrency of what invokes the function: what is beyond it is throttled, and counts as a try',
    LAMBDA_SCALING,
  );
}

/**
 * @param filterPolicy values or conditions by key; keys may be nested, for a filter on the body
 * @throws ConfigError if SNS would refuse it
 */
export function checkFilterPolicy(scope: IConstruct, filterPolicy: object): void {
  const keys = Object.keys(filterPolicy).length;
  if (keys > MAX_FILTER_KEYS) {
    fail(scope, `filter policy has ${keys} keys, but may have ${MAX_FILTER_KEYS} at most`, SNS_FILTERS);
  }
  const combinations = combinationsOf(filterPolicy);
  if (combinations < 1 || combinations > MAX_FILTER_COMBINATIONS) {
    fail(
      scope,
      `filter policy has ${combinations} combinations of values, but must have 1 to ${MAX_FILTER_COMBINATIONS}`,
      SNS_FILTERS,
    );
  }
}

function combinationsOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((product, inner) => product * combinationsOf(inner), 1);
}

function checkAll(resources: CfnResource[]): string[] {
  const faults = resources.flatMap((resource) => {
    try {
      check(resource, resources);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return [error.message];
    }
  });
  if (faults.length > 0) throw new ConfigError([...new Set(faults)].join('\n'));
  return [];
}

function check(resource: CfnResource, all: CfnResource[]): void {
  if (resource instanceof CfnQueue) checkRedrive(resource, all);
  else if (resource instanceof CfnSubscription) checkSubscription(resource, all);
  else if (resource instanceof CfnEventSourceMapping) checkVisibility(resource, all);
  else if (resource instanceof CfnFunction) checkConcurrency(resource, all);
  else if (resource instanceof CfnAlarm || resource instanceof CfnCompositeAlarm) checkAction(resource);
}

function checkRedrive(queue: CfnQueue, all: CfnResource[]): void {
  const redrive = resolved(queue, queue.redrivePolicy);
  if (redrive === undefined) return;
  const receives = number(queue, redrive.maxReceiveCount);
  if (receives !== undefined) checkReceives(named(queue), receives);

  const deadLetterQueue = referred(queue, redrive.deadLetterTargetArn, CfnQueue, all);
  if (!deadLetterQueue) return;
  const kept = number(queue, queue.messageRetentionPeriod, DEFAULT.retention);
  const keptDead = number(deadLetterQueue, deadLetterQueue.messageRetentionPeriod, DEFAULT.retention);
  if (kept === undefined || keptDead === undefined) return;
  checkDeadLetterRetention(named(deadLetterQueue), { queue: kept, deadLetters: keptDead });
}

function checkSubscription(subscription: CfnSubscription, all: CfnResource[]): void {
  const filterPolicy = resolved(subscription, subscription.filterPolicy);
  if (filterPolicy !== undefined) checkFilterPolicy(named(subscription), filterPolicy);

  // SNS sends to both: to the second what the first did not take.
  for (const target of [subscription.endpoint, subscription.redrivePolicy]) {
    const queue = referred(subscription, target, CfnQueue, all);
    if (queue && /\balias\/aws\/sqs"/.test(JSON.stringify(resolved(queue, queue.kmsMasterKeyId) ?? null))) {
      fail(
        named(queue),
        'the key is alias/aws/sqs, which SNS may not use, so that messages of its subscription would be lost: use a ' +
          'key of your own that lets sns.amazonaws.com in, or SQS-managed encryption',
        SNS_KEYS,
      );
    }
  }
}

function checkVisibility(mapping: CfnEventSourceMapping, all: CfnResource[]): void {
  const queue = referred(mapping, mapping.eventSourceArn, CfnQueue, all);
  const worker = functionOf(mapping, mapping.functionName, all);
  if (!queue || !worker) return;
  const visibility = number(queue, queue.visibilityTimeout, DEFAULT.visibilityTimeout);
  const timeout = number(worker, worker.timeout, DEFAULT.functionTimeout);
  const window = number(mapping, mapping.maximumBatchingWindowInSeconds, DEFAULT.batchWindow);
  if (visibility === undefined || timeout === undefined || window === undefined) return;
  const least = leastVisibility(timeout, window);
  if (visibility >= least) return;
  fail(
    named(queue),
    `visibility timeout is ${visibility} seconds, but must be at least ${least}: 6 × the ${timeout} seconds of ` +
      `${named(worker).node.path} + ${window} of batch window`,
    LAMBDA_SQS,
  );
}

function checkConcurrency(worker: CfnFunction, all: CfnResource[]): void {
  const reserved = number(worker, worker.reservedConcurrentExecutions);
  if (reserved === undefined) return;
  const bounds = all
    .filter((resource) => resource instanceof CfnEventSourceMapping)
    .filter((mapping) => functionOf(mapping, mapping.functionName, all) === worker)
    .map((mapping) => number(mapping, resolved(mapping, mapping.scalingConfig)?.maximumConcurrency) ?? 0);
  checkReservedConcurrency(
    named(worker),
    reserved,
    bounds.reduce((sum, bound) => sum + bound, 0),
  );
}

function checkAction(alarm: CfnAlarm | CfnCompositeAlarm): void {
  if (resolved(alarm, alarm.actionsEnabled) === false) {
    fail(named(alarm), 'its actions are disabled, so that nobody would learn of it: enable them');
  }
  if ((resolved(alarm, alarm.alarmActions) ?? []).length === 0) {
    fail(named(alarm), 'it has no alarm action, so that nobody would learn of it: add one (addAlarmAction)');
  }
}

/** A function, by its name or ARN or those of an alias. */
function functionOf(from: CfnResource, value: unknown, all: CfnResource[]): CfnFunction | undefined {
  const alias = referred(from, value, CfnAlias, all);
  return alias ? functionOf(alias, alias.functionName, all) : referred(from, value, CfnFunction, all);
}

/** The resource of a type that a value refers to by its logical ID, within the stack of `from`. */
function referred<T extends CfnResource>(
  from: CfnResource,
  value: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: any constructor
  type: new (...args: any[]) => T,
  all: CfnResource[],
): T | undefined {
  const ids = new Set(logicalIds(resolved(from, value)));
  return all.find(
    (resource): resource is T =>
      resource instanceof type &&
      resource.stack === from.stack &&
      ids.has(resolved(resource, resource.logicalId)),
  );
}

/** The logical IDs in `Ref` and `Fn::GetAtt`, however deep. */
function logicalIds(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'Ref') return [inner];
    if (key === 'Fn::GetAtt') return [inner[0]];
    return logicalIds(inner);
  });
}

/** A number, if it is known before the deployment. */
function number(of: CfnResource, value: unknown, otherwise?: number): number | undefined {
  const known = resolved(of, value) ?? otherwise;
  return typeof known === 'object' || known === undefined ? undefined : Number(known);
}

// biome-ignore lint/suspicious/noExplicitAny: the JSON of a template
function resolved(of: CfnResource, value: unknown): any {
  return Stack.of(of).resolve(value);
}

/** The construct by whose path people know a resource. */
function named(resource: CfnResource): IConstruct {
  const { scope } = resource.node;
  return scope?.node.defaultChild === resource ? scope : resource;
}
