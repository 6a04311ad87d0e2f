import { expect, test } from '@jest/globals';
import { isStatistic, Metrics } from '../../../src/cloudwatch/metrics.ts';

const HALL = { Hall: 'north' };

test('statistics are over the whole minutes that are asked for, and nothing comes of minutes without values', () => {
  const metrics = new Metrics();
  metrics.add('Plant', 'Heat', HALL, 4);
  metrics.endMinute(60);
  metrics.add('Plant', 'Heat', HALL, 1);
  metrics.add('Plant', 'Heat', HALL, 7);
  metrics.endMinute(60);
  metrics.endMinute(60);
  metrics.add('Plant', 'Heat', HALL, 1000);
  const sum = (from: number, to: number) => metrics.statistic('Sum', 'Plant', 'Heat', HALL, from, to);

  expect([sum(1, 0), sum(2, 1), sum(2, 0), sum(3, 0), sum(3, 2)]).toEqual([undefined, 8, 8, 12, 4]);
  expect(metrics.statistic('Average', 'Plant', 'Heat', HALL, 3, 0)).toBe(4);
  expect(metrics.sum('Plant', 'Heat', HALL)).toBe(1012);
});

test('minutes that nobody looks back to are forgotten, the sum since the start is not', () => {
  const metrics = new Metrics();
  metrics.add('Plant', 'Heat', HALL, 1);
  metrics.endMinute(2);
  metrics.add('Plant', 'Heat', HALL, 2);
  metrics.endMinute(2);
  metrics.endMinute(2);

  expect(metrics.statistic('Sum', 'Plant', 'Heat', HALL, 3, 0)).toBe(2);
  expect(metrics.sum('Plant', 'Heat', HALL)).toBe(3);
});

test('the values of an embedded metric are counted under each of its sets of dimensions', () => {
  const metrics = new Metrics();
  const line = JSON.stringify({
    _aws: {
      CloudWatchMetrics: [
        {
          Namespace: 'Plant',
          Dimensions: [['Hall'], ['Hall', 'Oven']],
          Metrics: [{ Name: 'Heat' }, { Name: 'Load' }],
        },
      ],
    },
    Hall: 'north',
    Oven: '2',
    Heat: [3, 5],
    Load: 1,
  });

  metrics.ingest(line);

  expect(metrics.sum('Plant', 'Heat', HALL)).toBe(8);
  expect(metrics.sum('Plant', 'Load', { Oven: '2', Hall: 'north' })).toBe(1);
  expect(metrics.sum('Plant', 'Heat', {})).toBe(0);
  metrics.endMinute(60);
  expect(metrics.statistic('SampleCount', 'Plant', 'Heat', HALL, 1, 0)).toBe(2);
});

test.each([
  'no metric',
  '{"CloudWatchMetrics" is no JSON',
  'null',
  '["CloudWatchMetrics"]',
  ...[{}, 7, [null], [{}], [{ Dimensions: [[]] }], [{ Dimensions: [null], Metrics: [] }]].map(
    (CloudWatchMetrics) => JSON.stringify({ _aws: { CloudWatchMetrics } }),
  ),
])('a log line that is no embedded metric changes nothing: %s', (line) => {
  expect(() => new Metrics().ingest(line)).not.toThrow();
});

test('a value that comes late belongs to its minute', () => {
  const metrics = new Metrics();
  metrics.add('Plant', 'Heat', HALL, 1);
  metrics.endMinute(60);
  metrics.endMinute(60);

  metrics.add('Plant', 'Heat', HALL, 5, 2);
  metrics.add('Plant', 'Heat', HALL, 7, 1);

  expect(metrics.statistic('Sum', 'Plant', 'Heat', HALL, 2, 1)).toBe(6);
  expect(metrics.statistic('Sum', 'Plant', 'Heat', HALL, 1, 0)).toBe(7);
});

test('a late value of a minute that nobody looks back to is forgotten with it', () => {
  const metrics = new Metrics();
  metrics.endMinute(1);
  metrics.add('Plant', 'Heat', HALL, 2);
  metrics.add('Plant', 'Heat', HALL, 1, 1);

  metrics.endMinute(1);

  expect(metrics.statistic('Sum', 'Plant', 'Heat', HALL, 2, 0)).toBe(2);
});

test.each([
  ['p0', 1],
  ['p1', 1],
  ['p50', 50],
  ['p98.5', 99],
  ['p99', 99],
  ['p99.9', 100],
  ['p100', 100],
] as const)('%s of 1 to 100, in any order and over several minutes, is %d', (statistic, value) => {
  const metrics = new Metrics();
  for (let each = 1; each <= 100; each += 1) {
    metrics.add('Plant', 'Heat', HALL, (each * 37) % 101);
    if (each % 30 === 0) metrics.endMinute(60);
  }
  metrics.endMinute(60);

  expect(metrics.statistic(statistic, 'Plant', 'Heat', HALL, 4, 0)).toBe(value);
});

test.each(['p101', 'p', 'p-1', 'p99.', 'P99', 'tm99', 'Median'])('%s is no statistic here', (name) => {
  expect(isStatistic(name)).toBe(false);
});
