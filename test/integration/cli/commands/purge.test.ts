import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  type DeadLetterStack,
  type NewLetter,
  startDeadLetterStack,
} from '../../../fixtures/dead-letter-stack.ts';
import { killRuns } from '../../../fixtures/run.ts';

let stack: DeadLetterStack;
beforeAll(async () => {
  stack = await startDeadLetterStack(5);
});
afterAll(async () => {
  killRuns();
  await stack.stop();
});

const file = (name: string) => path.join(stack.directory, name);
const letters = (error: string, count: number): NewLetter[] =>
  Array.from({ length: count }, (_, index) => ({
    body: `${error} ${index}`,
    reason: { error, message: 'no' },
  }));
const saved = (name: string) =>
  fs
    .readFileSync(file(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).body)
    .sort();

test.concurrent('saves the letters, then deletes them, and says which', async () => {
  const name = stack.next();
  await stack.fill(name, [...letters('NotJson', 25), ...letters('Crash', 2)]);

  const { code, stdout, stderr } = await stack.orders(
    'purge',
    name,
    '--dead-letters',
    '--yes',
    '--export',
    file('a'),
  );

  expect(stdout).toMatch(
    /^\w+: 27 dead letters\n {2}25 {2}NotJson: no\n.*\n {3}2 {2}Crash: no\n.*\nDeleted 27 of 27 dead letters of \w+\n$/,
  );
  expect(stderr).toContain(`Saved 27 letters in ${file('a')}`);
  expect(code).toBe(0);
  expect(saved('a')).toEqual(
    [...letters('NotJson', 25), ...letters('Crash', 2)].map(({ body }) => body).sort(),
  );
  expect(await stack.depth(`${name}-dlq`)).toEqual({ visible: 0, hidden: 0 });
});

test.concurrent('deletes those of one reason, and leaves the others', async () => {
  const name = stack.next();
  await stack.fill(name, [...letters('NotJson', 3), ...letters('Throttling', 12)]);

  const args = ['purge', name, '--dead-letters', '--yes', '--reason', 'NotJson', '--no-export', '--json'];
  const { code, stdout } = await stack.orders(...args);

  expect(JSON.parse(stdout)).toMatchObject({ consumer: name, letters: 3, deleted: 3, export: null });
  expect(code).toBe(0);
  expect((await stack.take(`${name}-dlq`)).map(({ Body }) => Body).sort()).toEqual(
    letters('Throttling', 12)
      .map(({ body }) => body)
      .sort(),
  );
});

test.concurrent('deletes nothing where the letters cannot be saved', async () => {
  const name = stack.next();
  await stack.fill(name, letters('NotJson', 3));
  fs.writeFileSync(file('there'), '');

  const { code } = await stack.orders('purge', name, '--dead-letters', '--yes', '--export', file('there'));

  expect(code).toBe(2);
  expect(await stack.depth(`${name}-dlq`)).toEqual({ visible: 3, hidden: 0 });
});

test.concurrent('neither asks nor saves where there is nothing', async () => {
  const name = stack.next();

  const { code, stdout } = await stack.orders(
    'purge',
    name,
    '--dead-letters',
    '--yes',
    '--export',
    file('none'),
  );

  expect({ code, stdout }).toEqual({ code: 0, stdout: `${name}: no dead letters\n` });
  expect(fs.existsSync(file('none'))).toBe(false);
});

test.concurrent.each([
  [['--dead-letters'], 'There is no terminal to ask on: add --yes'],
  [['--yes'], 'Say what to purge: --dead-letters'],
])('%j is wrong usage, and deletes nothing', async (args, message) => {
  const { code, stdout, stderr } = await stack.orders('purge', 'billing', ...args);

  expect(stderr).toContain(message);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});
