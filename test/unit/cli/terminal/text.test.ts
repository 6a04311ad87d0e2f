import { expect, test } from '@jest/globals';
import { count } from '../../../../cli/terminal/text.ts';

test.each([
  [1, '1 entry'],
  [0, '0 entries'],
  [1204, '1,204 entries'],
])('%d of a noun with a plural of its own are %s', (number, expected) => {
  expect(count(number, 'entry', 'entries')).toBe(expected);
});
