import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { chooseSeed, noteSeed } from '../../../../scenarios/start/seeds.ts';

test('a seed whose orders were published is not taken again: another one by itself, and none where it was chosen', () => {
  const state = temporaryFolder('state-');

  expect(chooseSeed(state, 1, false)).toBe(1);
  noteSeed(state, 1);
  expect(chooseSeed(state, 1, false)).toBe(2);
  noteSeed(state, 2);

  expect(chooseSeed(state, 1, false)).toBe(3);
  expect(chooseSeed(state, 7, true)).toBe(7);
  expect(() => chooseSeed(state, 2, true)).toThrow(
    `the orders of seed 2 were published to the state in ${state} before: choose another --seed`,
  );
});

test('a folder without seeds is one in which nothing was published; a file that is cut is said to be one', () => {
  const state = temporaryFolder('state-');
  const file = path.join(state, 'seeds.json');

  expect(chooseSeed(path.join(state, 'new'), 2 ** 32 - 1, false)).toBe(2 ** 32 - 1);
  fs.writeFileSync(file, '[1, 2');
  expect(() => chooseSeed(state, 1, false)).toThrow(`${file} is not what npm start writes`);
  fs.writeFileSync(file, '{}');
  expect(() => chooseSeed(state, 1, false)).toThrow(`${file} is not what npm start writes`);
});

test('after the last seed comes the first', () => {
  const state = temporaryFolder('state-');
  noteSeed(state, 2 ** 32 - 1);

  expect(chooseSeed(state, 2 ** 32 - 1, false)).toBe(0);
});
