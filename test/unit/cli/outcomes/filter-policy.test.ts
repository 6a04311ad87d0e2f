import { expect, test } from '@jest/globals';
import { type Attributes, parseFilterPolicy, passes } from '../../../../cli/outcomes/filter-policy.ts';

const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const list = (StringValue: string) => ({ DataType: 'String.Array', StringValue });

test.each<[policy: object | undefined, attributes: Attributes, passes: boolean]>([
  [undefined, {}, true],
  [{}, {}, true],
  [{ key: ['a', 'b'] }, { key: text('b') }, true],
  [{ key: ['a', 'b'] }, { key: text('c') }, false],
  [{ key: ['a'] }, { other: text('a') }, false],
  [{ key: ['a'], other: ['b'] }, { key: text('a'), other: text('b') }, true],
  [{ key: ['a'], other: ['b'] }, { key: text('a'), other: text('a') }, false],
  [{ key: ['a'], other: ['b'] }, { key: text('a') }, false],
  [{ key: ['1'] }, { key: { DataType: 'Number', StringValue: '1' } }, false],
  [{ key: ['a'] }, { key: { DataType: 'String.json', StringValue: 'a' } }, true],
  [{ key: ['a'] }, { key: { DataType: 'Binary', BinaryValue: new Uint8Array([97]) } }, false],
  [{ key: ['a'] }, { key: list('["b", "a"]') }, true],
  [{ key: ['a'] }, { key: list('["b"]') }, false],
  [{ key: ['a'] }, { key: list('no list') }, false],
  [{ toString: ['a'] }, {}, false],
])('policy %j on %j: %s', (policy, attributes, expected) => {
  const json = policy && JSON.stringify(policy);

  expect(passes(parseFilterPolicy(json), attributes)).toBe(expected);
});

test.each([
  [{ key: [{ prefix: 'x' }] }, '"key": only lists of strings are known here, not [{"prefix":"x"}]'],
  [{ key: [1] }, '"key"'],
  [{ $or: { a: ['b'] } }, '"$or"'],
])('%j cannot be followed, and is named', (policy, expected) => {
  expect(() => parseFilterPolicy(JSON.stringify(policy))).toThrow(expected);
});
