// A night on call, whole: poison and a broken table, the alarm, the look, the cause, the cure. Each step is a command as the
// operator types it, against the stack with the bundles that AWS would run.

import fs from 'node:fs';
import path from 'node:path';
import { PublishCommand } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startOperatedStack } from '../fixtures/operated-stack.ts';
import { anOrder } from '../fixtures/order-fixtures.ts';
import { type Ended, killRuns, Run } from '../fixtures/run.ts';

let operated: Awaited<ReturnType<typeof startOperatedStack>>;
const order = anOrder({ orderId: 'unrouted-1' });

beforeAll(async () => {
  operated = await startOperatedStack();
});

afterAll(async () => {
  killRuns();
  await operated.stop();
});

/** `npm run orders -- <args> --local`. */
const orders = (...args: string[]): Promise<Ended> =>
  new Run('bin/orders.mjs', [...args, '--local'], { LOCAL_RUN_DIRECTORY: operated.folder }).ended;

test('from the alarm to the cause to the cure', async () => {
  const stocked = await orders('stock', 'set', '--file', stockFile());
  expect(stocked).toMatchObject({ code: 0 });
  await operated.run.cloudWatch.endMinute();
  expect(await orders('status')).toMatchObject({ code: 0 });

  // The evening goes wrong: billing's table is gone, and somebody publishes an order that breaks the contract.
  await operated.breakBilling();
  const published = await orders('publish', '--count', '6', '--poison', '1', '--seed', '1');
  expect(published).toMatchObject({ code: 0 });
  await operated.settled();
  await operated.run.cloudWatch.endMinute();

  const alarmed = await orders('status');
  expect(alarmed.code).toBe(1);
  expect(alarmed.stdout).toContain('ALARM billing: messages are in the dead-letter queue');
  expect(alarmed.stdout).toMatch(/Next: npm run orders -- failed billing --local/);

  const failed = await orders('failed', 'billing', '--json');
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.stdout).consumers.billing).toMatchObject({
    deadLetters: 7,
    reasons: expect.arrayContaining([
      expect.objectContaining({ reason: expect.stringMatching(/^ResourceNotFoundException/), count: 6 }),
      expect.objectContaining({ reason: expect.stringMatching(/^SchemaViolation/), count: 1 }),
    ]),
  });

  const traced = await orders('trace', 'test-1-o000001');
  expect(traced.code).toBe(1);
  expect(traced.stdout).toMatch(/billing +dead-lettered.*ResourceNotFoundException/s);
  expect(traced.stdout).toMatch(/inventory +done/);

  await operated.mendBilling();
  const redriven = await orders('redrive', 'billing', '--reason', 'ResourceNotFound', '--canary');
  expect(redriven).toMatchObject({ code: 0 });
  await operated.settled();

  const done = await orders('trace', 'test-1-o000001');
  expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/billing +done/) });
  const left = await orders('failed', 'billing', '--json');
  expect(JSON.parse(left.stdout).consumers.billing).toMatchObject({ deadLetters: 1 });
  const history = await orders('redrive', '--history');
  expect(history.stdout).toMatch(/billing/);

  for (const consumer of ['billing', 'shipping', 'inventory']) {
    const purged = await orders(
      'purge',
      consumer,
      '--dead-letters',
      '--yes',
      '--export',
      path.join(operated.folder, consumer),
    );
    expect(purged).toMatchObject({ code: 0 });
  }
  // So long it is told that the consumer has dead-lettered something.
  for (let minute = 0; minute < 18; minute += 1) await operated.run.cloudWatch.endMinute();
  const clean = await orders('status');
  expect(clean).toMatchObject({ code: 0, stdout: expect.stringContaining('All is well.') });
});

test('what no consumer asks for is kept, raises an alarm, and is processed once it was put right', async () => {
  const broken = JSON.stringify({ ...order, total: order.total + 1 });
  const publish = (Message: string, attributes: Record<string, string>) =>
    operated.clients.sns.send(
      new PublishCommand({
        TopicArn: operated.stack.topicArn,
        Message,
        MessageAttributes: Object.fromEntries(
          Object.entries(attributes).map(([name, StringValue]) => [
            name,
            { DataType: 'String', StringValue },
          ]),
        ),
      }),
    );
  await publish(broken, { eventType: 'order.plcaed', requiresShipping: 'true' });
  await publish('{"orderId":"4711"}', { traceId: '1' });
  await publish('{"orderId":"4712"}', {});
  await operated.run.cloudWatch.endMinute();

  const alarmed = await orders('status');
  expect(alarmed.code).toBe(1);
  expect(alarmed.stdout).toContain("unrouted: 2 messages that no consumer's subscription asks for");
  expect(alarmed.stdout).toContain('docs/runbook.md#unrouted');
  // Of a message without any attribute SNS tells no more than that it was there.
  expect(alarmed.stdout).toContain('docs/runbook.md#unreadable-attributes');
  expect(alarmed.stdout).toContain('Next: npm run orders -- failed unrouted --local');

  const failed = await orders('failed', 'unrouted', '--json');
  expect(JSON.parse(failed.stdout).unrouted).toMatchObject({
    messages: 2,
    reasons: expect.arrayContaining([
      expect.objectContaining({ reason: 'eventType "order.plcaed"', count: 1 }),
      expect.objectContaining({ reason: 'no eventType', count: 1 }),
    ]),
  });
  const traced = await orders('trace', order.orderId);
  expect(traced.stdout).toMatch(/^unrouted +eventType "order\.plcaed"/m);

  const file = path.join(operated.folder, 'corrected.jsonl');
  fs.writeFileSync(file, JSON.stringify(order));
  const redriven = await orders('redrive', 'unrouted', '--edit', file, '--canary');
  expect(redriven).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Sent 1 of 1 message to the topic'),
  });
  const done = await orders('trace', order.orderId);
  expect(done.code).toBe(0);
  for (const consumer of ['billing', 'inventory', 'shipping']) {
    expect(done.stdout).toMatch(new RegExp(`^${consumer} +done`, 'm'));
  }

  const purged = await orders('purge', 'unrouted', '--dead-letters', '--yes', '--no-export');
  expect(purged).toMatchObject({ code: 0 });
  // The alarm about attributes looks at periods of five minutes.
  for (let minute = 0; minute < 15; minute += 1) await operated.run.cloudWatch.endMinute();
  expect(await orders('status')).toMatchObject({ code: 0, stdout: expect.stringContaining('All is well.') });
});

/** Enough of everything, as CSV. */
function stockFile(): string {
  const file = path.join(operated.folder, 'stock.csv');
  fs.writeFileSync(file, 'sku,available\nBOOK-BREAD,500\nCUP-BLUE,500\n');
  return file;
}
