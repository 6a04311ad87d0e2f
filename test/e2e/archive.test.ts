// What the archive is for: tables that were lost are made again from it, a replay over what is there changes nothing, and a consumer
// that comes later gets what was published before it.

import fs from 'node:fs';
import path from 'node:path';
import { DeleteItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { generateEvents, type TestMessage } from '../../cli/publishing/test-events.ts';
import type { TableHandles } from '../../contract/stack-outputs.ts';
import { fillTables } from '../../scenarios/fill-tables.ts';
import { inversions } from '../../scenarios/reconciliation/inversions.ts';
import { readLedger } from '../../scenarios/reconciliation/snapshot.ts';
import { synthesizeWith } from '../fixtures/extended-stack.ts';
import { PROJECT } from '../fixtures/project.ts';
import { type RunningStack, startStack } from '../fixtures/running-stack.ts';

const folder = temporaryFolder('archive-');
const TODAY = ['--from', new Date().toISOString().slice(0, 10)];
/** A customer's orders are many, so that their order matters. */
const CUSTOMERS = 12;

let running: RunningStack;

/** Deploys an assembly over what is there, as an update of the stack would. */
async function deploy(assembly: string, state: string): Promise<void> {
  running = await startStack(assembly, { stateDirectory: path.join(folder, state) });
  running.run.consume();
}

const stop = () => running.stop();
const orders = (...args: string[]) => running.command(...args);
const settle = async () => expect(await running.empty()).toBe(true);

async function publish(messages: readonly TestMessage[]): Promise<void> {
  await fillTables(running.clients, running.stack);
  await running.publish(messages);
  await settle();
}

const tablesOf = (consumer: string) => Object.values(running.consumer(consumer).tables);

/** What a table holds, by its key, without the times at which its consumer wrote. */
async function contentOf({ name: TableName, partitionKey }: TableHandles): Promise<Record<string, object>> {
  const { Items = [] } = await running.clients.dynamodb.send(new ScanCommand({ TableName }));
  return Object.fromEntries(
    Items.map((item) => {
      const { issuedAt, createdAt, ...record } = unmarshall(item);
      return [record[partitionKey], record];
    }),
  );
}

async function empty(table: TableHandles): Promise<void> {
  for (const id of Object.keys(await contentOf(table))) {
    const Key = { [table.partitionKey]: { S: id } };
    await running.clients.dynamodb.send(new DeleteItemCommand({ TableName: table.name, Key }));
  }
}

const contents = async (consumer: string) => Promise.all(tablesOf(consumer).map(contentOf));

describe('on standard queues', () => {
  const assembly = path.join(folder, 'cdk.out');
  // No poison is a valid order, which may or may not come before another of the same ID.
  const messages = generateEvents({
    count: 120,
    seed: 6,
    duplicates: 6,
    changes: 12,
    poison: 3,
  });
  const placed = new Set(messages.filter(({ kind }) => kind === 'event').map(({ id }) => id));

  beforeAll(async () => {
    await synthesize(PROJECT, assembly, { archive: 'true' });
    await deploy(assembly, 'standard');
    await publish(messages);
  });
  afterAll(stop);

  test('a day that is replayed to a consumer whose tables were emptied makes them what they were', async () => {
    const before = await contents('billing');
    for (const table of tablesOf('billing')) await empty(table);

    const { code, stdout } = await orders('replay', 'billing', ...TODAY);
    await settle();

    expect(stdout).toContain(`Sent ${messages.length} messages to billing`);
    expect(code).toBe(0);
    expect(await contents('billing')).toEqual(before);
    expect(Object.keys(before[0] ?? {})).toHaveLength(placed.size);
    expect(Object.keys(before[1] ?? {})).toHaveLength(12);
  });

  test('a replay over what is there changes nothing, and says again what is wrong with poison', async () => {
    const before = await readLedger(running.clients, running.stack);
    const failed = JSON.parse((await orders('failed', '--json')).stdout).consumers;

    const { code } = await orders('replay', 'inventory', ...TODAY);
    await settle();

    expect(code).toBe(0);
    expect(await readLedger(running.clients, running.stack)).toEqual(before);
    const { inventory, shipping } = JSON.parse((await orders('failed', '--json')).stdout).consumers;
    expect(inventory.deadLetters).toBe(2 * failed.inventory.deadLetters);
    expect(shipping.deadLetters).toBe(failed.shipping.deadLetters);
  });

  test('a consumer that comes later gets what was published before it', async () => {
    await stop();
    await deploy(withPoints(), 'standard');
    const { code, stdout } = await orders('replay', 'points', ...TODAY, '--canary');
    await settle();

    const [points = {}] = await contents('points');
    expect(stdout).toContain('messages to points');
    expect(code).toBe(0);
    expect(new Set(Object.keys(points))).toEqual(placed);
    expect(points).toMatchObject(
      Object.fromEntries(
        messages
          .filter(({ kind }) => kind === 'event')
          .map(({ body, id }) => [id, { points: Math.floor(JSON.parse(body).total / 100) }]),
      ),
    );
  });

  test('an order’s events are found, with what was published', async () => {
    const [cancelled] = messages.filter(({ kind }) => kind === 'change');
    const of = messages.filter(({ id }) => id === cancelled?.id);

    const { code, stdout } = await orders('archive', 'get', cancelled?.id ?? '', '--json');

    const found: { body: string }[] = JSON.parse(stdout).messages;
    expect(code).toBe(0);
    expect(found.map(({ body }) => body).sort()).toEqual(of.map(({ body }) => body).sort());
  });
});

describe('on FIFO queues', () => {
  const messages = generateEvents({ count: 100, seed: 6, groups: CUSTOMERS, changes: 10 });

  beforeAll(async () => {
    const assembly = path.join(folder, 'ordered.out');
    await synthesize(PROJECT, assembly, { archive: 'true', ordered: 'true' });
    await deploy(assembly, 'ordered');
    await publish(messages);
  });
  afterAll(stop);

  test('a replay keeps the order of each customer', async () => {
    const before = await contents('billing');
    for (const table of tablesOf('billing')) await empty(table);
    const earlier = recorded('billing').length;

    const { code } = await orders('replay', 'billing', ...TODAY);
    await settle();

    expect(code).toBe(0);
    expect(await contents('billing')).toEqual(before);
    const replayed = recorded('billing').slice(earlier);
    expect(replayed).toHaveLength(earlier);
    expect(inversions(messages, replayed)).toBe(0);
  });
});

/** The orders that a consumer recorded, by its log. */
const recorded = (consumer: string) =>
  running
    .logOf(consumer)
    .flatMap(({ message, orderId }) => (message === 'created' && orderId ? [orderId] : []));

/** The stack with the consumer of docs/archive.md: one entry in lib/config.ts, and one file in lambda/. */
function withPoints(): string {
  const page = fs.readFileSync(path.join(PROJECT, 'docs', 'archive.md'), 'utf8');
  const [, handler = ''] = /`lambda\/points\/handler\.ts`:\n\n```ts\n(.*?)^```$/ms.exec(page) ?? [];
  const tables = {
    points: { holds: 'records', partitionKey: 'orderId', actions: ['dynamodb:PutItem'] },
  } as const;
  return synthesizeWith({ points: { settings: { tables }, handler } }, { archive: 'true' });
}
