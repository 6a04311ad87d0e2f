import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import type { ConsumerHealth, Health } from '../../../../cli/aws/health.ts';
import { healthTable, sparkline } from '../../../../cli/commands/look/watch.ts';
import { captureIo } from '../../../fixtures/command.ts';

describe('a history', () => {
  test.each([
    [[0, 1, 4, 8], 4, '▁▂▅█'],
    [[0, 0, 0], 3, '▁▁▁'],
    [[5], 3, '  █'],
    [[9, 9, 0, 1], 2, '▁█'],
    [[1, 1000], 2, '▂█'],
    [[], 2, '  '],
  ])('of %j in %d columns is "%s"', (values, width, line) => {
    expect(sparkline(values, width)).toBe(line);
  });
});

describe('the table', () => {
  const consumer = (overrides: Partial<ConsumerHealth> = {}): ConsumerHealth => ({
    name: 'inventory',
    enabled: true,
    waiting: 12_345,
    inFlight: 1_200,
    deadLetters: 12_000,
    oldestSeconds: 7_100,
    processed: 60_000,
    processedByMinute: Array.from({ length: 15 }, (_, minute) => minute * 1000),
    alarms: Array.from({ length: 6 }, () => ({
      name: '',
      since: undefined,
      description: '',
      article: undefined,
    })),
    ...overrides,
  });
  const health = (...consumers: ConsumerHealth[]): Health => ({
    at: new Date(),
    consumers,
    unrouted: 0,
    alarms: [],
  });
  const backlog = new Map([['inventory', Array.from({ length: 30 }, (_, look) => look)]]);
  const lines = (columns: number, ...consumers: ConsumerHealth[]) =>
    healthTable(health(...consumers), backlog, columns, captureIo().io)
      .split('\n')
      .map(stripVTControlCharacters);

  test('fits 80 columns with figures of six digits, and uses them', () => {
    const widths = lines(80, consumer(), consumer({ name: 'billing' })).map((line) => line.length);

    expect(Math.max(...widths)).toBeGreaterThan(76);
    expect(Math.max(...widths)).toBeLessThanOrEqual(80);
  });

  test('has longer histories where there is more room, up to a quarter of an hour', () => {
    const bars = (line = '') => line.match(/[▁▂▃▄▅▆▇█]+/g)?.map((each) => each.length);

    expect(bars(lines(200, consumer())[1])).toEqual([15, 15]);
    expect(bars(lines(20, consumer())[1])).toEqual([5, 5]);
  });

  test('shows the minute that is over, not the one that has just begun', () => {
    expect(lines(100, consumer())[1]).toContain(' 13,000  ');
  });
});
