/** What the guard rails refuse, with its value and what is allowed. */
import { expect, test } from '@jest/globals';
import { Duration, type Stack } from 'aws-cdk-lib';
import { LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { CfnSubscription, Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Parcels, type Parts, problemsOf, sqsKey, synth } from './parcels.ts';

const values = (count: number) => Array.from({ length: count }, (_, index) => `value${index}`);

test('what is on the edge of all limits passes', () => {
  expect(() => synth((stack) => new Parcels(stack))).not.toThrow();
});

test('an alarm may tell CodeDeploy alone, which takes a release back', () => {
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
    { alarm: { silent: true }, composite: { of: 'another' } },
    'Post/Parcels/Alarm: neither it nor a composite alarm with it has an alarm action, so that nobody would learn of it: ',
  ],
  [
    'an alarm whose actions are disabled',
    { alarm: { disabled: true } },
    'Post/Parcels/Alarm: its actions are disabled, so that nobody would learn of it: enable them',
  ],
  [
    'a composite alarm that tells nobody',
    { composite: { silent: true } },
    'Post/Parcels/Composite: neither it nor a composite alarm with it has an alarm action, so that nobody would learn of it: ',
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
    'too little memory',
    { function: { memorySize: 127 } },
    'Post/Parcels/Function: memory is 127 MiB, but must be a whole number from 128 to 10240 MiB ',
  ],
  [
    'too much memory',
    { function: { memorySize: 10_241 } },
    'Post/Parcels/Function: memory is 10241 MiB, but must be a whole number from 128 to 10240 MiB ',
  ],
  [
    'too long a timeout',
    { function: { timeout: Duration.seconds(901) }, queue: { visibilityTimeout: Duration.seconds(5_413) } },
    'Post/Parcels/Function: timeout is 901 seconds, but must be a whole number from 1 to 900 seconds ',
  ],
  [
    'too large a batch',
    { mapping: { batchSize: 10_001 } },
    'Post/Parcels/Messages: batch size is 10001, but must be a whole number from 1 to 10000 ',
  ],
  [
    'a large batch without a window',
    { mapping: { batchSize: 11, maxBatchingWindow: Duration.seconds(0) } },
    'Post/Parcels/Messages: batch size is 11, but over 10 needs a batch window of 1 to 300 seconds ',
  ],
  [
    'reserved concurrency below the maximum concurrency',
    { function: { reservedConcurrentExecutions: 9 } },
    'Post/Parcels/Function: reserved concurrency is 9, but must be a whole number of at least 10, ',
  ],
])('synth refuses %s', (_, parts, message) => {
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
