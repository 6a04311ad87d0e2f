import { expect, test } from '@jest/globals';
import { parseExpression } from '../../../src/cloudwatch/metric-math.ts';
import type { Series } from '../../../src/cloudwatch/metrics.ts';

const _ = undefined;
const series: Record<string, Series> = {
  m1: [2, 4, _, _],
  m2: [1, _, 3, _],
  late: [_, 3, 5, 4],
  gap: [3, _, _, 5],
};

test.each([
  ['m1 + m2', [3, 4, 3, _]],
  ['SUM([m1, m2])', [3, 4, 3, _]],
  ['SUM([m1,m2,late])', [3, 7, 8, 4]],
  ['DIFF(late)', [_, _, 2, -1]],
  ['DIFF(gap)', [_, _, _, 2]],
  ['FILL(m1, 0)', [2, 4, 0, 0]],
  ['FILL(m2, 7)', [1, 7, 3, 7]],
])('%s', (expression, values) => {
  expect(parseExpression(expression)((id) => series[id] ?? [])).toEqual(values);
});

test.each(['m1 - m2', 'm1 + m2 + late', 'FILL(m1, REPEAT)', 'SUM(METRICS())', 'DIFF(m1 + m2)', ''])(
  'the form of %s is not known',
  (expression) => {
    expect(() => parseExpression(expression)).toThrow(
      `the local run does not know the metric math ${expression}: it knows a + b`,
    );
  },
);
