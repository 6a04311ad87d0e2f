// What `npm start` finds, and what it must not miss: the same stack and consumers, whole and with a fault in them.
import fs from 'node:fs';
import path from 'node:path';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { beforeAll, expect, test } from '@jest/globals';
import { LocalRun } from '@order-fan-out/local-run/run';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { createProgress } from '../../cli/terminal/progress.ts';
import { localEvents, localFaults, runLocalEvents } from '../../scenarios/start/local-events.ts';
import { bundleHolding, ignoreFailures, rebuild } from '../fixtures/changed-assembly.ts';
import { synthesizeWith, WITHOUT_RECORDS } from '../fixtures/extended-stack.ts';
import { PROJECT } from '../fixtures/project.ts';
import { startStack } from '../fixtures/running-stack.ts';

const ORDERS = 40;
const folder = temporaryFolder('local-orders-');
const assembly = path.join(folder, 'cdk.out');

beforeAll(() => synthesize(PROJECT, assembly));

/** Does what `npm start` does, on a stack of its own. */
async function start(
  options: {
    assembly?: string;
    stateDirectory?: string;
    seed?: number;
    orders?: number;
    cancellations?: number;
  } = {},
) {
  const { seed = 1, orders = ORDERS, cancellations = 0, ...others } = options;
  const messages = localEvents(orders, seed, cancellations);
  const logDirectory = temporaryFolder('logs-');
  const faults = localFaults(messages, seed, assembly, logDirectory);
  const run = await LocalRun.start({ assembly, ...others, port: 0, logDirectory, faults });
  try {
    const progress = createProgress({ silent: true });
    const { signal } = new AbortController();
    const result = await runLocalEvents({ run, messages, logDirectory, progress, signal });
    const injected = fs.readFileSync(path.join(logDirectory, 'faults.log'), 'utf8').trim().split('\n');
    return { ...result.summary, isBalanced: result.balanced, injected };
  } finally {
    await run.stop();
  }
}

test('all is accounted for: orders that fail at first, cancelled ones, consumers without records of orders; the same orders once more are conflicts, which nobody takes for poison', async () => {
  const stateDirectory = temporaryFolder('state-');
  const extended = synthesizeWith(WITHOUT_RECORDS);
  const { missing, unexpected, isBalanced, consumers, injected } = await start({
    stateDirectory,
    assembly: extended,
    cancellations: 0.5,
  });
  const again = await start({ stateDirectory, assembly: extended });

  expect({ missing, unexpected, isBalanced }).toEqual({ missing: [], unexpected: [], isBalanced: true });
  expect(consumers.billing).toMatchObject({ processed: ORDERS + ORDERS / 2, deadLettered: 1 });
  for (const name of Object.keys(WITHOUT_RECORDS)) {
    // Each delivery counts, copies too.
    expect(consumers[name]).toMatchObject({ processed: ORDERS + 2, duplicates: 0, deadLettered: 1 });
  }
  // Three orders, three tables, four refusals.
  expect(injected).toEqual(Array(3 * 3 * 4).fill('dynamodb-error'));
  expect(again.isBalanced).toBe(false);
  expect(again.unexpected).toContainEqual(
    expect.objectContaining({
      consumer: 'billing',
      problem: 'in the dead-letter queue as OrderConflict, with nothing wrong with it',
    }),
  );
});

test('a consumer whose orders take no notice of a cancellation that came first is found out', async () => {
  const copy = path.join(temporaryFolder('changed-'), 'cdk.out');
  fs.cpSync(assembly, copy, { recursive: true });
  const consumers = { billing: 'INVOICES_TABLE', shipping: 'SHIPMENTS_TABLE', inventory: 'STOCK_TABLE' };
  for (const [consumer, table] of Object.entries(consumers)) {
    // An order then takes the place of a marker.
    await rebuild(bundleHolding(copy, table), consumer, 'record-table', [
      ['absent: Id | Digest = idField', 'absent: Id | Digest = digestField'],
    ]);
  }

  const { missing } = await start({ assembly: copy, cancellations: 0.5 });

  for (const consumer of Object.keys(consumers)) {
    expect(missing).toContainEqual({
      consumer,
      id: expect.any(String),
      problem: 'the order is not cancelled',
    });
  }
});

test('with FIFO no order is processed after a later one of its customer, although some fail at first', async () => {
  const ordered = path.join(temporaryFolder('ordered-'), 'cdk.out');
  await synthesize(PROJECT, ordered, { ordered: 'true' });

  const { missing, unexpected, isBalanced, inversions, injected } = await start({ assembly: ordered });

  expect({ missing, unexpected, isBalanced }).toEqual({ missing: [], unexpected: [], isBalanced: true });
  expect(inversions).toEqual({ billing: 0, inventory: 0, shipping: 0 });
  expect(injected).toHaveLength(3 * 3 * 4);
});

test('with FIFO a consumer that goes on behind an order that failed is found out', async () => {
  const ordered = path.join(temporaryFolder('ordered-'), 'cdk.out');
  await synthesize(PROJECT, ordered, { ordered: 'true' });
  const file = bundleHolding(ordered, 'INVOICES_TABLE');
  const bundle = fs.readFileSync(file, 'utf8');
  // Each record is then a group of its own, as in a standard queue.
  const changed = bundle.replace(/\?(\w+)\.attributes\.MessageGroupId:\1\b/, '?$1:$1');
  fs.writeFileSync(file, changed);

  const { inversions, unexpected, isBalanced } = await start({ assembly: ordered, orders: 300 });

  expect(changed).not.toBe(bundle);
  expect(isBalanced).toBe(false);
  expect(inversions.billing).toBeGreaterThan(0);
  expect(unexpected).toContainEqual({
    consumer: 'billing',
    problem: expect.stringMatching(/^\d+ orders? processed after a later one of the same customer$/),
  });
});

// One fault a consumer, so that one run shows both: they share nothing but the topic.
test('a consumer that acknowledges what failed is found out, and so is one that loses the reason of its dead letters', async () => {
  const copy = path.join(temporaryFolder('changed-'), 'cdk.out');
  fs.cpSync(assembly, copy, { recursive: true });
  ignoreFailures(copy, 'Shipping');
  const file = bundleHolding(copy, 'INVOICES_TABLE');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replaceAll('DeadLetterError', 'SomethingElse'));

  const { missing, unexpected, isBalanced } = await start({ assembly: copy });

  expect(isBalanced).toBe(false);
  expect(missing).toContainEqual(
    expect.objectContaining({ consumer: 'shipping', problem: 'no record of the order' }),
  );
  expect(unexpected).toContainEqual({
    consumer: 'billing',
    id: expect.any(String),
    problem: expect.stringMatching(/^in the dead-letter queue as moved by SQS, but must be there 1 time as /),
  });
});

test('what a run that was cut off left in the queues, also in flight, is neither waited for nor a false alarm', async () => {
  const stateDirectory = temporaryFolder('state-');
  const cut = await startStack(assembly, { stateDirectory });
  await cut.publish(localEvents(ORDERS, 7));
  const { Messages = [] } = await cut.clients.sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: cut.consumer('billing').queueUrl,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: 43_200,
    }),
  );
  await cut.stop();

  const { missing, unexpected, consumers } = await start({ stateDirectory });

  expect(Messages.length).toBeGreaterThan(0);
  expect({ missing, unexpected }).toEqual({ missing: [], unexpected: [] });
  expect(consumers.billing).toMatchObject({ deadLettered: 2 });
});
