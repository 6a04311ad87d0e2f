import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import type { StackHandles } from '../../../../cli/aws/stack.ts';
import type { TestMessage } from '../../../../cli/publishing/test-events.ts';
import {
  inversions,
  inversionsByConsumer,
  withoutCopies,
} from '../../../../scenarios/reconciliation/inversions.ts';
import type { Letters } from '../../../../scenarios/reconciliation/snapshot.ts';

const order = (id: string, customerId: string, kind: TestMessage['kind'] = 'event'): TestMessage => ({
  id,
  kind,
  body: JSON.stringify({ orderId: id, customerId }),
  attributes: {},
});
const messages = [order('a1', 'a'), order('b1', 'b'), order('a2', 'a'), order('b2', 'b'), order('a3', 'a')];

test.each<[string, string[], number]>([
  ['the order of publishing', ['a1', 'b1', 'a2', 'b2', 'a3'], 0],
  ["another order between customers, which is no one's business", ['b1', 'b2', 'a1', 'a2', 'a3'], 0],
  ['an order that is not there', ['a1', 'a3'], 0],
  ['an order of another run', ['z9', 'a1', 'a2'], 0],
  ['one order after the next', ['a2', 'a1', 'a3'], 1],
  ['one order after two later ones', ['a2', 'a3', 'a1'], 1],
  ['all of a customer turned round', ['a3', 'a2', 'a1', 'b2', 'b1'], 3],
])('%s is counted', (_, recorded, expected) => {
  expect(inversions(messages, recorded)).toBe(expected);
});

test('a copy that is published later does not move its order', () => {
  expect(inversions([...messages, order('a1', 'a', 'duplicate')], ['a1', 'a2', 'a3'])).toBe(0);
});

test('a cancellation that is published before its order does not move it', () => {
  const published = [order('a2', 'a', 'change'), ...messages];

  expect(inversions(published, ['a1', 'a2', 'a3'])).toBe(0);
});

describe("by a function's log", () => {
  const stack = { consumers: [{ name: 'billing', functionName: 'bill' }] } as unknown as StackHandles;

  /** @param lines of the log, `created a1` */
  function inverted(lines: string[], more: { messages?: TestMessage[]; letters?: Letters } = {}): number {
    const folder = temporaryFolder('logs-');
    const entries = lines.map((line) => {
      const [message, orderId] = line.split(' ');
      return JSON.stringify({ message, orderId });
    });
    fs.writeFileSync(path.join(folder, 'bill.log'), ['(node:1) a warning', ...entries, ''].join('\n'));
    const found = inversionsByConsumer(stack, more.messages ?? messages, folder, more.letters);
    return found.billing ?? Number.NaN;
  }

  test.each<[string, string[], number]>([
    ['orders in their order', ['created a1', 'backordered a2', 'created a3'], 0],
    ['one that waits for stock, after a later one', ['created a2', 'backordered a1'], 1],
    ['a copy of one that was recorded in its place', ['created a1', 'created a2', 'duplicate a1'], 0],
    ['one whose function was killed before it said so', ['duplicate a1', 'created a2'], 0],
    ['the same, tried again after a later one', ['created a2', 'duplicate a1'], 1],
    ['one that failed, and came in its place', ['failed a1', 'created a1', 'created a2'], 0],
  ])('%s', (_, lines, expected) => {
    expect(inverted(lines)).toBe(expected);
  });

  test('a duplicate of a cancellation says nothing about its order', () => {
    const published = [...messages, order('a1', 'a', 'change')];

    expect(inverted(['created a2', 'duplicate a1'], { messages: published })).toBe(0);
    expect(inverted(['created a2', 'created a1'], { messages: published })).toBe(1);
  });

  test('an order that was dead-lettered is left out, those around it are not', () => {
    const [a1] = messages as [TestMessage];
    const letters: Letters = new Map([['billing', new Map([[a1.body, [undefined]]])]]);

    expect(inverted(['created a2', 'created a3', 'created a1'], { letters })).toBe(0);
    expect(inverted(['created a3', 'created a2', 'created a1'], { letters })).toBe(1);
  });

  test('a dead-lettered cancellation or rival does not leave the order out', () => {
    const cancellation = { ...order('a1', 'a', 'change'), body: 'cancelled' };
    const rival = { ...order('a1', 'a', 'poison'), body: 'rival' };
    const letters: Letters = new Map([
      ['billing', new Map([cancellation, rival].map(({ body }) => [body, []]))],
    ]);

    expect(
      inverted(['created a2', 'created a1'], { messages: [...messages, cancellation, rival], letters }),
    ).toBe(1);
  });

  test('of a function that was never invoked there are none', () => {
    expect(inversionsByConsumer(stack, messages, temporaryFolder('logs-'))).toEqual({ billing: 0 });
  });
});

test('of copies one is left, of two orders with one ID both', () => {
  const other = { ...order('a1', 'a', 'poison'), body: '{}' };

  expect(withoutCopies([...messages, order('a1', 'a', 'duplicate'), other]).map(({ body }) => body)).toEqual(
    [...messages, other].map(({ body }) => body),
  );
});
