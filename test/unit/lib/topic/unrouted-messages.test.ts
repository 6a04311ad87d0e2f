import { beforeAll, describe, expect, test } from '@jest/globals';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { consumers, stages } from '../../../../lib/config.ts';
import type { ConsumerSettings } from '../../../../lib/settings/types.ts';
import { ordersTopic, resource, stageNames, synthesize } from '../../../fixtures/synthesized.ts';

describe.each(stageNames)('in %s', (stage) => {
  let template: Template;
  let queue: ReturnType<typeof resource>;

  beforeAll(() => {
    template = synthesize(stage);
    queue = resource(template, 'AWS::SQS::Queue', 'UnroutedQueue');
  });

  test('what no consumer asks for goes to the queue of unrouted messages, as it was published', () => {
    const { Properties } = resource(template, 'AWS::SNS::Subscription', 'UnroutedSubscription');

    expect(Properties).toMatchObject({
      TopicArn: { Ref: ordersTopic(template) },
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

  test('messages are kept for 14 days, encrypted like all others, and past the stack where data is kept', () => {
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
            Condition: { ArnEquals: { 'aws:SourceArn': { Ref: ordersTopic(template) } } },
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
