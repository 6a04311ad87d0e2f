import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { backoffDelay, retryDelay, shortestTimeOf, triesToOutlast } from '../../../contract/retries.ts';

const highest = () => 1 - Number.EPSILON;
const HOUR = 3_600;

describe('the delay', () => {
  test.each([
    [1, 10, 20],
    [2, 20, 40],
    [3, 40, 80],
    [6, 320, 640],
    [7, 450, 900],
    [2_000, 450, 900],
  ])('after try %i is %i to %i seconds', (tries, least, most) => {
    expect(retryDelay(tries, () => 0)).toBe(least);
    expect(retryDelay(tries, highest)).toBe(most);
  });

  test('is a whole number that SQS takes for a visibility timeout, for any draw', () => {
    const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), draw, (tries, random) => {
        const delay = retryDelay(tries, () => random);
        expect(Number.isInteger(delay) && delay >= 10 && delay <= 900).toBe(true);
      }),
    );
  });
});

describe('full jitter', () => {
  test.each([
    [1, 10],
    [5, 160],
    [6, 180],
    [2_000, 180],
  ])('after try %i waits at most %i, or not at all', (tries, most) => {
    const backoff = { first: 10, longest: 180 };

    expect(backoffDelay(tries, backoff, highest)).toBe(most);
    expect(backoffDelay(tries, backoff, () => 0)).toBe(0);
  });

  test('has no limit unless there is one', () => {
    expect(backoffDelay(11, { first: 10 }, highest)).toBe(10_240);
  });
});

describe('the tries', () => {
  test.each([
    [0, 5],
    [150, 5],
    [151, 6],
    [HOUR, 14],
    [6 * HOUR, 54],
    [24 * HOUR, 198],
  ])('that outlast %i seconds are %i', (seconds, tries) => {
    expect(triesToOutlast(seconds)).toBe(tries);
  });

  test('outlast what they are for, with the shortest delays there can be, and one fewer would not', () => {
    fc.assert(
      fc.property(fc.integer({ min: 151, max: 48 * HOUR }), (seconds) => {
        const tries = triesToOutlast(seconds);
        let passed = 0;
        for (let made = 1; made < tries; made += 1) passed += retryDelay(made, () => 0);
        expect(passed).toBe(shortestTimeOf(tries));
        expect(passed).toBeGreaterThanOrEqual(seconds);
        expect(shortestTimeOf(tries - 1)).toBeLessThan(seconds);
      }),
    );
  });
});
