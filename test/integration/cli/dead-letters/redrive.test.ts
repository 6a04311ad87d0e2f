/** What a canary and what follows it come to together; the whole way is tested with the command. */
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createClients } from '../../../../cli/aws/clients.ts';
import { planRedrive } from '../../../../cli/dead-letters/plan.ts';
import { type Redrive, redrive } from '../../../../cli/dead-letters/redrive.ts';
import { generateOrders } from '../../../../cli/orders/test-orders.ts';
import { createProgress } from '../../../../cli/terminal/progress.ts';
import type { ConsumerHandles } from '../../../../contract/stack-outputs.ts';
import { type OrderStack, orderStack } from '../../../fixtures/order-stack.ts';
import { type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

const bodies = generateOrders({ count: 3, seed: 4 }).map(({ body }) => body);
const [first = ''] = bodies;
let aws: ScriptedAws;
let stack: OrderStack;
let sent: number[];

beforeEach(async () => {
  aws = await scriptedAws();
  stack = await orderStack(aws);
  sent = [];
  for (const body of bodies) await stack.refuse('billing', body, { error: 'Throttling', message: 'slow' });
});
afterEach(() => aws.close());

/** Of all three letters, the first one as the canary. */
async function sendAll(options: Partial<Redrive> = {}) {
  const clients = createClients(aws.client);
  const consumer = stack.handles.consumers[0] as ConsumerHandles;
  const plan = await planRedrive(clients, consumer, { filter: {} }, {});
  return redrive(
    {
      clients,
      stack: stack.handles,
      consumer,
      isSelection: true,
      canarySeconds: 10,
      progress: createProgress({ silent: true }),
      signal: new AbortController().signal,
      onSent: (soFar) => sent.push(soFar),
      ...options,
    },
    plan,
    bodies.length,
  );
}

test('a canary that was processed counts with the letters that are moved after it', async () => {
  stack.record('billing', first);
  const startedAt = Date.now() + 60_000;
  aws.script['sqs:StartMessageMoveTask'] = () => ({ json: { TaskHandle: 'handle' } });
  aws.script['sqs:ListMessageMoveTasks'] = () => ({
    json: {
      Results: [{ Status: 'COMPLETED', StartedTimestamp: startedAt, ApproximateNumberOfMessagesMoved: 2 }],
    },
  });

  const result = await sendAll({ isSelection: false });

  expect(result).toMatchObject({ wanted: 3, sent: 3 });
  expect(sent).toEqual([1, 3]);
});

test('a canary that comes back although its order is recorded ends what follows it', async () => {
  stack.record('billing', first);
  let isBack = false;
  aws.script['sqs:DeleteMessageBatch'] = ({ QueueUrl }) => {
    const MessageBody = first;
    if (!isBack) void createClients(aws.client).sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    isBack = true;
    return undefined;
  };

  const { cameBack, stopped } = await sendAll({ rate: 2 });

  expect(cameBack.total).toBe(1);
  expect(stopped).toBeUndefined();
});
