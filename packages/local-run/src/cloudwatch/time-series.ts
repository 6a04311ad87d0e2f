// What CloudWatch's metric math does with numbers, time series and arrays of time series, which share their timestamps.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html

/** Values of a time series, oldest first; undefined where there is no datapoint. */
export type Series = (number | undefined)[];
type Value = number | Series | Series[];
/** What the identifiers of an expression stand for. */
export interface Scope {
  /** The series of a metric or of another expression; undefined for an id that is not there. */
  series(id: string): Series | undefined;
  /** The metrics of the request, expressions left out, whose id holds `text`. */
  metrics(text: string): Series[];
  periodSeconds: number;
}
/** A part of an expression: gives its value in a scope. */
export type Node = (scope: Scope) => Value;

/** An operator's result where both sides have a value; undefined drops the datapoint. */
export type Operator = (left: number, right: number) => number | undefined;

/** Of two series, one that has no datapoint counts as 0 where the other has one; nothing comes of a gap in both. */
export function combine(operator: Operator, left: Node, right: Node): Node {
  const merge = (a: number | Series, b: number | Series): number | Series => {
    if (typeof a === 'number' && typeof b === 'number') return operator(a, b) ?? Number.NaN;
    const length = (Array.isArray(a) ? a : (b as Series)).length;
    return Array.from({ length }, (_, index) => {
      const one = valueAt(a, index);
      const other = valueAt(b, index);
      const isGap =
        Array.isArray(a) && Array.isArray(b)
          ? one === undefined && other === undefined
          : one === undefined || other === undefined;
      return isGap ? undefined : operator(one ?? 0, other ?? 0);
    });
  };
  return (scope) => {
    const a = left(scope);
    const b = right(scope);
    if (!isArray(a) && !isArray(b)) return merge(a, b);
    const length = (isArray(a) ? a : (b as Series[])).length;
    return Array.from({ length }, (_, index) => merge(member(a, index), member(b, index)) as Series);
  };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#using-IF-expressions */
export function choose(condition: Node, yes: Node, no: Node | undefined): Node {
  return (scope) => {
    const test = condition(scope);
    const whenTrue = yes(scope);
    const whenFalse = no?.(scope);
    if (isArray(test) || isArray(whenTrue) || (whenFalse !== undefined && isArray(whenFalse))) {
      throw new Error('metric math: IF takes single time series and numbers, not arrays of time series');
    }
    if (typeof test === 'number') return (test === 0 ? whenFalse : whenTrue) ?? [];
    return test.map((value, index) => {
      if (value === undefined) return undefined;
      if (value === 0) return whenFalse === undefined ? undefined : valueAt(whenFalse, index);
      return valueAt(whenTrue, index) ?? 0;
    });
  };
}

/** The first datapoint has none before it, and a gap is no datapoint: nothing comes of either. */
export function changes(series: Series, divisor: (steps: number) => number): Series {
  let last: number | undefined;
  return series.map((value, index) => {
    if (value === undefined) return undefined;
    const before = last;
    last = index;
    return before === undefined ? undefined : (value - (series[before] ?? 0)) / divisor(index - before);
  });
}

/** Of one series a number, of an array of series a series, in which a gap counts as 0 where others have a datapoint. */
export function aggregate(of: (values: number[]) => number, argument: Node): Node {
  return (scope) => {
    const value = argument(scope);
    if (typeof value === 'number') return value;
    if (!isArray(value)) return of(value.filter((each) => each !== undefined));
    return (value[0] ?? []).map((_, index) => {
      const values = value.map((series) => series[index]);
      return values.every((each) => each === undefined) ? undefined : of(values.map((each) => each ?? 0));
    });
  };
}

/** Changes a series, or each one of an array. */
export function over(argument: Node, change: (series: Series) => Series): Node {
  return (scope) => {
    const value = argument(scope);
    if (typeof value === 'number') throw new Error('metric math: a number where a time series is needed');
    return isArray(value) ? value.map(change) : change(value);
  };
}

const isArray = (value: Value): value is Series[] => Array.isArray(value) && Array.isArray(value[0]);
export const isSeries = (value: Value): value is Series => Array.isArray(value) && !Array.isArray(value[0]);
export const asArray = (value: Value): Series[] => (isArray(value) ? value : [value as Series]);
const member = (value: Value, index: number): number | Series =>
  isArray(value) ? (value[index] ?? []) : value;
export const kindOf = (value: Value): string =>
  typeof value === 'number' ? 'a number' : 'an array of time series';
/** The value at a place of a series; a number has it at every place. */
export function valueAt(value: Value, index: number): number | undefined {
  return typeof value === 'number' ? value : (value as Series)[index];
}
