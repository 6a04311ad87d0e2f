import { describe, expect, test } from '@jest/globals';
import { parseExpression } from '../../../src/cloudwatch/metric-math.ts';
import type { Series } from '../../../src/cloudwatch/time-series.ts';

const _ = undefined;

/** The values of an expression over series by id, a minute apart. */
const valuesOf = (expression: string, series: Record<string, Series>): Series =>
  parseExpression(expression)({
    series: (id) => series[id],
    metrics: (text) =>
      Object.entries(series)
        .filter(([id]) => id.includes(text))
        .map(([, values]) => values),
    periodSeconds: 60,
  });

describe("the examples of CloudWatch's user guide", () => {
  const compared = { metric1: [30, 20, 0, 0], metric2: [20, _, 20, _] };

  test.each([
    ['metric1 < metric2', [0, 0, 1, 0]],
    ['metric1 >= 30', [1, 0, 0, 0]],
    ['metric1 > 15 AND metric2 > 15', [1, 0, 0, 0]],
  ])('%s', (expression, values) => {
    expect(valuesOf(expression, compared)).toEqual(values);
  });

  const chosen = { metric1: [1, 1, 0, 0, _], metric2: [30, _, 0, 0, 30], metric3: [0, 0, 20, _, 20] };

  test.each([
    ['IF(metric1, metric2, metric3)', [30, 0, 20, _, _]],
    ['IF(metric1, 5, metric3)', [5, 5, 20, _, _]],
    ['IF(metric1, metric2, 5)', [30, 0, 5, 5, _]],
    ['IF(metric1, 5)', [5, 5, _, _, _]],
  ])('%s', (expression, values) => {
    expect(valuesOf(expression, chosen)).toEqual(values);
  });
});

describe('arithmetic', () => {
  const series = { m1: [2, 4, _, _], m2: [1, _, 3, _] };

  test.each([
    ['m1 + m2', [3, 4, 3, _]],
    ['m1 - m2', [1, 4, -3, _]],
    ['m1 * 10', [20, 40, _, _]],
    ['100 / m1', [50, 25, _, _]],
    ['-m1', [-2, -4, _, _]],
    ['2 * -m1 + 1', [-3, -7, _, _]],
    ['m1 ^ 2 * 3', [12, 48, _, _]],
    ['1 + 2 * m1', [5, 9, _, _]],
    ['(1 + 2) * m1', [6, 12, _, _]],
    ['10 - m1 - 1', [7, 5, _, _]],
  ])('%s: a gap beside a value counts as 0, two gaps stay one', (expression, values) => {
    expect(valuesOf(expression, series)).toEqual(values);
  });

  test('a division by zero drops the datapoint', () => {
    expect(valuesOf('m1 / m2', { m1: [4, 4], m2: [0, 2] })).toEqual([_, 2]);
  });
});

describe('logic', () => {
  test.each([
    ['m1 == 1 OR m1 == 2 AND m1 == 3', [1, 0, 0]],
    ['(m1 == 1 OR m1 == 2) AND m1 < 2', [1, 0, 0]],
    ['m1 != 2 && m1 <= 2', [1, 0, 0]],
    ['m1 > 2 || m1 < 2', [1, 0, 1]],
  ])('%s', (expression, values) => {
    expect(valuesOf(expression, { m1: [1, 2, 3] })).toEqual(values);
  });
});

describe('changes', () => {
  test('the first datapoint has no difference, wherever it is', () => {
    expect(valuesOf('DIFF(m1)', { m1: [3, 4, 4, 2] })).toEqual([_, 1, 0, -2]);
    expect(valuesOf('DIFF(m1)', { m1: [_, _, 3, 4] })).toEqual([_, _, _, 1]);
  });

  test('a difference goes over a gap to the datapoint before it', () => {
    expect(valuesOf('DIFF(m1)', { m1: [3, _, _, 5] })).toEqual([_, _, _, 2]);
  });

  test('a rate is the difference by the seconds that it took', () => {
    expect(valuesOf('RATE(m1)', { m1: [0, 60, _, 180] })).toEqual([_, 1, _, 1]);
  });
});

describe('filling, arrays and single values', () => {
  test.each([
    ['FILL(m1, 0)', [0, 1, 0, 3]],
    ['FILL(m1, REPEAT)', [_, 1, 1, 3]],
    ['FILL(m1, m2)', [7, 1, 7, 3]],
    ['SUM([m1, m2])', [7, 8, 7, 10]],
    ['SUM(METRICS())', [7, 8, 7, 10]],
    ['MAX(METRICS("2"))', [7, 7, 7, 7]],
    ['MIN([m1, m2])', [0, 1, 0, 3]],
    ['AVG([m1, m2])', [3.5, 4, 3.5, 5]],
    ['m2 / SUM(m2)', [0.25, 0.25, 0.25, 0.25]],
    ['SUM(-[m1, m2])', [-7, -8, -7, -10]],
    ['SUM(FILL(METRICS(), 1))', [8, 8, 8, 10]],
    ['ABS(m1 - 2)', [_, 1, _, 1]],
    ['CEIL(m1 / 2)', [_, 1, _, 2]],
    ['FLOOR(m1 / 2)', [_, 0, _, 1]],
  ])('%s', (expression, values) => {
    expect(valuesOf(expression, { m1: [_, 1, _, 3], m2: [7, 7, 7, 7] })).toEqual(values);
  });
});

describe('what is not known is named', () => {
  test.each([
    ['ANOMALY_DETECTION_BAND(m1, 2)', 'the function ANOMALY_DETECTION_BAND with these arguments'],
    ['DIFF(m1, 2)', 'the function DIFF with these arguments'],
    ['IF(m1)', 'the function IF with these arguments'],
    ['SELECT * FROM x', '"SELECT" at that place'],
    ['m1 +', '"its end" at that place'],
    ['(m1', '"its end" where ")" is needed'],
    ['m1 m1', '"m1" at that place'],
    ['m1 + ?', 'what begins at "?"'],
    ['FILL(m1, LINEAR)', '"LINEAR" at that place'],
  ])('%s', (expression, what) => {
    expect(() => parseExpression(expression)).toThrow(
      `metric math ${expression}: the local run does not know ${what}`,
    );
  });

  test('an id that nothing has', () => {
    expect(() => valuesOf('m1 + nobody', { m1: [1] })).toThrow(
      'the id nobody, which no metric or expression has',
    );
  });

  test('an expression that gives no single series', () => {
    expect(() => valuesOf('SUM(m1)', { m1: [1] })).toThrow(
      'SUM(m1) gives a number, where one time series is needed',
    );
    expect(() => valuesOf('METRICS()', { m1: [1], m2: [2] })).toThrow('gives an array of time series');
  });
});
