// The expressions of CloudWatch's metric math that the local run knows. Any other stops the start by name, as an unknown
// resource type does. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
import type { Series } from './metrics.ts';

/** The series of a metric or of another expression, by its id. @throws Error for an id that nothing has */
type SeriesOf = (id: string) => Series;

/** In each group of a pattern are ids, separated by commas, or a number. */
const FORMS: [pattern: RegExp, evaluate: (series: Series[], numbers: number[]) => Series][] = [
  [/^(\w+)\s*\+\s*(\w+)$/, sum],
  [/^SUM\(\[([\w\s,]+)\]\)$/, sum],
  [/^DIFF\((\w+)\)$/, ([series = []]) => changes(series)],
  [/^FILL\((\w+),\s*(\d+)\)$/, ([series = []], [filler]) => series.map((value) => value ?? filler)],
];

/**
 * Reads an expression.
 * @returns a function that gives its series
 * @throws Error with the expression, where it has none of the known forms
 */
export function parseExpression(expression: string): (seriesOf: SeriesOf) => Series {
  for (const [pattern, evaluate] of FORMS) {
    const match = pattern.exec(expression);
    if (!match) continue;
    const operands = match.slice(1).flatMap((group) => group.split(',').map((each) => each.trim()));
    const ids = operands.filter((each) => !/^\d/.test(each));
    const numbers = operands.filter((each) => /^\d/.test(each)).map(Number);
    return (seriesOf) => evaluate(ids.map(seriesOf), numbers);
  }
  throw new Error(
    `the local run does not know the metric math ${expression}: it knows a + b, SUM([a, b]), DIFF(a) and FILL(a, 0)`,
  );
}

/** A gap counts as 0 where another series has a datapoint; a gap in all of them stays one. */
function sum(series: Series[]): Series {
  return (series[0] ?? []).map((_, index) => {
    const values = series.map((each) => each[index]).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0);
  });
}

/** The difference to the datapoint before, over any gap. The first has none. */
function changes(series: Series): Series {
  let last: number | undefined;
  return series.map((value) => {
    if (value === undefined) return undefined;
    const before = last;
    last = value;
    return before === undefined ? undefined : value - before;
  });
}
