/** Which resources the guard rails look into, and which values they leave alone. */
import { expect, test } from '@jest/globals';
import { Aspects, CfnParameter, Duration, NestedStack, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { CfnAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { AttributeType, CfnGlobalTable, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Key, Alias as KeyAlias } from 'aws-cdk-lib/aws-kms';
import {
  type CfnFunction,
  Code,
  EventSourceMapping,
  Function as LambdaFunction,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { CfnLogGroup, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import { CfnQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { OrderFanOutStack } from '../../../../lib/order-fan-out-stack.ts';
import { testApp } from '../../../fixtures/synthesized.ts';
import { Parcels, problemsOf, resourceOf, sqsKey, synth } from './parcels.ts';

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
    'logs that are kept for a time that CloudWatch lacks',
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
    'a queue that is subscribed twice, and says its problem once',
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
    'Post/Bare: neither it nor a composite alarm with it has an alarm action, ',
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
    'a function with as much memory and time as there is',
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
