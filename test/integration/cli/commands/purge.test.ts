import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { command, useAwsEnvironment } from '../../../fixtures/command.ts';
import {
  type DeadLetterStack,
  type NewLetter,
  readJsonLines,
  startDeadLetterStack,
} from '../../../fixtures/dead-letter-stack.ts';
import { type OrderStack, orderStack } from '../../../fixtures/order-stack.ts';
import { PROJECT } from '../../../fixtures/project.ts';
import { type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

let stack: DeadLetterStack;
beforeAll(async () => {
  stack = await startDeadLetterStack();
});
afterEach(() => stack.clear());
afterAll(() => stack.stop());

const file = (name: string) => path.join(stack.directory, name);
const letters = (error: string, count: number): NewLetter[] =>
  Array.from({ length: count }, (_, index) => ({
    body: `${error} ${index}`,
    reason: { error, message: 'no' },
  }));
const bodies = (those: readonly { body?: string }[]) => those.map(({ body }) => body).sort();
const saved = (name: string) => bodies(readJsonLines(file(name)));
const purge = (...args: string[]) => stack.command('purge', 'billing', '--dead-letters', '--yes', ...args);

test('on a terminal it asks: with Ctrl-D for an answer nothing is deleted, and no export is left', async () => {
  await stack.fill('billing', letters('NotJson', 2));
  const args = ['purge', 'billing', '--dead-letters', '--local'];

  const unanswered = await command([...args, '--export', file('unanswered')], { isTerminal: true });
  const other = await command(args, { isTerminal: true, input: 'another name\n' });
  fs.writeFileSync(file('taken'), '');
  const taken = await command([...args, '--export', file('taken')], { isTerminal: true, input: 'billing\n' });

  for (const { code, stderr } of [unanswered, other]) {
    expect(stderr).toContain('to delete 2 letters for good: ');
    expect(stderr).toContain('Nothing was deleted.\n');
    expect(code).toBe(1);
  }
  expect(fs.existsSync(file('unanswered'))).toBe(false);
  expect(taken.stderr).not.toContain('for good');
  expect(taken.stderr).toContain('it already exists');
  expect(await stack.depth('billing-dlq')).toEqual({ visible: 2, hidden: 0 });
});

test('saves the letters, then deletes them, and says which', async () => {
  await stack.fill('billing', [...letters('NotJson', 25), ...letters('Crash', 2)]);

  const { code, stdout, stderr } = await purge('--export', file('a'));

  expect(stdout).toMatch(
    /^\w+: 27 dead letters\n {2}25 {2}NotJson: no\n.*\n {3}2 {2}Crash: no\n.*\nDeleted 27 of 27 dead letters of \w+\n$/,
  );
  expect(stderr).toContain(`Saved 27 letters in ${file('a')}`);
  expect(code).toBe(0);
  expect(saved('a')).toEqual(bodies([...letters('NotJson', 25), ...letters('Crash', 2)]));
  expect(await stack.depth('billing-dlq')).toEqual({ visible: 0, hidden: 0 });
});

test('deletes those of one reason, and leaves the others', async () => {
  await stack.fill('billing', [...letters('NotJson', 3), ...letters('Throttling', 12)]);

  const { code, stdout } = await purge('--reason', 'NotJson', '--no-export', '--json');

  expect(JSON.parse(stdout)).toMatchObject({ consumer: 'billing', letters: 3, deleted: 3, export: null });
  expect(code).toBe(0);
  expect(await stack.bodies('billing-dlq')).toEqual(bodies(letters('Throttling', 12)));
});

test('neither asks nor saves where there is nothing', async () => {
  const { code, stdout } = await purge('--export', file('none'));

  expect({ code, stdout }).toEqual({ code: 0, stdout: 'billing: no dead letters\n' });
  expect(fs.existsSync(file('none'))).toBe(false);
});

test('what the disk has no room for is not deleted, and the file ends with the last whole letter', async () => {
  const all = Array.from({ length: 60 }, (_, index) => ({ body: `${index} ${'x'.repeat(900)}` }));
  await stack.fill('billing', all);
  const args = ['purge', 'billing', '--dead-letters', '--yes', '--export', file('full'), '--local'];

  // A file may have 20 KB: the system then takes a part of a letter, and nothing more.
  const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>(
    (resolve) => {
      const script = path.join(PROJECT, 'bin/operate.mjs');
      const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1', LOCAL_RUN_DIRECTORY: stack.directory };
      const shell = ['-c', 'ulimit -f 40; exec "$0" "$@"', process.execPath, script, ...args];
      execFile('sh', shell, { env }, (error, out, err) =>
        resolve({ code: error?.code ?? 0, stdout: out, stderr: err }),
      );
    },
  );

  const kept = saved('full');
  const left = await stack.bodies('billing-dlq');
  const deleted = all.map(({ body }) => body).filter((body) => !left.includes(body));
  expect(code).toBe(1);
  expect(deleted.length).toBeGreaterThan(0);
  expect(left.length).toBeGreaterThan(0);
  expect(deleted.filter((body) => !kept.includes(body))).toEqual([]);
  expect(stdout).toContain(`Deleted ${deleted.length} of 60 dead letters`);
  expect(stderr).toContain(`Saved ${kept.length} letters in ${file('full')}\n`);
  expect(stderr).toContain(`Cannot write ${file('full')}: it would exceed the largest file size\n`);
  expect(stderr).not.toMatch(/\n\s+at /);
});

describe('a letter', () => {
  let aws: ScriptedAws;
  let orders: OrderStack;
  let events: string[];
  const folder = temporaryFolder('purge-');
  beforeEach(async () => {
    events = [];
    aws = await scriptedAws();
    orders = await orderStack(aws);
    useAwsEnvironment(aws.environment);
    for (let index = 0; index < 25; index++) await orders.refuse('billing', `letter ${index}`);
    aws.script['sqs:DeleteMessageBatch'] = ({ Entries }) => {
      events.push(...Entries.map(() => 'deleted'));
      return undefined;
    };
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await aws.close();
  });
  const purgeTo = (name: string) =>
    command(['purge', 'billing', '--dead-letters', '--yes', '--export', path.join(folder, name)]);

  test('is deleted only after it was written whole, also where the system takes a part at a time, and synced', async () => {
    const write = fs.writeSync as (...args: unknown[]) => number;
    jest
      .spyOn(fs, 'writeSync')
      .mockImplementation(((file: number, bytes: Buffer, at: number, length: number, to: number) =>
        write(file, bytes, at, Math.min(length, 100), to)) as never);
    const sync = fs.fsyncSync;
    jest.spyOn(fs, 'fsyncSync').mockImplementation((file) => {
      sync(file);
      // Lines that the disk is known to keep.
      const lines = fs.readFileSync(path.join(folder, 'whole'), 'utf8').split('\n').length - 1;
      events.push(
        ...Array.from({ length: lines - events.filter((each) => each === 'kept').length }, () => 'kept'),
      );
    });

    const { code } = await purgeTo('whole');

    expect(code).toBe(0);
    const count = (what: string, until: number) =>
      events.slice(0, until).filter((each) => each === what).length;
    expect(count('deleted', events.length)).toBe(25);
    for (const at of events.keys())
      expect(count('deleted', at + 1)).toBeLessThanOrEqual(count('kept', at + 1));
  });

  test('is not deleted where the disk does not keep it', async () => {
    jest.spyOn(fs, 'fsyncSync').mockImplementation(() => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    });

    const { code, stderr } = await purgeTo('unkept');

    expect(events).toEqual([]);
    expect(stderr).toContain('unkept: the disk is full\n');
    expect(code).toBe(1);
    expect(await orders.visibleLetters('billing')).toHaveLength(25);
  });
});
