import { expect, test } from '@jest/globals';
import { type Deployment, fifoName } from '../../../src/resources/deployment.ts';
import { createSubscription, createTopic } from '../../../src/resources/sns.ts';

const ARN = 'arn:aws:sns:us-east-1:000000000000:orders';
/** Nothing is asked of it before the refusal. */
const deployment = {} as Deployment;

test.each([
  ['orders', true, 'orders.fifo'],
  ['orders', 'true', 'orders.fifo'],
  ['orders.fifo', true, 'orders.fifo'],
  ['orders', undefined, 'orders'],
  ['orders', 'false', 'orders'],
])('the name %s, FIFO: %s, becomes %s', (name, isFifo, expected) => {
  expect(fifoName(name, isFifo)).toBe(expected);
});

test('an archive of a topic is refused by name, not left out', async () => {
  const created = createTopic(
    'Orders',
    { FifoTopic: true, ArchivePolicy: { MessageRetentionPeriod: 30 } },
    deployment,
  );

  await expect(created).rejects.toThrow('Orders: the local run does not know ArchivePolicy');
});

test('a replay to a subscription is refused by name, not left out', async () => {
  const properties = { TopicArn: `${ARN}.fifo`, Protocol: 'sqs', Endpoint: 'q.fifo', ReplayPolicy: {} };

  await expect(createSubscription('Billing', properties, deployment)).rejects.toThrow(
    'Billing: the local run does not know ReplayPolicy',
  );
});

test('a FIFO queue behind a standard topic is refused, as SNS does', async () => {
  const properties = {
    TopicArn: ARN,
    Protocol: 'sqs',
    Endpoint: 'arn:aws:sqs:us-east-1:000000000000:q.fifo',
  };

  await expect(createSubscription('Billing', properties, deployment)).rejects.toThrow(
    `Billing: a FIFO queue cannot be subscribed to the standard topic ${ARN}`,
  );
});
