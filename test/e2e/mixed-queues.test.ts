// An ordered stage with one consumer on a standard queue: it gets what the FIFO topic carries, and what SNS cannot deliver to it lies in
// the queue of unrouted messages, from where operators send it on.

import fs from 'node:fs';
import path from 'node:path';
import { CreateQueueCommand, DeleteQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LocalRun } from '@order-fan-out/local-run/run';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { type Clients, createClients, destroyClients } from '../../cli/aws/clients.ts';
import { findStack, type StackHandles } from '../../cli/aws/stack.ts';
import { generateOrders } from '../../cli/orders/test-orders.ts';
import { consumers, stages } from '../../lib/config.ts';
import { OrderFanOutStack } from '../../lib/order-fan-out-stack.ts';
import { publishAll } from '../../scenarios/publish-all.ts';
import { inversionsByConsumer, orderedConsumers } from '../../scenarios/reconciliation/inversions.ts';
import { readLedger } from '../../scenarios/reconciliation/snapshot.ts';
import { fillStock } from '../../scenarios/start/local-orders.ts';
import { waitUntilEmpty } from '../../scenarios/wait-until-empty.ts';
import { command } from '../fixtures/command.ts';
import { testApp } from '../fixtures/synthesized.ts';

const folder = temporaryFolder('mixed-queues-');
const logDirectory = path.join(folder, 'logs');
let run: LocalRun;
let clients: Clients;
let stack: StackHandles;

beforeAll(async () => {
  const app = testApp({ 'aws:cdk:bundling-stacks': ['**'] });
  new OrderFanOutStack(app, 'OrderFanOut-dev', {
    stage: 'dev',
    settings: { ...stages.dev, ordered: true },
    consumers: {
      ...consumers,
      shipping: { ...consumers.shipping, ordered: false, batchSize: 100, batchWindowSeconds: 1 },
    },
  });
  app.synth();
  run = await LocalRun.start({ assembly: app.outdir, port: 0, logDirectory });
  process.env.LOCAL_RUN_DIRECTORY = folder;
  fs.writeFileSync(path.join(folder, 'endpoint.json'), JSON.stringify(run.endpoint));
  clients = createClients(run.client);
  stack = await findStack(clients.cloudFormation, run.endpoint.stackName);
  run.consume();
});

afterAll(async () => {
  destroyClients(clients);
  await run.stop();
});

const orders = (...args: string[]) => command([...args, '--local']);
const settle = () =>
  waitUntilEmpty(
    clients.sqs,
    stack.consumers.map(({ queueUrl }) => queueUrl),
    { stallTimeoutMs: 20_000 },
  );

test('the consumer on a standard queue gets all that is for it, and the others keep their order', async () => {
  const messages = generateOrders({ count: 60, seed: 6, customers: 6, cancellations: 6 });
  await fillStock(clients.dynamodb, stack);

  await publishAll({ sns: clients.sns, topicArn: stack.topicArn, messages });
  await settle();

  const { records } = await readLedger(clients.dynamodb, stack);
  const ships = messages.filter(
    ({ kind, attributes }) => kind === 'order' && attributes.requiresShipping?.StringValue === 'true',
  );
  expect(records.get('shipping')?.size).toBe(ships.length);
  expect(orderedConsumers(stack)).toEqual(new Set(['billing', 'inventory']));
  expect(inversionsByConsumer(stack, messages, logDirectory)).toMatchObject({ billing: 0, inventory: 0 });
});

test('what SNS cannot deliver to it lies among the unrouted messages, and is sent on from there', async () => {
  const { queueUrl = '' } = stack.consumers.find(({ name }) => name === 'shipping') ?? {};
  const { Attributes = {} } = await clients.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['Policy', 'RedrivePolicy'] }),
  );
  const messages = generateOrders({ count: 3, seed: 8 }).filter(
    ({ attributes }) => attributes.requiresShipping?.StringValue === 'true',
  );
  await clients.sqs.send(new DeleteQueueCommand({ QueueUrl: queueUrl }));

  await publishAll({ sns: clients.sns, topicArn: stack.topicArn, messages });
  const failed = await orders('failed', 'unrouted');
  await clients.sqs.send(new CreateQueueCommand({ QueueName: path.posix.basename(queueUrl), Attributes }));
  const sent = await orders('redrive', 'unrouted', '--to', 'shipping');
  await settle();

  expect(failed.stdout).toContain(`unrouted: ${messages.length} messages\n`);
  expect(sent.stdout).toContain(`Sent ${messages.length} of ${messages.length} messages to shipping`);
  const { records } = await readLedger(clients.dynamodb, stack);
  for (const { orderId } of messages) expect(records.get('shipping')?.has(orderId)).toBe(true);
});
