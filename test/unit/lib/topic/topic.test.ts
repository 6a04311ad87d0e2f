/** Who may publish orders, how publishers find the topic, and where unrouted messages go. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { consumers, stages } from '../../../../lib/config.ts';
import { FanOutStack } from '../../../../lib/fan-out-stack.ts';
import type { ConsumerSettings, StageName } from '../../../../lib/settings/types.ts';
import {
  resource,
  type Statement,
  stageNames,
  synthesize,
  testApp,
  topicOf,
} from '../../../fixtures/synthesized.ts';

const SHOP = '111111111111';
const MARKET = '222222222222';
const KEY_ACTIONS = ['kms:Decrypt', 'kms:GenerateDataKey*'];

const rootOf = (account: string) => ({
  'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:iam::${account}:root`]],
});

function topicStatements(template: Template): Statement[] {
  const { Properties } = resource(template, 'AWS::SNS::TopicPolicy', 'OrdersTopicPolicy');
  return (Properties.PolicyDocument as { Statement: Statement[] }).Statement;
}

function keyStatements(template: Template): (Statement & { Principal: unknown })[] {
  return Object.values(template.findResources('AWS::KMS::Key')).flatMap(
    ({ Properties }) => Properties.KeyPolicy.Statement,
  );
}

describe.each(stageNames)('in %s', (stage) => {
  test('no other account may publish unless it is named', () => {
    const template = synthesize(stage);

    expect(topicStatements(template).filter(({ Effect }) => Effect === 'Allow')).toEqual([]);
    expect(JSON.stringify(keyStatements(template))).not.toMatch(/:iam::\d/);
  });

  test('the accounts that are named may publish, and over TLS only', () => {
    const template = synthesize(stage, letIn(stage, SHOP, MARKET));

    expect(topicStatements(template)).toEqual([
      expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      {
        Sid: expect.anything(),
        Effect: 'Allow',
        Principal: { AWS: [rootOf(SHOP), rootOf(MARKET)] },
        Action: 'sns:Publish',
        Resource: { Ref: topicOf(template) },
      },
    ]);
  });

  test('publishers find the topic by a parameter that is named after the stack', () => {
    const template = synthesize(stage);

    template.hasResourceProperties('AWS::SSM::Parameter', {
      Name: `/OrderFanOut-${stage}/orders-topic-arn`,
      Type: 'String',
      Value: { Ref: topicOf(template) },
    });
  });
});

test('publishers find the key of prod by a parameter as well, and dev has none', () => {
  const prod = synthesize('prod');

  prod.hasResourceProperties('AWS::SSM::Parameter', {
    Name: '/OrderFanOut-prod/orders-key-arn',
    Value: { 'Fn::GetAtt': [resource(prod, 'AWS::KMS::Key', 'Key').ref, 'Arn'] },
  });
  synthesize('dev').resourceCountIs('AWS::SSM::Parameter', 1);
});

test('prod has SNS log failed deliveries, to the one log group that SNS names after the topic', () => {
  const prod = synthesize('prod');
  const { ref } = resource(prod, 'AWS::IAM::Role', 'OrdersDeliveryLogging');
  const topic = topicOf(prod);
  const { Properties } = resource(prod, 'AWS::IAM::Policy', 'OrdersDeliveryLoggingDefaultPolicy');
  const [statement] = (Properties.PolicyDocument as { Statement: Statement[] }).Statement;

  prod.hasResourceProperties('AWS::SNS::Topic', {
    DeliveryStatusLogging: [{ Protocol: 'sqs', FailureFeedbackRoleArn: { 'Fn::GetAtt': [ref, 'Arn'] } }],
  });
  expect(statement?.Action).toEqual(['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents']);
  expect(JSON.stringify(statement?.Resource)).toContain(`{"Fn::GetAtt":["${topic}","TopicName"]},"*"`);
  expect(JSON.stringify(synthesize('dev').toJSON())).not.toContain('DeliveryStatusLogging');
});

test('the accounts that are named may use the key of prod to publish', () => {
  const template = synthesize('prod', letIn('prod', SHOP, MARKET));

  expect(keyStatements(template)).toContainEqual({
    Effect: 'Allow',
    Principal: { AWS: [rootOf(SHOP), rootOf(MARKET)] },
    Action: KEY_ACTIONS,
    Resource: '*',
  });
});

test.each(['123', '1111111111111', '11111111111x', ' 111111111111', ''])(
  '%p is refused as an account, in one line',
  (account) => {
    expect(() => synthesize('dev', letIn('dev', SHOP, account))).toThrow(
      `OrderFanOut-dev/Orders: publisherAccounts has ${JSON.stringify(account)}, but an account ID is 12 digits`,
    );
  },
);

test('a role of this account gets the permissions to publish in its own policy, and nothing else changes', () => {
  const stack = new FanOutStack(testApp(), 'OrderFanOut-prod', { stage: 'prod' });
  const publisher = new Stack(stack.node.root, 'Publisher');
  const role = new Role(publisher, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });

  stack.topic.grantPublish(role);

  const { Properties } = resource(Template.fromStack(publisher), 'AWS::IAM::Policy', 'RoleDefaultPolicy');
  const { Statement: statements } = Properties.PolicyDocument as { Statement: Statement[] };
  expect(statements.map(({ Effect, Action }) => ({ Effect, Action }))).toEqual([
    { Effect: 'Allow', Action: 'sns:Publish' },
    { Effect: 'Allow', Action: KEY_ACTIONS },
  ]);
  expect(Template.fromStack(stack).toJSON().Resources).toEqual(synthesize('prod').toJSON().Resources);
});

function letIn(stage: StageName, ...publisherAccounts: string[]) {
  return { settings: { ...stages[stage], publisherAccounts } };
}

describe.each(stageNames)('unrouted messages in %s', (stage) => {
  let template: Template;
  let queue: ReturnType<typeof resource>;

  beforeAll(() => {
    template = synthesize(stage);
    queue = resource(template, 'AWS::SQS::Queue', 'UnroutedQueue');
  });

  test('what no consumer asks for goes to the queue of unrouted messages, as it was published', () => {
    const { Properties } = resource(template, 'AWS::SNS::Subscription', 'UnroutedSubscription');

    expect(Properties).toMatchObject({
      TopicArn: { Ref: topicOf(template) },
      Endpoint: { 'Fn::GetAtt': [queue.ref, 'Arn'] },
      RawMessageDelivery: true,
      FilterPolicy: {
        eventType: [{ exists: false }, { 'anything-but': ['order.placed', 'order.cancelled'] }],
      },
    });
  });

  test('SNS is subscribed only once the queue and its policy are there', () => {
    const { ref } = resource(template, 'AWS::SNS::Subscription', 'UnroutedSubscription');
    const { DependsOn } = template.toJSON().Resources[ref];
    const policy = resource(template, 'AWS::SQS::QueuePolicy', 'UnroutedQueuePolicy');

    expect(DependsOn).toEqual(expect.arrayContaining([policy.ref, queue.ref]));
  });

  test('messages are kept for 14 days, encrypted like all others, and retained where the stage keeps data', () => {
    expect(queue.Properties.MessageRetentionPeriod).toBe(14 * 86_400);
    expect(queue.Properties.KmsMasterKeyId !== undefined).toBe(stages[stage].customerManagedKey);
    expect(queue.DeletionPolicy).toBe(stages[stage].keepData ? 'RetainExceptOnCreate' : 'Delete');
    template.hasOutput('UnroutedQueueUrl', { Value: { Ref: queue.ref } });
  });

  test('the queue takes messages of the topic only, and over TLS', () => {
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      Queues: [{ Ref: queue.ref }],
      PolicyDocument: {
        Statement: [
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          {
            Effect: 'Allow',
            Principal: { Service: 'sns.amazonaws.com' },
            Action: 'sqs:SendMessage',
            Resource: { 'Fn::GetAtt': [queue.ref, 'Arn'] },
            Condition: { ArnEquals: { 'aws:SourceArn': { Ref: topicOf(template) } } },
          },
        ],
      },
    });
  });
});

test('an event type that no consumer takes is unrouted', () => {
  const billing: ConsumerSettings = { ...consumers.billing, eventTypes: ['order.placed'] };
  const template = synthesize('dev', { consumers: { billing } });

  expect(
    resource(template, 'AWS::SNS::Subscription', 'UnroutedSubscription').Properties.FilterPolicy,
  ).toEqual({
    eventType: [{ exists: false }, { 'anything-but': ['order.placed'] }],
  });
});
