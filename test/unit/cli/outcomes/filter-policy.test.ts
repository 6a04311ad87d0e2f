import { describe, expect, test } from '@jest/globals';
import { parseFilterPolicy } from '../../../../cli/outcomes/filter-policy.ts';

const text = (value: string) => ({ DataType: 'String', StringValue: value });
const number = (value: string) => ({ DataType: 'Number', StringValue: value });
const list = (value: string) => ({ DataType: 'String.Array', StringValue: value });

const passes = (policy: object, attributes: Parameters<ReturnType<typeof parseFilterPolicy>>[0]) =>
  parseFilterPolicy(JSON.stringify(policy))(attributes);

test('without a policy everything passes', () => {
  expect(parseFilterPolicy(undefined)({})).toBe(true);
});

test('every key has to match', () => {
  const policy = { eventType: ['order.placed'], requiresShipping: ['true'] };

  expect(passes(policy, { eventType: text('order.placed'), requiresShipping: text('true') })).toBe(true);
  expect(passes(policy, { eventType: text('order.placed'), requiresShipping: text('false') })).toBe(false);
  expect(passes(policy, { eventType: text('order.placed') })).toBe(false);
});

describe('one condition', () => {
  test.each([
    [['a', 'b'], text('b'), true],
    [['a', 'b'], text('c'), false],
    [['a'], undefined, false],
    [['1'], number('1'), false],
    [[1], number('1.0'), true],
    [[1], text('1'), false],
    [[true], list('[true, "x"]'), true],
    [['a'], list('["b", "a"]'), true],
    [['a'], list('["b"]'), false],
    [['a'], list('no list'), false],
    [['a'], { DataType: 'Binary', BinaryValue: new Uint8Array([97]) }, false],
    [['a'], { DataType: 'String.json', StringValue: 'a' }, true],
    [[{ prefix: 'order.' }], text('order.placed'), true],
    [[{ prefix: 'order.' }], text('an order.'), false],
    [[{ suffix: '.placed' }], text('order.placed'), true],
    [[{ suffix: '.placed' }], text('order.placed.twice'), false],
    [[{ 'equals-ignore-case': 'Order' }], text('oRDER'), true],
    [[{ 'equals-ignore-case': 'Order' }], text('orders'), false],
    [[{ 'anything-but': ['a', 'b'] }], text('c'), true],
    [[{ 'anything-but': ['a', 'b'] }], text('b'), false],
    [[{ 'anything-but': 'a' }], text('a'), false],
    [[{ 'anything-but': 'a' }], undefined, false],
    [[{ 'anything-but': { prefix: 'a' } }], text('ab'), false],
    [[{ 'anything-but': { prefix: 'a' } }], text('ba'), true],
    [[{ exists: true }], text(''), true],
    [[{ exists: true }], undefined, false],
    [[{ exists: false }], undefined, true],
    [[{ exists: false }], text('a'), false],
    [[{ numeric: ['=', 5] }], number('5'), true],
    [[{ numeric: ['>', 0, '<=', 5] }], number('5'), true],
    [[{ numeric: ['>', 0, '<', 5] }], number('5'), false],
    [[{ numeric: ['>=', 5] }], number('4.9'), false],
    [[{ numeric: ['>', 0] }], text('5'), false],
    [['x', { prefix: 'a' }], text('ab'), true],
  ])('%j on %j: %s', (conditions, attribute, expected) => {
    const attributes = { other: text('a'), ...(attribute && { key: attribute }) };

    expect(passes({ key: conditions }, attributes)).toBe(expected);
  });

  test('an attribute that every object inherits counts as absent', () => {
    expect(passes({ toString: [{ exists: false }] }, { other: text('a') })).toBe(true);
  });

  test('a message without any attribute passes no policy, as the documentation says of "exists"', () => {
    expect(passes({ key: [{ exists: false }] }, {})).toBe(false);
    expect(passes({}, {})).toBe(true);
  });
});

describe('what is not known here is named', () => {
  test.each([
    [{ ip: [{ cidr: '10.0.0.0/8' }] }, 'the filter policy on "ip": {"cidr":"10.0.0.0/8"} is not known here'],
    [{ $or: [{ a: ['b'] }] }, 'the filter policy on "$or"'],
    [{ a: { b: ['c'] } }, 'the filter policy on "a": {"b":["c"]}'],
    [{ a: [{ 'anything-but': { wildcard: 'x*' } }] }, 'wildcard'],
    [{ a: [{ numeric: ['>', 'x'] }] }, '">","x"'],
    [{ a: [{ numeric: ['!', 1] }] }, '"!"'],
    [{ a: [{ numeric: [] }] }, 'numeric'],
    [{ a: [{ exists: 'yes' }] }, 'exists'],
    [{ a: [{ prefix: 'x', suffix: 'y' }] }, 'suffix'],
    [{ a: [{}] }, '{}'],
    [['a'], 'policy'],
  ])('%j', (policy, expected) => {
    expect(() => parseFilterPolicy(JSON.stringify(policy))).toThrow(expected);
  });

  test('a policy that is not JSON', () => {
    expect(() => parseFilterPolicy('{')).toThrow('The filter policy is not JSON: {');
  });
});
