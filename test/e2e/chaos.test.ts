// A run under faults, as a user starts it, and what it finds when a safeguard is missing.

import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { FAULT_KINDS } from '@order-fan-out/local-run/faults/fault-plan';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { CONTEXT } from '../../scenarios/chaos/chaos.ts';
import type { ChaosSummary } from '../../scenarios/chaos/report.ts';
import { bundleHolding, ignoreFailures, rebuild } from '../fixtures/changed-assembly.ts';
import { synthesizeWith, WITHOUT_RECORDS } from '../fixtures/extended-stack.ts';
import { PROJECT } from '../fixtures/project.ts';
import { killRuns, Run } from '../fixtures/run.ts';

let folder: string;
let assembly: string;
let archived: string;
let ordered: string;

beforeAll(async () => {
  folder = temporaryFolder('chaos-');
  assembly = path.join(folder, 'cdk.out');
  ordered = path.join(folder, 'ordered.out');
  await synthesize(PROJECT, assembly, CONTEXT);
  archived = synthesizeWith(WITHOUT_RECORDS, { ...CONTEXT, archive: 'true' });
  await synthesize(PROJECT, ordered, { ...CONTEXT, ordered: 'true' });
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

// What a failed run leaves behind goes with the rest.
const chaos = (...args: string[]) => new Run('bin/chaos.ts', args, { TMPDIR: folder }).ended;

afterEach(killRuns);

describe('npm run chaos', () => {
  test('loses nothing and does nothing twice, whatever goes wrong, also with consumers that keep no record of orders', async () => {
    const { code, stdout, stderr } = await chaos(
      ...['--assembly', archived, '--orders', '150', '--cancellations', '10%', '--seed', '3', '--json'],
    );

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const summary: ChaosSummary = JSON.parse(stdout);
    expect(summary).toMatchObject({ orders: 150, seed: 3, missing: [], unexpected: [] });
    expect(Object.keys(summary.faults).sort()).toEqual([...FAULT_KINDS, 'stack-killed'].sort());
    for (const count of Object.values(summary.faults)) expect(count).toBeGreaterThan(0);
    expect(summary.faults['stack-killed']).toBe(4);
    for (const { underFaults, afterRedrive, redriven } of Object.values(summary.consumers)) {
      for (const { published, filtered, processed, deadLettered } of [underFaults, afterRedrive]) {
        expect(filtered + processed + deadLettered).toBe(published);
      }
      expect(redriven).toBeGreaterThan(afterRedrive.deadLettered);
    }
    expect(summary.consumers.billing?.afterRedrive).toEqual({
      published: 171,
      filtered: 0,
      processed: 165,
      deadLettered: 6,
      both: 0,
    });
    expect(summary.deadLetters.withReason).toBeGreaterThan(0);
    expect(summary.deadLetters.withoutReason).toBeGreaterThan(0);
    // What a standard queue does, so that none on a FIFO queue says something.
    for (const inversions of Object.values(summary.inversions)) expect(inversions).toBeGreaterThan(0);
  });

  test('with FIFO records no order after a later one of the same customer, whatever goes wrong', async () => {
    const { code, stdout, stderr } = await chaos(
      ...['--assembly', ordered, '--orders', '100', '--cancellations', '10%', '--seed', '1', '--json'],
    );

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { inversions, faults, missing, unexpected }: ChaosSummary = JSON.parse(stdout);
    expect({ inversions, missing, unexpected }).toEqual({
      inversions: { billing: 0, inventory: 0, shipping: 0 },
      missing: [],
      unexpected: [],
    });
    expect(faults).not.toHaveProperty('duplicate-delivery');
  });

  test.each([
    ['--orders', '49'],
    ['--cancellations', '101%'],
    ['--ordered', '--assembly', 'cdk.out'],
  ])('%s %s is wrong usage', async (...args) => {
    const { code, stderr } = await chaos(...args);

    expect(code).toBe(2);
    expect(stderr).toContain(args[0]);
  });

  test('without an assembly where one is named says so in one line', async () => {
    const { code, stderr } = await chaos('--assembly', path.join(folder, 'none'));

    expect(code).toBe(1);
    expect(stderr).toContain('npm run chaos: ');
    expect(stderr).toContain('holds no cloud assembly');
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('without its safeguards', () => {
  /** A put that overwrites what is there. */
  const overwrites = [
    ["'attribute_not_exists(#absent)'", "'attribute_exists(#absent) OR attribute_not_exists(#absent)'"],
  ] as const;

  /** One write after the other; right as long as nothing goes wrong in between. */
  const separateWrites = [
    [
      'await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: writes }), { abortSignal: signal });',
      `for (const [index, { Put, Update }] of writes.entries()) {
         try {
           await dynamodb.send(Put ? new PutItemCommand(Put) : new UpdateItemCommand(Update));
         } catch (error) {
           if (!(error instanceof ConditionalCheckFailedException)) throw error;
           const failed = { Code: CONDITION_FAILED, Item: error.Item };
           return { CancellationReasons: writes.map((_, at) => (at === index ? failed : { Code: 'None' })) };
         }
       }`,
    ],
    [
      'TransactionCanceledException,',
      'ConditionalCheckFailedException, PutItemCommand, UpdateItemCommand, TransactionCanceledException,',
    ],
  ] as const;

  // One safeguard a consumer, so that one run shows each: they share nothing but the topic.
  test('it fails, and says what the condition, the partial batch response and the transaction are for', async () => {
    const changed = path.join(folder, 'changed');
    fs.cpSync(assembly, changed, { recursive: true });
    await rebuild(bundleHolding(changed, 'INVOICES_TABLE'), 'billing', 'record-table', overwrites);
    ignoreFailures(changed, 'Shipping');
    await rebuild(bundleHolding(changed, 'STOCK_TABLE'), 'inventory', 'transaction', separateWrites);

    // Chance decides whether a message is lost, so a run may miss one of the three; four in a row do not.
    const marks = [
      /^billing: the record has changed since it was first written$/,
      /^shipping: neither recorded nor dead-lettered$/,
      /^inventory: \S+, \d+ left of \d+ with \d+ reserved in this run$/,
    ];
    const found: string[] = [];
    const unseen = () => marks.filter((mark) => !found.some((each) => mark.test(each)));
    for (const seed of ['5', '6', '7', '8']) {
      const { code, stdout, stderr } = await chaos(
        ...['--assembly', changed, '--orders', '120', '--seed', seed, '--json'],
      );
      expect(code).toBe(1);
      expect(stderr).toContain(
        `To repeat it: npm run chaos -- --orders 120 --seed ${seed} --assembly ${changed}\n`,
      );
      const { missing, unexpected }: ChaosSummary = JSON.parse(stdout);
      found.push(...[...missing, ...unexpected].map(({ consumer, problem }) => `${consumer}: ${problem}`));
      if (unseen().length === 0) break;
    }

    expect(unseen()).toEqual([]);
  });
});
