// An ordered stage with one consumer on a standard queue: it gets what the FIFO topic carries, and what SNS cannot deliver to it lies in
// the queue of unrouted messages, from where operators send it on.

import path from 'node:path';
import { CreateQueueCommand, DeleteQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { generateEvents } from '../../cli/publishing/test-events.ts';
import { consumers, stages } from '../../lib/config.ts';
import { FanOutStack } from '../../lib/fan-out-stack.ts';
import { fillTables } from '../../scenarios/fill-tables.ts';
import { inversionsByConsumer, orderedConsumers } from '../../scenarios/reconciliation/inversions.ts';
import { readLedger } from '../../scenarios/reconciliation/snapshot.ts';
import { type RunningStack, startStack } from '../fixtures/running-stack.ts';
import { testApp } from '../fixtures/synthesized.ts';

let running: RunningStack;

beforeAll(async () => {
  const app = testApp({ 'aws:cdk:bundling-stacks': ['**'] });
  new FanOutStack(app, 'OrderFanOut-dev', {
    stage: 'dev',
    settings: { ...stages.dev, ordered: true },
    consumers: {
      ...consumers,
      shipping: { ...consumers.shipping, ordered: false, batchSize: 100, batchWindowSeconds: 1 },
    },
  });
  app.synth();
  running = await startStack(app.outdir);
  running.run.consume();
});

afterAll(() => running.stop());

test('the consumer on a standard queue gets all that is for it, and the others keep their order', async () => {
  const messages = generateEvents({ count: 60, seed: 6, groups: 6, changes: 6 });
  const { clients, stack, folder } = running;
  await fillTables(clients, stack);

  await running.publish(messages);
  await running.empty();

  const { records } = await readLedger(clients, stack);
  const ships = messages.filter(
    ({ kind, attributes }) => kind === 'event' && attributes.requiresShipping?.StringValue === 'true',
  );
  expect(records.get('shipping')?.size).toBe(ships.length);
  expect(orderedConsumers(stack)).toEqual(new Set(['billing', 'inventory']));
  expect(inversionsByConsumer(stack, messages, path.join(folder, 'logs'))).toMatchObject({
    billing: 0,
    inventory: 0,
  });
});

test('what SNS cannot deliver to it lies among the unrouted messages, and is sent on from there', async () => {
  const { clients, stack, command: orders } = running;
  const { queueUrl } = running.consumer('shipping');
  const { Attributes = {} } = await clients.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['Policy', 'RedrivePolicy'] }),
  );
  const messages = generateEvents({ count: 3, seed: 8 }).filter(
    ({ attributes }) => attributes.requiresShipping?.StringValue === 'true',
  );
  await clients.sqs.send(new DeleteQueueCommand({ QueueUrl: queueUrl }));

  await running.publish(messages);
  const failed = await orders('failed', 'unrouted');
  await clients.sqs.send(new CreateQueueCommand({ QueueName: path.posix.basename(queueUrl), Attributes }));
  const sent = await orders('redrive', 'unrouted', '--to', 'shipping');
  await running.empty();

  expect(failed.stdout).toContain(`unrouted: ${messages.length} messages\n`);
  expect(sent.stdout).toContain(`Sent ${messages.length} of ${messages.length} messages to shipping`);
  const { records } = await readLedger(clients, stack);
  for (const { id } of messages) expect(records.get('shipping')?.has(id)).toBe(true);
});
