import { expect, test } from '@jest/globals';
import { matchesAny, matchesPattern, type Rule } from '../../local/filter-pattern.ts';

const table: [rule: Rule, matching: unknown[], other: unknown[]][] = [
  ['order.placed', ['order.placed'], ['order.place', 'ORDER.PLACED', undefined, 1]],
  [1, [1], ['1', 2]],
  [null, [null], [undefined, '', 0]],
  [{ prefix: 'order.' }, ['order.', 'order.placed'], ['x.order.', 1, undefined]],
  [{ suffix: '.placed' }, ['order.placed'], ['.placed.', undefined]],
  [{ 'equals-ignore-case': 'Gold' }, ['gold', 'GOLD'], ['golden', undefined]],
  [{ 'anything-but': 'a' }, ['b', 'A'], ['a', undefined]],
  [{ 'anything-but': ['a', 'b'] }, ['c'], ['a', 'b']],
  [{ 'anything-but': { prefix: 'x-' } }, ['y'], ['x-1']],
  [{ exists: true }, ['', null, 0], [undefined]],
  [{ exists: false }, [undefined], ['', null]],
  [{ numeric: ['>=', 10, '<', 20] }, [10, 19.9], [9.9, 20, '15']],
  [{ numeric: ['=', 5] }, [5], [6]],
  [{ numeric: ['<=', 5] }, [5, 4], [6]],
  [{ numeric: ['>', 5] }, [6], [5]],
];

test.each(table)('%j', (rule, matching, other) => {
  for (const value of matching) expect([value, matchesAny(value, [rule])]).toEqual([value, true]);
  for (const value of other) expect([value, matchesAny(value, [rule])]).toEqual([value, false]);
});

test('one rule of several is enough, and none match nothing', () => {
  expect(matchesAny('b', ['a', 'b'])).toBe(true);
  expect(matchesAny('b', [])).toBe(false);
});

test('an operator or a comparison that is not known is an error that names it', () => {
  expect(() => matchesAny('x', [{ cidr: '10.0.0.0/8' }])).toThrow('filter operator cidr is not known here');
  expect(() => matchesAny(1, [{ numeric: ['!=', 1] }])).toThrow('numeric comparison != is not one of');
});

test('a pattern nests, needs all of its fields and ignores the others', () => {
  const pattern = { body: { item: { sku: ['A', 'B'] }, ships: [true] } };

  expect(matchesPattern({ body: { item: { sku: 'B', more: 1 }, ships: true } }, pattern)).toBe(true);
  expect(matchesPattern({ body: { item: { sku: 'C' }, ships: true } }, pattern)).toBe(false);
  expect(matchesPattern({ body: { item: { sku: 'A' } } }, pattern)).toBe(false);
  expect(matchesPattern({ body: 'A' }, pattern)).toBe(false);
});

test('$or takes one of its patterns', () => {
  const pattern = { $or: [{ a: [1] }, { b: [2] }] } as never;

  expect(matchesPattern({ b: 2 }, pattern)).toBe(true);
  expect(matchesPattern({ a: 2, b: 1 }, pattern)).toBe(false);
});

test('a field that an object inherits is not there', () => {
  expect(matchesPattern({}, { constructor: [{ exists: true }] } as never)).toBe(false);
});
