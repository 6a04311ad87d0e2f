import { expect, test } from '@jest/globals';
import type { TestMessage } from '../../../cli/orders/test-orders.ts';
import { inversions, withoutCopies } from '../../../scenarios/inversions.ts';

const order = (orderId: string, customerId: string, kind: TestMessage['kind'] = 'order'): TestMessage => ({
  orderId,
  kind,
  body: JSON.stringify({ orderId, customerId }),
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

test('of copies one is left, of two orders with one ID both', () => {
  const other = { ...order('a1', 'a', 'poison'), body: '{}' };

  expect(withoutCopies([...messages, order('a1', 'a', 'duplicate'), other]).map(({ body }) => body)).toEqual(
    [...messages, other].map(({ body }) => body),
  );
});
