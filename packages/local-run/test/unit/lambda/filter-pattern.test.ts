import { expect, test } from '@jest/globals';
import { matchesPattern, type Rule, ruleTest } from '../../../src/lambda/filter-pattern.ts';

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
  for (const value of matching) expect([value, ruleTest(rule)(value)]).toEqual([value, true]);
  for (const value of other) expect([value, ruleTest(rule)(value)]).toEqual([value, false]);
});

test('one rule of several is enough, and none match nothing', () => {
  expect(matchesPattern({ field: 'b' }, { field: ['a', 'b'] })).toBe(true);
  expect(matchesPattern({ field: 'b' }, { field: [] })).toBe(false);
});

test.each<Rule>([
  { cidr: '10.0.0.0/8' },
  { numeric: ['!=', 1] },
  { numeric: ['>'] },
  { numeric: [] },
  { prefix: 1 },
  { prefix: 'a', suffix: 'b' },
  { toString: 'a' },
  { 'anything-but': [{ wildcard: '*' }] },
  {},
])('%j is an error that names it', (rule) => {
  expect(() => ruleTest(rule)).toThrow('is not known here; known are literals and exists, prefix');
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
