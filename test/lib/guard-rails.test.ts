/** Stacks of somebody else's making, each right but for one thing. */
import { expect, test } from '@jest/globals';
import { Aspects, CfnParameter, Duration, NestedStack, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  Alarm,
  AlarmRule,
  CfnAlarm,
  CompositeAlarm,
  type CompositeAlarmProps,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Key, Alias as KeyAlias } from 'aws-cdk-lib/aws-kms';
import {
  type CfnFunction,
  Code,
  EventSourceMapping,
  type EventSourceMappingOptions,
  type FunctionProps,
  Function as LambdaFunction,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { CfnSubscription, Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import { CfnQueue, Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { guardRails } from '../../lib/checks/guard-rails.ts';
import { ConfigError } from '../../lib/checks/limits.ts';
import { OrderFanOutStack } from '../../lib/order-fan-out-stack.ts';
import { testApp } from './synthesized.ts';

interface Parts {
  queue?: QueueProps;
  deadLetterQueue?: QueueProps;
  maxReceiveCount?: number;
  function?: Partial<FunctionProps>;
  mapping?: EventSourceMappingOptions;
  alarm?: { silent?: true; disabled?: true };
  composite?: Partial<CompositeAlarmProps> & { silent?: true };
}

/** A subscribed queue with its function and alarms, on the edge of what is allowed. */
class Parcels extends Construct {
  readonly queue: Queue;
  readonly function: LambdaFunction;

  constructor(scope: Construct, parts: Parts = {}) {
    super(scope, 'Parcels');
    const topic = new Topic(this, 'Topic');
    const deadLetterQueue = new Queue(this, 'DeadLetterQueue', {
      retentionPeriod: Duration.seconds(345_601),
      ...parts.deadLetterQueue,
    });
    this.queue = new Queue(this, 'Queue', {
      visibilityTimeout: Duration.seconds(6 * 20 + 7),
      deadLetterQueue: { queue: deadLetterQueue, maxReceiveCount: parts.maxReceiveCount ?? 5 },
      ...parts.queue,
    });
    new Subscription(this, 'Subscription', {
      topic,
      protocol: SubscriptionProtocol.SQS,
      endpoint: this.queue.queueArn,
      deadLetterQueue,
    });
    this.function = new LambdaFunction(this, 'Function', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromInline('exports.handler = async () => {};'),
      timeout: Duration.seconds(20),
      reservedConcurrentExecutions: 10,
      ...parts.function,
    });
    new EventSourceMapping(this, 'Messages', {
      target: this.function,
      eventSourceArn: this.queue.queueArn,
      batchSize: 10,
      maxBatchingWindow: Duration.seconds(7),
      maxConcurrency: 10,
      ...parts.mapping,
    });

    const alarm = new Alarm(this, 'Alarm', {
      metric: this.queue.metricApproximateNumberOfMessagesVisible(),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      actionsEnabled: !parts.alarm?.disabled,
    });
    if (!parts.alarm?.silent) alarm.addAlarmAction(new SnsAction(topic));
    const { silent, ...props } = parts.composite ?? {};
    const composite = new CompositeAlarm(this, 'Composite', { alarmRule: AlarmRule.anyOf(alarm), ...props });
    if (!silent) composite.addAlarmAction(new SnsAction(topic));
  }
}

function synth(build: (stack: Stack) => void): Template {
  const stack = new Stack(testApp(), 'Post');
  guardRails(stack);
  build(stack);
  return Template.fromStack(stack);
}

function faultsOf(build: (stack: Stack) => void): string[] {
  try {
    synth(build);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message.split('\n');
  }
  throw new Error('synth took it');
}

const values = (count: number) => Array.from({ length: count }, (_, index) => `value${index}`);
const sqsKey = { encryption: QueueEncryption.KMS_MANAGED };

test('what is on the edge of all limits passes', () => {
  expect(() => synth((stack) => new Parcels(stack))).not.toThrow();
});

test.each<[string, Parts, string]>([
  [
    'a visibility timeout that ends before Lambda is done with a batch',
    { queue: { visibilityTimeout: Duration.seconds(126) } },
    'Post/Parcels/Queue: visibility timeout is 126 seconds, but must be at least 127: 6 × the 20 seconds of ' +
      'Post/Parcels/Function + 7 of batch window',
  ],
  [
    'dead letters that expire with their messages',
    { deadLetterQueue: { retentionPeriod: Duration.seconds(345_600) } },
    "Post/Parcels/DeadLetterQueue: dead-letter retention is 345600 seconds, but must be longer than the queue's 345600",
  ],
  [
    'a queue that keeps messages as long as its dead-letter queue',
    { queue: { retentionPeriod: Duration.seconds(345_601) } },
    "Post/Parcels/DeadLetterQueue: dead-letter retention is 345601 seconds, but must be longer than the queue's 345601",
  ],
  [
    'fewer than five tries',
    { maxReceiveCount: 4 },
    'Post/Parcels/Queue: maximum receive count is 4, but must be a whole number from 5 to 1000',
  ],
  [
    'an alarm that tells nobody',
    { alarm: { silent: true } },
    'Post/Parcels/Alarm: it has no alarm action, so that nobody would learn of it: add one (addAlarmAction)',
  ],
  [
    'an alarm whose actions are disabled',
    { alarm: { disabled: true } },
    'Post/Parcels/Alarm: its actions are disabled, so that nobody would learn of it: enable them',
  ],
  [
    'a composite alarm that tells nobody',
    { composite: { silent: true } },
    'Post/Parcels/Composite: it has no alarm action, so that nobody would learn of it: add one (addAlarmAction)',
  ],
  [
    'a composite alarm whose actions are disabled',
    { composite: { actionsEnabled: false } },
    'Post/Parcels/Composite: its actions are disabled, so that nobody would learn of it: enable them',
  ],
  [
    'a subscribed queue under a key that SNS may not use',
    { queue: sqsKey },
    'Post/Parcels/Queue: the key is alias/aws/sqs, which SNS may not use, ',
  ],
  [
    "a subscription's dead-letter queue under a key that SNS may not use",
    { deadLetterQueue: sqsKey },
    'Post/Parcels/DeadLetterQueue: the key is alias/aws/sqs, which SNS may not use, ',
  ],
  [
    'reserved concurrency below the maximum concurrency',
    { function: { reservedConcurrentExecutions: 9 } },
    'Post/Parcels/Function: reserved concurrency is 9, but must be a whole number of at least 10, ',
  ],
])('synth refuses %s', (_, parts, message) => {
  const [fault, ...others] = faultsOf((stack) => new Parcels(stack, parts));

  expect(fault).toContain(message);
  expect(others).toEqual([]);
});

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
    'a queue that hides messages for as long as SQS does by default',
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
    'two queues that together ask for more concurrency than is reserved',
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
    'a key that is imported by its alias',
    (stack) => {
      const { queue } = new Parcels(stack);
      const key = KeyAlias.fromAliasName(stack, 'SqsKey', 'alias/aws/sqs');
      resourceOf<CfnQueue>(queue).kmsMasterKeyId = key.keyArn;
    },
    'Post/Parcels/Queue: the key is alias/aws/sqs, ',
  ],
  [
    'a queue that is subscribed twice, and says its fault once',
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
    'Post/Bare: it has no alarm action, ',
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
  expect(faultsOf(build)).toEqual([expect.stringContaining(message)]);
});

test('synth names every resource at fault, a line each', () => {
  const faults = faultsOf((stack) => new Parcels(stack, { maxReceiveCount: 4, alarm: { silent: true } }));

  expect(faults).toEqual([
    expect.stringMatching(/^Post\/Parcels\/Queue: maximum receive count is 4, /),
    expect.stringMatching(/^Post\/Parcels\/Alarm: it has no alarm action, /),
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
])('synth refuses a filter policy %s', (_, filterPolicy, fault) => {
  expect(faultsOf((stack) => bareSubscription(stack, filterPolicy))).toEqual([
    `Post/Bare: filter policy ${fault} (https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html)`,
  ]);
});

test('synth takes as many filter keys and combinations as SNS does', () => {
  const filterPolicy = { a: values(30), b: { c: values(5), f: ['1'] }, d: ['1'], e: ['1'], g: ['1'] };

  expect(() => synth((stack) => bareSubscription(stack, filterPolicy))).not.toThrow();
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
    'a key that lets SNS in',
    (stack) => {
      const encryptionMasterKey = new Key(stack, 'Key');
      new Parcels(stack, { queue: { encryption: QueueEncryption.KMS, encryptionMasterKey } });
    },
  ],
  [
    'a queue that nobody subscribed under the key of SQS',
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

test('the stack of this project holds whatever is added to it to the rules', () => {
  const stack = new OrderFanOutStack(testApp(), 'OrderFanOut-dev', { stage: 'dev' });
  new Parcels(stack, { maxReceiveCount: 3 });

  expect(() => Template.fromStack(stack)).toThrow(
    /^OrderFanOut-dev\/Parcels\/Queue: maximum receive count is 3, but must be a whole number from 5 to 1000 \(.*\)$/,
  );
});

function resourceOf<T>(construct: Construct): T {
  return construct.node.defaultChild as T;
}

function bareSubscription(stack: Stack, filterPolicy: object): void {
  const { topicArn } = new Topic(stack, 'Topic');
  const endpoint = new Queue(stack, 'Queue').queueArn;
  new CfnSubscription(stack, 'Bare', { topicArn, protocol: 'sqs', endpoint, filterPolicy });
}
