// A night on call where each customer's orders keep their order: the operator's verbs on FIFO queues, with the bundles that AWS
// would run. The commands run in this process, so that its clock can go ahead; the emulators keep real time.
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { orderEvents } from '../../domain/events.ts';
import type { Order } from '../../domain/order.ts';
import { readLedger } from '../../scenarios/reconciliation/snapshot.ts';
import { anOrder } from '../fixtures/order-fixtures.ts';
import { PROJECT } from '../fixtures/project.ts';
import { type RunningStack, startStack } from '../fixtures/running-stack.ts';

const CONSUMERS = ['billing', 'inventory', 'shipping'];
const SEVEN_MINUTES = 7 * 60_000;
let operated: RunningStack;
let corrections: string;

const orderOf = (customerId: string, orderId: string) => anOrder({ orderId, customerId });
const [ada1, ada2, ada3, ada4, bob1] = [
  ...['ada-1', 'ada-2', 'ada-3', 'ada-4'].map((orderId) => orderOf('ada', orderId)),
  orderOf('bob', 'bob-1'),
] as [Order, Order, Order, Order, Order];
/** The second of Ada's orders, with a total that is not that of its items. */
const poison = { ...ada2, total: ada2.total + 1 };

beforeAll(async () => {
  const assembly = path.join(temporaryFolder('ordered-'), 'cdk.out');
  // What always fails is then tried five times, not for six hours.
  await synthesize(PROJECT, assembly, { outlastMinutes: '2', ordered: 'true' });
  operated = await startStack(assembly);
  operated.run.consume();
  corrections = path.join(operated.folder, 'corrected.jsonl');
  fs.writeFileSync(corrections, JSON.stringify(ada2));
  // Billing's table is gone, and one of Ada's orders breaks the contract.
  await operated.breakBilling();
  await publish(ada1, poison, ada3, bob1);
  await operated.settled();
  await operated.run.cloudWatch.endMinute();
  await operated.mendBilling();
});

afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(() => operated.stop());

const publish = (...orders: Order[]) =>
  operated.publish(
    orders.map((order) => ({
      body: JSON.stringify(order),
      attributes: orderEvents.attributesOf(order),
      orderId: order.orderId,
    })),
  );
const orders = (...args: string[]) => operated.command(...args);
const deadLetters = (name: string) => operated.deadLetters(name);
/** Which consumers have recorded an order. */
const recordedBy = async (orderId: string): Promise<string[]> => {
  const { records } = await readLedger(operated.clients, operated.stack);
  return CONSUMERS.filter((name) => records.get(name)?.has(orderId));
};

test('status, failed and trace tell what lies in FIFO dead-letter queues, and an export holds it', async () => {
  const file = path.join(operated.folder, 'billing.jsonl');

  const status = await orders('status');
  const failed = await orders('failed', 'billing', '--json', '--export', file);
  const traced = await orders('trace', 'ada-2');

  expect(status.code).toBe(1);
  expect(status.stdout).toContain('ALARM billing: messages are in the dead-letter queue');
  expect(JSON.parse(failed.stdout).consumers.billing).toMatchObject({
    deadLetters: 4,
    reasons: expect.arrayContaining([
      expect.objectContaining({ reason: expect.stringMatching(/^ResourceNotFoundException/), count: 3 }),
      expect.objectContaining({ reason: expect.stringMatching(/^SchemaViolation/), count: 1 }),
    ]),
  });
  const exported = fs.readFileSync(file, 'utf8').trim().split('\n');
  expect(exported.map((line) => JSON.parse(line).orderId).sort()).toEqual([
    'ada-1',
    'ada-2',
    'ada-3',
    'bob-1',
  ]);
  for (const name of CONSUMERS) {
    expect(traced.stdout).toMatch(new RegExp(`^${name} +dead-lettered.*SchemaViolation`, 'm'));
  }
  expect(await recordedBy('ada-3')).toEqual(['inventory', 'shipping']);
});

test('single letters are held back in their first six minutes, and then go through, corrected where they have to be', async () => {
  const early = await orders('redrive', 'billing', '--order', 'ada-1');
  const earlyEdit = await orders('redrive', 'billing', '--edit', corrections);
  const before = await deadLetters('billing');
  const now = Date.now;
  jest.spyOn(Date, 'now').mockImplementation(() => now() + SEVEN_MINUTES);
  const late = await orders('redrive', 'billing', '--order', 'ada-1');
  const lateEdit = await orders('redrive', 'billing', '--edit', corrections);
  await operated.settled();
  const traced = await orders('trace', 'ada-1');

  for (const { code, stdout, stderr } of [early, earlyEdit]) {
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining('Sent 0 of 1 dead letter') });
    expect(stderr).toContain('1 letter under 6 minutes old: SQS would drop them as duplicates. Wait.');
  }
  expect(before).toBe(4);
  for (const { code, stdout } of [late, lateEdit]) {
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('Sent 1 of 1 dead letter') });
  }
  expect(traced.code).toBe(0);
  for (const name of CONSUMERS) expect(traced.stdout).toMatch(new RegExp(`^${name} +done`, 'm'));
  expect(await recordedBy('ada-2')).toEqual(['billing']);
});

test('all of them are moved by SQS at once, after a look at what it would be', async () => {
  const looked = await orders('redrive', 'billing', '--dry-run');
  const before = await deadLetters('billing');
  const moved = await orders('redrive', 'billing');
  await operated.settled();

  expect(looked).toMatchObject({ code: 0, stderr: expect.stringContaining('Nothing was sent back.') });
  expect(before).toBe(2);
  expect(moved).toMatchObject({ code: 0, stdout: expect.stringContaining('Sent 2 of 2 dead letters back') });
  expect(await deadLetters('billing')).toBe(0);
  expect(await recordedBy('bob-1')).toEqual(CONSUMERS);
});

test('orders wait for a consumer that is stopped, and are done when it is started', async () => {
  const stopped = await orders('stop', 'billing');
  await publish(ada4);
  const waiting = await orders('status');
  const started = await orders('start', 'billing');
  await operated.settled();

  expect([stopped.code, started.code]).toEqual([0, 0]);
  expect(stopped.stdout).toContain('billing is stopped');
  expect(started.stdout).toContain('billing is started');
  expect(waiting.stdout).toMatch(/^billing \(stopped\) +1 +0 /m);
  expect(await recordedBy('ada-4')).toEqual(CONSUMERS);
});

test('a purge leaves nothing in a FIFO dead-letter queue, and all of it in its file', async () => {
  const file = path.join(operated.folder, 'shipping.jsonl');

  const purged = await orders('purge', 'shipping', '--dead-letters', '--yes', '--export', file);

  expect(purged.code).toBe(0);
  expect(JSON.parse(fs.readFileSync(file, 'utf8')).orderId).toBe('ada-2');
  expect(await deadLetters('shipping')).toBe(0);
});
