import { describe, expect, test } from '@jest/globals';
import { environment, environmentCount } from '../../../lambda/environment.ts';

describe('an environment variable', () => {
  test('is named when it is missing', () => {
    expect(() => environment('NO_SUCH_TABLE')).toThrow('environment variable NO_SUCH_TABLE is missing');
  });

  test('counts as missing when it is empty', () => {
    process.env.EMPTY_TABLE = '';

    expect(() => environment('EMPTY_TABLE')).toThrow('environment variable EMPTY_TABLE is missing');
  });

  test.each(['0', '-1', '1.5', 'five', '5 '])('that must be a count cannot be "%s"', (value) => {
    process.env.SOME_COUNT = value;

    expect(() => environmentCount('SOME_COUNT')).toThrow(`SOME_COUNT is "${value}"`);
  });

  test('that is a count is read as a number', () => {
    process.env.SOME_COUNT = '12';

    expect(environmentCount('SOME_COUNT')).toBe(12);
  });
});
