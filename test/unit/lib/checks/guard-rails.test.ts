/** What the guard rails refuse and accept, in whose resources, and which values they ignore. */
import { expect, test } from '@jest/globals';
import { Aspects, CfnParameter, Duration, NestedStack, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { CfnAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { AttributeType, CfnGlobalTable, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Key, Alias as KeyAlias } from 'aws-cdk-lib/aws-kms';
import {
  type CfnFunction,
  Code,
  EventSourceMapping,
  type EventSourceMappingOptions,
  Function as LambdaFunction,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { CfnLogGroup, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnSubscription, Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import {
  CfnQueue,
  DeduplicationScope,
  FifoThroughputLimit,
  Queue,
  QueueEncryption,
  type QueueProps,
} from 'aws-cdk-lib/aws-sqs';
import { stages } from '../../../../lib/config.ts';
import { FanOutStack } from '../../../../lib/fan-out-stack.ts';
import { synthesize, testApp } from '../../../fixtures/synthesized.ts';
import { Parcels, type Parts, problemsOf, resourceOf, sqsKey, synth } from './parcels.ts';

const values = (count: number) => Array.from({ length: count }, (_, index) => `value${index}`);

test('what is at the edge of all limits passes', () => {
  expect(() => synth((stack) => new Parcels(stack))).not.toThrow();
});

test('an alarm may notify only CodeDeploy, which rolls a release back', () => {
  expect(() =>
    synth((stack) => {
      const { alarm, function: released } = new Parcels(stack, {
        alarm: { silent: true },
        composite: { of: 'another' },
      });
      new LambdaDeploymentGroup(stack, 'Release', { alias: released.addAlias('live'), alarms: [alarm] });
    }),
  ).not.toThrow();
});

test('an alarm may be announced by a composite alarm alone', () => {
  expect(() => synth((stack) => new Parcels(stack, { alarm: { silent: true } }))).not.toThrow();
});

test.each<[string, Parts]>([
  [
    'Post/Parcels/Queue: visibility timeout is 126 seconds, but must be at least 127: 6 × the 20 seconds of ' +
      'Post/Parcels/Function + 7 of batch window',
    { queue: { visibilityTimeout: Duration.seconds(126) } },
  ],
  [
    "Post/Parcels/DeadLetterQueue: dead-letter retention is 345600 seconds, but must be longer than the queue's 345600",
    { deadLetterQueue: { retentionPeriod: Duration.seconds(345_600) } },
  ],
  [
    "Post/Parcels/DeadLetterQueue: dead-letter retention is 345601 seconds, but must be longer than the queue's 345601",
    { queue: { retentionPeriod: Duration.seconds(345_601) } },
  ],
  [
    'Post/Parcels/Queue: maximum receive count is 4, but must be a whole number from 5 to 1000',
    { maxReceiveCount: 4 },
  ],
  [
    'Post/Parcels/Alarm: neither it nor a composite alarm above it has an alarm action, so nobody would be notified: ',
    { alarm: { silent: true }, composite: { of: 'another' } },
  ],
  [
    'Post/Parcels/Alarm: its actions are disabled, so nobody would be notified: enable them',
    { alarm: { disabled: true } },
  ],
  [
    'Post/Parcels/Composite: neither it nor a composite alarm above it has an alarm action, so nobody would be notified: ',
    { composite: { silent: true } },
  ],
  [
    'Post/Parcels/Composite: its actions are disabled, so nobody would be notified: enable them',
    { composite: { actionsEnabled: false } },
  ],
  ['Post/Parcels/Queue: the key is alias/aws/sqs, which SNS may not use, ', { queue: sqsKey }],
  [
    'Post/Parcels/DeadLetterQueue: the key is alias/aws/sqs, which SNS may not use, ',
    { deadLetterQueue: sqsKey },
  ],
  [
    'Post/Parcels/Function: memory is 127 MiB, but must be a whole number from 128 to 10240 MiB ',
    { function: { memorySize: 127 } },
  ],
  [
    'Post/Parcels/Function: memory is 10241 MiB, but must be a whole number from 128 to 10240 MiB ',
    { function: { memorySize: 10_241 } },
  ],
  [
    'Post/Parcels/Function: timeout is 901 seconds, but must be a whole number from 1 to 900 seconds ',
    { function: { timeout: Duration.seconds(901) }, queue: { visibilityTimeout: Duration.seconds(5_413) } },
  ],
  [
    'Post/Parcels/Messages: batch size is 10001, but must be a whole number from 1 to 10000 ',
    { mapping: { batchSize: 10_001 } },
  ],
  [
    'Post/Parcels/Messages: batch size is 11, but over 10 needs a batch window of 1 to 300 seconds ',
    { mapping: { batchSize: 11, maxBatchingWindow: Duration.seconds(0) } },
  ],
  [
    'Post/Parcels/Function: reserved concurrency is 9, but must be a whole number of at least 10, ',
    { function: { reservedConcurrentExecutions: 9 } },
  ],
])('synth refuses: %s', (message, parts) => {
  const [problem, ...others] = problemsOf((stack) => new Parcels(stack, parts));

  expect(problem).toContain(message);
  expect(others).toEqual([]);
});

test('synth names every resource at fault, a line each', () => {
  const problems = problemsOf(
    (stack) => new Parcels(stack, { maxReceiveCount: 4, composite: { silent: true } }),
  );

  expect(problems).toEqual([
    expect.stringMatching(/^Post\/Parcels\/Queue: maximum receive count is 4, /),
    expect.stringMatching(/^Post\/Parcels\/Composite: neither it nor a composite alarm /),
  ]);
});

// Subscription, other than CfnSubscription, has CDK's own check.
test.each<[string, object, string]>([
  [
    'keys',
    { a: ['1'], b: ['1'], c: ['1'], d: ['1'], e: ['1'], f: ['1'] },
    'has 6 keys, but may have 5 at most',
  ],
  [
    'with too many combinations of values',
    { a: values(8), b: values(19) },
    'has 152 combinations of values, but must have 1 to 150',
  ],
  [
    'with too many combinations of values deep in the body',
    { a: { b: values(8), c: { d: values(19) } } },
    'has 152 combinations of values, but must have 1 to 150',
  ],
  ['that lets nothing pass', { a: [] }, 'has 0 combinations of values, but must have 1 to 150'],
])('synth refuses a filter policy %s', (_, filterPolicy, problem) => {
  expect(problemsOf((stack) => bareSubscription(stack, filterPolicy))).toEqual([
    `Post/Bare: filter policy ${problem} (https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html)`,
  ]);
});

test('synth takes as many filter keys and combinations as SNS does', () => {
  const filterPolicy = { a: values(30), b: { c: values(5), f: ['1'] }, d: ['1'], e: ['1'], g: ['1'] };

  expect(() => synth((stack) => bareSubscription(stack, filterPolicy))).not.toThrow();
});

function bareSubscription(stack: Stack, filterPolicy: object): void {
  const { topicArn } = new Topic(stack, 'Topic');
  const endpoint = new Queue(stack, 'Queue').queueArn;
  new CfnSubscription(stack, 'Bare', { topicArn, protocol: 'sqs', endpoint, filterPolicy });
}

test.each<[string, (stack: Stack) => void, string]>([
  [
    'what an aspect does to a queue',
    (stack) => {
      const { queue } = new Parcels(stack);
      Aspects.of(queue).add({
        visit: (node) => {
          if (node instanceof CfnQueue) node.visibilityTimeout = 10;
        },
      });
    },
    'Post/Parcels/Queue: visibility timeout is 10 seconds, but must be at least 127',
  ],
  [
    'a queue with the default visibility timeout',
    (stack) => {
      resourceOf<CfnQueue>(new Parcels(stack).queue).visibilityTimeout = undefined;
    },
    'Post/Parcels/Queue: visibility timeout is 30 seconds, but must be at least 127: ',
  ],
  [
    "a function with Lambda's default timeout",
    (stack) => {
      const parcels = new Parcels(stack, { queue: { visibilityTimeout: Duration.seconds(24) } });
      resourceOf<CfnFunction>(parcels.function).timeout = undefined;
    },
    'Post/Parcels/Queue: visibility timeout is 24 seconds, but must be at least 25: ',
  ],
  [
    'a function behind an alias',
    (stack) => {
      const parcels = new Parcels(stack);
      const slow = new LambdaFunction(stack, 'Slow', {
        runtime: Runtime.NODEJS_24_X,
        handler: 'index.handler',
        code: Code.fromInline('exports.handler = async () => {};'),
        timeout: Duration.seconds(22),
      });
      slow.addAlias('live').addEventSourceMapping('Mapping', { eventSourceArn: parcels.queue.queueArn });
    },
    'Post/Parcels/Queue: visibility timeout is 127 seconds, but must be at least 132: 6 × the 22 seconds of Post/Slow',
  ],
  [
    'two queues that together use more concurrency than is reserved',
    (stack) => {
      const parcels = new Parcels(stack);
      new EventSourceMapping(stack, 'Mapping', {
        target: parcels.function,
        eventSourceArn: new Queue(stack, 'Letters', { visibilityTimeout: Duration.seconds(120) }).queueArn,
        maxConcurrency: 2,
      });
    },
    'Post/Parcels/Function: reserved concurrency is 10, but must be a whole number of at least 12, ',
  ],
  [
    'a table that cannot be restored',
    (stack) => {
      new TableV2(stack, 'Table', { partitionKey: { name: 'id', type: AttributeType.STRING } });
    },
    'Post/Table: point-in-time recovery is off, but must be on ',
  ],
  [
    'a replica that cannot be restored',
    (stack) => {
      new CfnGlobalTable(stack, 'Table', {
        keySchema: [{ attributeName: 'id', keyType: 'HASH' }],
        attributeDefinitions: [{ attributeName: 'id', attributeType: 'S' }],
        replicas: [
          { region: 'eu-west-1', pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true } },
          { region: 'eu-west-2', pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: false } },
        ],
      });
    },
    'Post/Table: point-in-time recovery in eu-west-2 is off, but must be on ',
  ],
  [
    'logs that are kept for ever',
    (stack) => {
      new LogGroup(stack, 'Logs', { retention: RetentionDays.INFINITE });
    },
    'Post/Logs: log retention is without end, but must be one of 1, 3, 5, 7, 14, ',
  ],
  [
    'logs with a retention that CloudWatch lacks',
    (stack) => {
      new CfnLogGroup(stack, 'Logs', { retentionInDays: 8 });
    },
    'Post/Logs: log retention is 8 days, but must be one of 1, 3, 5, 7, 14, ',
  ],
  [
    'a key that is imported by its alias',
    (stack) => {
      const { queue } = new Parcels(stack);
      const key = KeyAlias.fromAliasName(stack, 'SqsKey', 'alias/aws/sqs');
      resourceOf<CfnQueue>(queue).kmsMasterKeyId = key.keyArn;
    },
    'Post/Parcels/Queue: the key is alias/aws/sqs, ',
  ],
  [
    'a queue that is subscribed twice, and reports it once',
    (stack) => {
      const { queue } = new Parcels(stack, { queue: sqsKey });
      new Subscription(stack, 'Again', {
        topic: new Topic(stack, 'Topic'),
        protocol: SubscriptionProtocol.SQS,
        endpoint: queue.queueArn,
      });
    },
    'Post/Parcels/Queue: the key is alias/aws/sqs, ',
  ],
  [
    'a resource without a construct around it',
    (stack) => {
      new CfnAlarm(stack, 'Bare', { comparisonOperator: 'GreaterThanThreshold', evaluationPeriods: 1 });
    },
    'Post/Bare: neither it nor a composite alarm above it has an alarm action, ',
  ],
  [
    'a nested stack, whose logical IDs may be those of its parent',
    (stack) => {
      new Parcels(stack);
      new Parcels(new NestedStack(stack, 'Nested'), { queue: { visibilityTimeout: Duration.seconds(10) } });
    },
    'Post/Nested/Parcels/Queue: visibility timeout is 10 seconds, ',
  ],
])('synth looks into %s', (_, build, message) => {
  expect(problemsOf(build)).toEqual([expect.stringContaining(message)]);
});

test.each<[string, (stack: Stack) => void]>([
  [
    'a function that shares its concurrency with others',
    (stack) => {
      const { function: worker } = new Parcels(stack);
      resourceOf<CfnFunction>(worker).reservedConcurrentExecutions = undefined;
    },
  ],
  [
    'a function with the most memory and time',
    (stack) => {
      new Parcels(stack, {
        function: { memorySize: 10_240, timeout: Duration.seconds(900) },
        queue: { visibilityTimeout: Duration.seconds(5_407) },
        mapping: { batchSize: 10_000 },
      });
    },
  ],
  [
    'a function on managed instances, where other limits apply',
    (stack) => {
      const worker = resourceOf<CfnFunction>(new Parcels(stack).function);
      worker.memorySize = 32_768;
      worker.capacityProviderConfig = {
        lambdaManagedInstancesCapacityProviderConfig: { capacityProviderArn: 'arn:any' },
      };
    },
  ],
  [
    'a key that lets SNS in',
    (stack) => {
      const encryptionMasterKey = new Key(stack, 'Key');
      new Parcels(stack, { queue: { encryption: QueueEncryption.KMS, encryptionMasterKey } });
    },
  ],
  [
    'a queue without a subscription under the key of SQS',
    (stack) => {
      new Queue(stack, 'Letters', { encryption: QueueEncryption.KMS_MANAGED });
    },
  ],
  [
    'what only the deployment knows',
    (stack) => {
      const parameter = new CfnParameter(stack, 'Any', { type: 'Number' });
      const { queue, function: worker } = new Parcels(stack, { maxReceiveCount: parameter.valueAsNumber });
      resourceOf<CfnQueue>(queue).visibilityTimeout = parameter.valueAsNumber;
      resourceOf<CfnFunction>(worker).reservedConcurrentExecutions = parameter.valueAsNumber;
    },
  ],
  [
    'queues and functions of others',
    (stack) => {
      new EventSourceMapping(stack, 'Mapping', {
        target: LambdaFunction.fromFunctionName(stack, 'Function', 'elsewhere'),
        eventSourceArn: 'arn:aws:sqs:us-east-1:123456789012:elsewhere',
      });
      new Queue(stack, 'Letters', {
        deadLetterQueue: {
          queue: Queue.fromQueueArn(stack, 'Dead', 'arn:aws:sqs:us-east-1:123456789012:dead'),
          maxReceiveCount: 5,
        },
      });
    },
  ],
])('synth takes %s', (_, build) => {
  expect(() => synth(build)).not.toThrow();
});

test('the stack of this project checks whatever is added to it', () => {
  const stack = new FanOutStack(testApp(), 'OrderFanOut-dev', { stage: 'dev' });
  new Parcels(stack, { maxReceiveCount: 3 });

  expect(() => Template.fromStack(stack)).toThrow(
    /^OrderFanOut-dev\/Parcels\/Queue: maximum receive count is 3, but must be a whole number from 5 to 1000 \(.*\)$/,
  );
});

// FIFO topics and queues, of which CDK lets more through.
interface Letters {
  topic?: 'FIFO' | 'standard';
  queue?: 'FIFO' | 'standard';
  deadLetterQueue?: 'FIFO' | 'standard';
  undelivered?: 'FIFO' | 'standard';
  protocol?: SubscriptionProtocol;
  throughput?: QueueProps;
  mapping?: EventSourceMappingOptions;
}

/** All of it FIFO, except for what a test changes. */
function ordered(stack: Stack, parts: Letters = {}): void {
  const kind = (of: 'FIFO' | 'standard' = 'FIFO') => (of === 'FIFO' ? { fifo: true } : {});
  const topic = new Topic(stack, 'Topic', kind(parts.topic));
  const retentionPeriod = Duration.days(14);
  const deadLetterQueue = new Queue(stack, 'DeadLetters', {
    ...kind(parts.deadLetterQueue),
    retentionPeriod,
  });
  const undelivered = new Queue(stack, 'Undelivered', { ...kind(parts.undelivered), retentionPeriod });
  const queue = new Queue(stack, 'Queue', {
    ...kind(parts.queue),
    ...parts.throughput,
    visibilityTimeout: Duration.seconds(180),
    deadLetterQueue: { queue: deadLetterQueue, maxReceiveCount: 5 },
  });
  const { protocol = SubscriptionProtocol.SQS } = parts;
  new Subscription(stack, 'Subscription', {
    topic,
    protocol,
    endpoint: protocol === SubscriptionProtocol.SQS ? queue.queueArn : 'ops@example.com',
    deadLetterQueue: undelivered,
  });
  const target = new LambdaFunction(stack, 'Function', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline('exports.handler = async () => {};'),
    timeout: Duration.seconds(20),
  });
  new EventSourceMapping(stack, 'Messages', {
    target,
    eventSourceArn: queue.queueArn,
    batchSize: 10,
    ...parts.mapping,
  });
}

test.each<[string, Letters]>([
  ['all of it is FIFO', {}],
  [
    'a standard queue with standard dead letters is behind a FIFO topic',
    { queue: 'standard', deadLetterQueue: 'standard' },
  ],
  [
    'the throughput and the deduplication are by group',
    {
      throughput: {
        fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      },
    },
  ],
])('synth takes it where %s', (_, parts) => {
  expect(() => synth((stack) => ordered(stack, parts))).not.toThrow();
});

test.each<[string, Letters]>([
  [
    'Post/DeadLetters: it is standard, but must be FIFO like the queue whose dead letters it takes, Post/Queue ',
    { deadLetterQueue: 'standard' },
  ],
  [
    'Post/DeadLetters: it is FIFO, but must be standard like the queue whose dead letters it takes, Post/Queue ',
    { queue: 'standard' },
  ],
  [
    'Post/Queue: it is FIFO, but is subscribed to the standard topic Post/Topic ',
    { topic: 'standard', undelivered: 'standard' },
  ],
  [
    'Post/Undelivered: it is standard, but must be FIFO like the topic whose undelivered messages it takes, Post/Topic ',
    { undelivered: 'standard' },
  ],
  [
    'Post/Subscription: protocol is email, but the FIFO topic Post/Topic delivers to SQS only ',
    { protocol: SubscriptionProtocol.EMAIL },
  ],
  [
    'Post/Queue: FifoThroughputLimit is perMessageGroupId, which needs the DeduplicationScope messageGroup ',
    { throughput: { fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID } },
  ],
  [
    'Post/Messages: batch size is 11, but may be 10 at most for a FIFO queue ',
    { mapping: { batchSize: 11 } },
  ],
  [
    'Post/Messages: batch window is 1 seconds, but a FIFO queue has none: leave it out ',
    { mapping: { maxBatchingWindow: Duration.seconds(1) } },
  ],
])('synth refuses: %s', (message, parts) => {
  const [problem, ...others] = problemsOf((stack) => ordered(stack, parts));

  expect(problem).toContain(message);
  expect(others).toEqual([]);
});

/** The stack of dev, whose customers have so many orders in their busiest second. */
const peaking =
  (peakPerGroup: number, ordered = true) =>
  () =>
    synthesize('dev', { settings: { ...stages.dev, ordered, peakPerGroup } });

test('synth refuses a customer with more orders a second than a message group takes, and says what to do', () => {
  expect(peaking(301)).toThrow(
    'OrderFanOut-dev: peakPerGroup is 301 a second, but may be 300 at most, the calls that the partition of a message group ' +
      'takes: make the group finer than the customer, such as the order, or leave the stage on standard queues ' +
      '(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html)',
  );
});

test.each<[string, () => void]>([
  ['as many as a message group takes', peaking(300)],
  ['more where no group is to keep its order', peaking(301, false)],
])('synth takes %s', (_, synthesized) => {
  expect(synthesized).not.toThrow();
});

test('synth refuses a part of an order in a second', () => {
  expect(peaking(0.5)).toThrow('peakPerGroup is 0.5, but must be a whole number');
});
