import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { generateOrders } from '../../../../cli/orders/test-orders.ts';
import { type DeadLetterStack, startDeadLetterStack } from '../../../fixtures/dead-letter-stack.ts';
import { killRuns } from '../../../fixtures/run.ts';

let stack: DeadLetterStack;
beforeAll(async () => {
  // What a killed command has hidden comes back after seconds.
  stack = await startDeadLetterStack(0, { timeScale: 30 });
});
afterAll(async () => {
  killRuns();
  await stack.stop();
});

test('corrections are gone on with where the command was killed: none is lost, and none refused', async () => {
  const orders = generateOrders({ count: 60, seed: 16 }).map(({ body }) => JSON.parse(body));
  const reason = { error: 'SchemaViolation', message: 'total must be …' };
  await stack.fill(
    'billing',
    orders.map((order) => ({ body: JSON.stringify({ ...order, total: -1 }), reason })),
  );
  const corrected = path.join(stack.directory, 'corrected.jsonl');
  fs.writeFileSync(corrected, orders.map((order) => `${JSON.stringify(order)}\n`).join(''));
  const redrive = ['redrive', 'billing', '--edit', corrected];

  const killed = stack.startProcess(...redrive, '--rate', '60');
  const total = async () => {
    const { visible, hidden } = await stack.depth('billing');
    return visible + hidden;
  };
  while ((await total()) < 20) await setTimeout(20);
  killed.kill();
  await killed.ended;
  while ((await stack.depth('billing-dlq')).hidden > 0) await setTimeout(50);
  const left = (await stack.depth('billing-dlq')).visible;
  const { code, stderr } = await stack.orders(...redrive);
  const again = await stack.orders(...redrive);

  const sent = (await stack.take('billing')).map(({ Body = '' }) => Body);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(60);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining(`${60 - left} of 60 corrections were sent before (${corrected}.sent)\n`),
  });
  expect([...new Set(sent)].sort()).toEqual(orders.map((order) => JSON.stringify(order)).sort());
  expect(fs.existsSync(`${corrected}.sent`)).toBe(false);
  expect(again.stderr).toContain('is no dead letter of billing');
});
