import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fullJitter } from '../../../lambda/backoff.ts';

const highest = () => 1 - Number.EPSILON;

describe('full jitter', () => {
  test.each([
    [1, 10],
    [2, 20],
    [3, 40],
    [4, 80],
    [5, 160],
    [6, 180],
    [2_000, 180],
  ])('after attempt %i waits at most %i', (attempt, most) => {
    expect(fullJitter(attempt, 10, 180, highest)).toBe(most);
  });

  test('may not wait at all', () => {
    expect(fullJitter(4, 10, 180, () => 0)).toBe(0);
  });

  test('is a whole number between 0 and the cap, for any draw', () => {
    const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), draw, (attempt, random) => {
        const delay = fullJitter(attempt, 10, 180, () => random);
        expect(Number.isInteger(delay) && delay >= 0 && delay <= 180).toBe(true);
      }),
    );
  });
});
