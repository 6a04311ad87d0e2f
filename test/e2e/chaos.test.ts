// A bad day, as a user starts it, and what it finds when a safeguard is missing.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { type ChaosResult, type ChaosSummary, runChaos } from '../../cli/chaos.ts';
import { createProgress } from '../../cli/progress.ts';
import { FAULT_KINDS } from '../../local/faults.ts';
import { synthesize } from '../../local/synthesize.ts';

const PROJECT = path.join(import.meta.dirname, '../..');
let folder: string;
let assembly: string;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'chaos-'));
  assembly = path.join(folder, 'cdk.out');
  await synthesize(PROJECT, assembly);
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

async function chaos(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [path.join(PROJECT, 'bin/chaos.ts'), ...args], { cwd: PROJECT });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

describe('npm run chaos', () => {
  test('loses nothing and does nothing twice, whatever goes wrong, the stack killed three times included', async () => {
    const { code, stdout, stderr } = await chaos(
      '--assembly',
      assembly,
      '--orders',
      '150',
      '--seed',
      '3',
      '--json',
    );

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const summary: ChaosSummary = JSON.parse(stdout);
    expect(summary).toMatchObject({ orders: 150, seed: 3, missing: [], unexpected: [] });
    expect(Object.keys(summary.faults).sort()).toEqual([...FAULT_KINDS, 'stack-killed'].sort());
    for (const count of Object.values(summary.faults)) expect(count).toBeGreaterThan(0);
    for (const { underFaults, afterRedrive, redriven } of Object.values(summary.consumers)) {
      for (const { published, filtered, processed, deadLettered } of [underFaults, afterRedrive]) {
        expect(filtered + processed + deadLettered).toBe(published);
      }
      expect(redriven).toBeGreaterThan(afterRedrive.deadLettered);
    }
    expect(summary.consumers.billing?.afterRedrive).toEqual({
      published: 156,
      filtered: 0,
      processed: 150,
      deadLettered: 6,
      both: 0,
    });
    expect(summary.deadLetters.withReason).toBeGreaterThan(0);
    expect(summary.deadLetters.withoutReason).toBeGreaterThan(0);
  });

  test.each([
    ['--orders', '49'],
    ['--seed', 'x'],
    ['--colour', 'red'],
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

describe('without a safeguard it fails:', () => {
  /** A run of faults alone, on a copy of the assembly that `change` has made worse. */
  async function without(change: (directory: string) => void | Promise<void>): Promise<ChaosResult> {
    const directory = fs.mkdtempSync(path.join(folder, 'changed-'));
    fs.cpSync(assembly, path.join(directory, 'cdk.out'), { recursive: true });
    await change(path.join(directory, 'cdk.out'));
    return runChaos({
      assembly: path.join(directory, 'cdk.out'),
      workspace: directory,
      orders: 150,
      seed: 3,
      kills: false,
      stubborn: 0,
      progress: createProgress({ silent: true }),
      signal: new AbortController().signal,
    });
  }

  const bundles = (directory: string) =>
    fs
      .readdirSync(directory)
      .map((name) => path.join(directory, name, 'index.mjs'))
      .filter((file) => fs.existsSync(file));

  function replace(file: string, from: string, to: string): void {
    const text = fs.readFileSync(file, 'utf8');
    if (!text.includes(from)) throw new Error(`${file} does not hold ${from}`);
    fs.writeFileSync(file, text.replaceAll(from, to));
  }

  test('the condition on the put', async () => {
    const { proved, report, summary } = await without((directory) => {
      for (const file of bundles(directory)) {
        const always = 'attribute_exists(orderId) OR attribute_not_exists(orderId)';
        replace(file, 'attribute_not_exists(orderId)', always);
      }
    });

    expect(proved).toBe(false);
    const problems = summary.unexpected.map(({ problem }) => problem);
    expect(problems).toContain('the record has changed since it was first written');
    expect(problems).toContainEqual(expect.stringContaining('left of'));
    expect(report).toContain('To repeat it: npm run chaos -- --orders 150 --seed 3');
  });

  test('the partial batch response', async () => {
    const { proved, summary } = await without((directory) => {
      replace(path.join(directory, 'OrderFanOut-dev.template.json'), '"ReportBatchItemFailures"', '');
    });

    expect(proved).toBe(false);
    expect(summary.missing.map(({ problem }) => problem)).toContain('neither recorded nor dead-lettered');
  });

  test('the transaction', async () => {
    const { proved, summary } = await without(async (directory) => {
      const file = bundles(directory).find((each) => fs.readFileSync(each, 'utf8').includes('STOCK_TABLE'));
      if (!file) throw new Error(`no bundle of inventory in ${directory}`);
      await build({
        entryPoints: [path.join(PROJECT, 'lambda/inventory/handler.ts')],
        outfile: file,
        allowOverwrite: true,
        bundle: true,
        platform: 'node',
        target: 'node24',
        format: 'esm',
        mainFields: ['module', 'main'],
        banner: {
          js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
        },
        logLevel: 'silent',
        plugins: [
          {
            name: 'separate writes',
            setup({ onLoad }) {
              onLoad({ filter: /inventory\/stock\.ts$/ }, ({ path: source }) => ({
                contents: separateWrites(fs.readFileSync(source, 'utf8')),
                loader: 'ts',
              }));
            },
          },
        ],
      });
    });

    expect(proved).toBe(false);
    expect(summary.unexpected).toContainEqual(
      expect.objectContaining({ consumer: 'inventory', problem: expect.stringContaining('left of') }),
    );
  });

  /** The reservation first, then line after line; right as long as nothing goes wrong in between. */
  function separateWrites(source: string): string {
    const changes = [
      [
        'await dynamodb.send(transaction(reservation));',
        `for (const { Put, Update } of transaction(reservation).input.TransactItems ?? []) {
           await dynamodb.send(Put ? new PutItemCommand(Put) : new UpdateItemCommand(Update));
         }`,
      ],
      [
        'if (!(error instanceof TransactionCanceledException)) throw error;',
        `if (error instanceof ConditionalCheckFailedException) {
           if (error.Item) return sameOrder(error.Item, reservation);
           const { Item, TableName } = putOnce(tables.reservations, { ...reservation, status: 'BACKORDERED' });
           await dynamodb.send(new PutItemCommand({ Item, TableName }));
           return 'backordered';
         }
         if (!(error instanceof TransactionCanceledException)) throw error;`,
      ],
      [
        'import { TransactionCanceledException,',
        'import { ConditionalCheckFailedException, PutItemCommand, UpdateItemCommand, TransactionCanceledException,',
      ],
    ] as const;
    return changes.reduce((text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`stock.ts does not hold ${from}`);
      return text.replace(from, to);
    }, source);
  }
});
