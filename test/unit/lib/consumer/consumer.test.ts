/** The consumer construct by itself, fanning out something other than orders. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { SubscriptionFilter, Topic } from 'aws-cdk-lib/aws-sns';
import type { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { guardRails } from '../../../../lib/checks/guard-rails.ts';
import { Consumer } from '../../../../lib/consumer/consumer.ts';
import type { ConsumerProps } from '../../../../lib/consumer/consumer-props.ts';
import { settingProblem } from '../../../../lib/settings/validation.ts';
import { resource, testApp } from '../../../fixtures/synthesized.ts';

const folder = temporaryFolder('telemetry-');

beforeAll(() => {
  writeFileSync(join(folder, 'handler.ts'), 'export const handler = async () => {};\n');
});

function telemetry(props: Partial<ConsumerProps> = {}): Template {
  const stack = new Stack(testApp(), 'Telemetry');
  guardRails(stack);
  new Consumer(stack, 'Thermostats', { ...consumerProps(stack), ...props });
  return Template.fromStack(stack);
}

function consumerProps(stack: Stack): ConsumerProps {
  return {
    name: 'thermostats',
    topic: new Topic(stack, 'Readings'),
    handlerEntry: join(folder, 'handler.ts'),
    memory: Size.mebibytes(256),
    timeout: Duration.seconds(30),
    batchSize: 500,
    batchWindow: Duration.seconds(20),
    maxConcurrency: 2,
    logRetention: Duration.days(7),
    removalPolicy: RemovalPolicy.DESTROY,
  };
}

test('a consumer may filter by any condition that SNS knows', () => {
  const template = telemetry({
    filterPolicy: { celsius: SubscriptionFilter.numericFilter({ greaterThan: 30 }) },
  });

  template.hasResourceProperties('AWS::SNS::Subscription', {
    FilterPolicy: { celsius: [{ numeric: ['>', 30] }] },
  });
});

test('the outage to outlast and the retention may differ from the defaults', () => {
  const template = telemetry({
    outlast: Duration.minutes(30),
    retention: Duration.days(1),
    deadLetterRetention: Duration.days(7),
  });

  expect(resource(template, 'AWS::SQS::Queue', 'ThermostatsQueue').Properties).toMatchObject({
    MessageRetentionPeriod: 86_400,
    RedrivePolicy: { maxReceiveCount: 10 },
  });
  expect(
    resource(template, 'AWS::SQS::Queue', 'ThermostatsDeadLetterQueue').Properties.MessageRetentionPeriod,
  ).toBe(604_800);
  template.hasResourceProperties('AWS::Lambda::Function', {
    Environment: { Variables: { MAX_RECEIVE_COUNT: '10' } },
  });
});

test.each<[string, Partial<ConsumerProps>, string]>([
  [
    'an outage during which the queue may delete messages',
    { outlast: Duration.hours(48) },
    ': to outlast 172800 seconds, a message may be retried for 345960 seconds, but the queue keeps it for 345600: outlast ' +
      'less, or keep messages longer',
  ],
  [
    'retention over 14 days',
    { retention: Duration.days(15) },
    ': Queue2 initialization failed due to the following validation error(s): message retention period must be between ' +
      '60 and 1,209,600 seconds, but 1296000 was provided',
  ],
  [
    'half an invocation',
    { reservedConcurrency: 2.5 },
    '/Function: reserved concurrency is 2.5, but must be a whole number of at least 2',
  ],
  [
    'half a second',
    { timeout: Duration.millis(1_500) },
    "'1500 millis' cannot be converted into a whole number of seconds.",
  ],
])('synth refuses %s in one line', (_, props, message) => {
  let problem: string | undefined;
  try {
    telemetry(props);
  } catch (error) {
    problem = settingProblem(error);
  }

  expect(problem).toContain(message);
  expect(problem).not.toContain('\n');
});

test('synth refuses a queue that dead-letters messages before the tries that the function counts on', () => {
  const stack = new Stack(testApp(), 'Telemetry');
  guardRails(stack);
  const { queue } = new Consumer(stack, 'Thermostats', consumerProps(stack));
  const { redrivePolicy } = queue.node.defaultChild as CfnQueue;
  redrivePolicy.maxReceiveCount = 53;

  expect(() => Template.fromStack(stack)).toThrow(
    'Telemetry/Thermostats/Queue: maximum receive count is 53, but Telemetry/Thermostats/Function counts on 54',
  );
});

test('a handler that cannot be bundled fails synth in one line that says where and why', () => {
  writeFileSync(join(folder, 'broken.ts'), "import './no-such-module.ts';\n");
  const stack = new Stack(testApp({ 'aws:cdk:bundling-stacks': ['**'] }), 'Telemetry');

  const handlerEntry = join(folder, 'broken.ts');

  expect(() => new Consumer(stack, 'Thermostats', { ...consumerProps(stack), handlerEntry })).toThrow(
    /^Telemetry\/Thermostats: cannot bundle .*broken\.ts: Could not resolve "\.\/no-such-module\.ts" at .*broken\.ts:1$/,
  );
});
