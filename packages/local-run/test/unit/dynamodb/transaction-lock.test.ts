import { expect, test } from '@jest/globals';
import { TransactionLock } from '../../../src/dynamodb/transaction-lock.ts';

/** Works that are begun on one lock; `log` has their beginnings and ends. */
function works() {
  const lock = new TransactionLock();
  const log: string[] = [];
  const begin = (how: 'single' | 'alone', name: string) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = lock[how](async () => {
      log.push(`${name} begins`);
      await promise;
      log.push(`${name} ends`);
    });
    return async () => {
      resolve();
      await over;
    };
  };
  return { lock, log, begin };
}

test('single operations run side by side', async () => {
  const { log, begin } = works();
  const [endA, endB] = [begin('single', 'a'), begin('single', 'b')];

  await endB();
  await endA();

  expect(log).toEqual(['a begins', 'b begins', 'b ends', 'a ends']);
});

test('a transaction waits for every operation that is running, and what comes later waits for it', async () => {
  const { log, begin } = works();
  const [endA, endB] = [begin('single', 'a'), begin('single', 'b')];
  const endTransaction = begin('alone', 'transaction');
  const endC = begin('single', 'c');

  await endA();
  await endB();
  await endTransaction();
  await endC();

  expect(log).toEqual([
    'a begins',
    'b begins',
    'a ends',
    'b ends',
    'transaction begins',
    'transaction ends',
    'c begins',
    'c ends',
  ]);
});

test('transactions run one after the other, in the order in which they come', async () => {
  const { log, begin } = works();
  const ends = ['a', 'b', 'c'].map((name) => begin('alone', name));

  await Promise.all(ends.toReversed().map((end) => end()));

  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('one that fails lets the next one in', async () => {
  const { lock } = works();

  await expect(lock.alone(() => Promise.reject(new Error('no')))).rejects.toThrow('no');

  expect(await lock.alone(async () => 'in')).toBe('in');
});
