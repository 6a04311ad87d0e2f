/** An ordered stage: everything that a customer's orders pass through is FIFO. */
import { describe, expect, test } from '@jest/globals';
import { consumers, stages } from '../../../lib/config.ts';
import {
  consumersOf,
  everyStage,
  operationsTopic,
  type Resource,
  resource,
  synthesize,
  topicOf,
} from '../../fixtures/synthesized.ts';

describe.each(everyStage)('$called, ordered', ({ of, stage }) => {
  const template = synthesize(stage, { settings: { ...stages[stage], ordered: true } }, of);
  const { Resources } = template.toJSON() as { Resources: Record<string, Resource> };

  test('the topic is FIFO, with throughput and deduplication by group', () => {
    expect(Resources[topicOf(template, of)]?.Properties).toMatchObject({
      FifoTopic: true,
      FifoThroughputScope: 'MessageGroup',
      TopicName: expect.stringMatching(/\.fifo$/),
    });
  });

  test('so is every queue, dead-letter queues and the queue of unrouted messages included, but of consumers that want none', () => {
    const consumers = consumersOf(stage, of);
    const standard = consumers.filter(({ settings }) => settings.ordered === false);
    const isStandard = ([id]: [string, Resource]) => standard.some((each) => id.startsWith(each.id));
    const queues = Object.entries(Resources).filter(([, { Type }]) => Type === 'AWS::SQS::Queue');

    const fifo = queues.filter((queue) => !isStandard(queue));

    expect(queues.filter(isStandard)).toHaveLength(2 * standard.length);
    expect(fifo).toHaveLength(2 * (consumers.length - standard.length) + 1);
    for (const [, { Properties }] of fifo) {
      expect(Properties).toMatchObject({
        FifoQueue: true,
        DeduplicationScope: 'messageGroup',
        FifoThroughputLimit: 'perMessageGroupId',
      });
      expect(Properties).not.toHaveProperty('QueueName');
    }
  });

  test('the topics of alarms are standard: alarms and mail need it', () => {
    for (const severity of ['Pages', 'Notices'] as const) {
      expect(Resources[operationsTopic(template, severity)]?.Properties).not.toHaveProperty('FifoTopic');
    }
  });
});

test('a permanent error blocks only the consumer whose setting says so', () => {
  const { billing, ...others } = consumers;
  const template = synthesize('dev', {
    settings: { ...stages.dev, ordered: true },
    consumers: { billing: { ...billing, onPermanentError: 'block' }, ...others },
  });
  const variables = (id: string) =>
    resource(template, 'AWS::Lambda::Function', `${id}Function`).Properties.Environment;

  expect(variables('Billing')).toMatchObject({ Variables: { ON_PERMANENT_ERROR: 'block' } });
  expect(variables('Shipping')).not.toHaveProperty('Variables.ON_PERMANENT_ERROR');
});

test('a consumer may stay on a standard queue, whose undelivered messages go to the unrouted ones', () => {
  const { shipping, ...others } = consumers;
  const settings = { ...stages.dev, ordered: true };
  const larger = { ...shipping, ordered: false, batchSize: 100, batchWindowSeconds: 1 };

  const template = synthesize('dev', { settings, consumers: { ...others, shipping: larger } });

  const unrouted = resource(template, 'AWS::SQS::Queue', 'UnroutedQueue');
  for (const queue of ['ShippingQueue', 'ShippingDeadLetterQueue']) {
    expect(resource(template, 'AWS::SQS::Queue', queue).Properties).not.toHaveProperty('FifoQueue');
  }
  expect(resource(template, 'AWS::SNS::Subscription', 'ShippingSubscription').Properties).toMatchObject({
    RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [unrouted.ref, 'Arn'] } },
  });
  expect(resource(template, 'AWS::SQS::Queue', 'BillingQueue').Properties.FifoQueue).toBe(true);
  expect(resource(template, 'AWS::SNS::Subscription', 'BillingSubscription').Properties).toMatchObject({
    RedrivePolicy: {
      deadLetterTargetArn: {
        'Fn::GetAtt': [resource(template, 'AWS::SQS::Queue', 'BillingDeadLetterQueue').ref, 'Arn'],
      },
    },
  });
});

test('where the stage is not ordered, a consumer that asks for a standard queue is like any other', () => {
  const { shipping, ...others } = consumers;
  const standard = { ...others, shipping: { ...shipping, ordered: false } };

  expect(synthesize('dev', { consumers: standard }).toJSON()).toEqual(
    synthesize('dev', { consumers: { ...others, shipping } }).toJSON(),
  );
});

test('publishers make queues fair only where the setting says so', () => {
  const fair = synthesize('dev', { settings: { ...stages.dev, fairQueues: true } });

  expect(fair.toJSON().Outputs).toMatchObject({ FairQueues: { Value: 'true' } });
  expect(synthesize('dev').toJSON().Outputs).not.toHaveProperty('FairQueues');
});
