/** A foreign stack, right except for what a test changes. */
import { expect } from '@jest/globals';
import { Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  Alarm,
  AlarmRule,
  CompositeAlarm,
  type CompositeAlarmProps,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import {
  Code,
  EventSourceMapping,
  type EventSourceMappingOptions,
  type FunctionProps,
  Function as LambdaFunction,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { guardRails } from '../../../../lib/checks/guard-rails.ts';
import { ConfigError } from '../../../../lib/settings/validation.ts';
import { testApp } from '../../../fixtures/synthesized.ts';

export interface Parts {
  queue?: QueueProps;
  deadLetterQueue?: QueueProps;
  maxReceiveCount?: number;
  function?: Partial<FunctionProps>;
  mapping?: EventSourceMappingOptions;
  alarm?: { silent?: true; disabled?: true };
  composite?: Partial<CompositeAlarmProps> & { silent?: true; of?: 'another' };
}

/** A subscribed queue with its function and alarms, at the edge of all limits. */
export class Parcels extends Construct {
  readonly queue: Queue;
  readonly function: LambdaFunction;
  readonly alarm: Alarm;

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

    this.alarm = new Alarm(this, 'Alarm', {
      metric: this.queue.metricApproximateNumberOfMessagesVisible(),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      actionsEnabled: !parts.alarm?.disabled,
    });
    const { alarm } = this;
    if (!parts.alarm?.silent) alarm.addAlarmAction(new SnsAction(topic));
    const { silent, of, ...props } = parts.composite ?? {};
    const alarmRule = of ? AlarmRule.fromBoolean(false) : AlarmRule.anyOf(alarm);
    const composite = new CompositeAlarm(this, 'Composite', { alarmRule, ...props });
    if (!silent) composite.addAlarmAction(new SnsAction(topic));
  }
}

export function synth(build: (stack: Stack) => void): Template {
  const stack = new Stack(testApp(), 'Post');
  guardRails(stack);
  build(stack);
  return Template.fromStack(stack);
}

/** The lines of synth's error. */
export function problemsOf(build: (stack: Stack) => void): string[] {
  try {
    synth(build);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message.split('\n');
  }
  throw new Error('synth took it');
}

export const sqsKey = { encryption: QueueEncryption.KMS_MANAGED };

/** The resource of a CDK construct. */
export function resourceOf<T>(construct: Construct): T {
  return construct.node.defaultChild as T;
}
