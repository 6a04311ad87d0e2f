// The datapoints of CloudWatch metrics, a minute each, and the embedded metric format that functions report them in.

/** Values of a metric, oldest first; undefined where there is no datapoint. */
export type Series = (number | undefined)[];

interface EmbeddedMetrics {
  _aws?: {
    CloudWatchMetrics?: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[];
  };
  [key: string]: unknown;
}

/** Name → value of a metric's dimensions. */
export type Dimensions = Record<string, string>;

/** What was reported within one minute. */
interface Datapoint {
  count: number;
  sum: number;
  minimum: number;
  maximum: number;
  /** Every value, or every second, fourth, … one: see MOST_VALUES. */
  values: number[];
  /** Each of `values` stands for so many that were reported. */
  each: number;
}
/**
 * How many values of one minute are kept for percentiles. Of more, every second one goes, as often as it takes: 10,000 that
 * are spread evenly over a million give the p99 as well.
 */
const MOST_VALUES = 10_000;

const STATISTICS = {
  Average: ({ sum, count }) => sum / count,
  Maximum: ({ maximum }) => maximum,
  Minimum: ({ minimum }) => minimum,
  SampleCount: ({ count }) => count,
  Sum: ({ sum }) => sum,
} satisfies Record<string, (point: Summary) => number>;
type Summary = Pick<Datapoint, 'count' | 'sum' | 'minimum' | 'maximum'>;
/** By name, as CloudWatch has it; p99 and the like are percentiles. */
export type Statistic = keyof typeof STATISTICS | `p${number}`;
export const isStatistic = (name: string): name is Statistic =>
  Object.hasOwn(STATISTICS, name) || percentileOf(name) !== undefined;

/**
 * The 99.9 of p99.9; undefined for any other statistic.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
 */
function percentileOf(statistic: string): number | undefined {
  const [, digits] = /^p(\d{1,3}(?:\.\d{1,10})?)$/.exec(statistic) ?? [];
  return digits === undefined || Number(digits) > 100 ? undefined : Number(digits);
}

/** What an alarm or a request watches of a metric. */
export interface MetricStatistic {
  namespace: string;
  name: string;
  dimensions: Dimensions;
  statistic: Statistic;
}

/** Whether a log line may be an embedded metric; few others have this text in them. */
export const isEmbeddedMetric = (line: string): boolean => line.includes('"CloudWatchMetrics"');

/** The values of metrics by namespace, name and dimensions. Times are counted in minutes, from any beginning. */
export class Metrics {
  /** The minute that values are now reported in. */
  private minute = 0;
  private readonly totals = new Map<string, number>();
  private readonly minutes = new Map<string, Map<number, Datapoint>>();

  /** Counts a value to the present minute, or to one that ended that many minutes ago: 1 is the last whole minute. */
  add(namespace: string, name: string, dimensions: Dimensions, value: number, minutesAgo = 0): void {
    const key = keyOf(namespace, name, dimensions);
    this.totals.set(key, (this.totals.get(key) ?? 0) + value);
    let points = this.minutes.get(key);
    if (!points) {
      points = new Map();
      this.minutes.set(key, points);
    }
    const minute = this.minute - minutesAgo;
    const point = points.get(minute);
    if (point) count(point, value);
    else
      points.set(minute, { count: 1, sum: value, minimum: value, maximum: value, values: [value], each: 1 });
  }

  /**
   * Takes the metrics of one log line; a line that is no embedded metric changes nothing.
   * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
   */
  ingest(line: string): void {
    if (!isEmbeddedMetric(line)) return;
    try {
      for (const value of valuesOf(JSON.parse(line))) this.add(...value);
    } catch {
      // Anybody can log anything: as on AWS, what is malformed is a line like any other.
    }
  }

  /** Ends the present minute and drops what is older than `kept` minutes. */
  endMinute(kept: number): void {
    this.minute += 1;
    for (const points of this.minutes.values()) {
      for (const minute of points.keys()) {
        if (minute < this.minute - kept) points.delete(minute);
      }
    }
  }

  /**
   * A statistic over the minutes that ended `from` to `to` minutes ago: 5 and 0 are the last five whole minutes.
   * Undefined where nothing was reported.
   */
  statistic(
    statistic: Statistic,
    namespace: string,
    name: string,
    dimensions: Dimensions,
    from: number,
    to: number,
  ): number | undefined {
    return this.over(this.minutes.get(keyOf(namespace, name, dimensions)), statistic, from, to);
  }

  /** The same for so many periods that end with the last whole minute, oldest first. */
  series(
    { namespace, name, dimensions, statistic }: MetricStatistic,
    periods: number,
    minutes: number,
  ): Series {
    const points = this.minutes.get(keyOf(namespace, name, dimensions));
    return Array.from({ length: periods }, (_, index) =>
      this.over(points, statistic, (periods - index) * minutes, (periods - index - 1) * minutes),
    );
  }

  /** The sum of a metric's values since the start, 0 where there are none. */
  sum(namespace: string, name: string, dimensions: Dimensions): number {
    return this.totals.get(keyOf(namespace, name, dimensions)) ?? 0;
  }

  private over(
    points: ReadonlyMap<number, Datapoint> | undefined,
    statistic: Statistic,
    from: number,
    to: number,
  ): number | undefined {
    const found: Datapoint[] = [];
    for (let minute = this.minute - from; points && minute < this.minute - to; minute += 1) {
      const point = points.get(minute);
      if (point) found.push(point);
    }
    if (found.length === 0) return undefined;
    const percent = percentileOf(statistic);
    if (percent !== undefined) return percentile(found, percent);
    return STATISTICS[statistic as keyof typeof STATISTICS]((found as Summary[]).reduce(joined));
  }
}

/** The arguments of `add` for all that an entry reports. @throws for one that is malformed */
function valuesOf(entry: EmbeddedMetrics): Parameters<Metrics['add']>[] {
  return (entry._aws?.CloudWatchMetrics ?? []).flatMap(({ Namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) => {
      const dimensions = Object.fromEntries(names.map((name) => [name, String(entry[name])]));
      return Metrics.flatMap(({ Name }) =>
        [entry[Name]]
          .flat()
          .map((value): Parameters<Metrics['add']> => [Namespace, Name, dimensions, Number(value)]),
      );
    }),
  );
}

function count(point: Datapoint, value: number): void {
  if (point.count % point.each === 0) point.values.push(value);
  point.count += 1;
  point.sum += value;
  point.minimum = Math.min(point.minimum, value);
  point.maximum = Math.max(point.maximum, value);
  if (point.values.length <= MOST_VALUES) return;
  point.values = point.values.filter((_, index) => index % 2 === 0);
  point.each *= 2;
}

const joined = (one: Summary, other: Summary): Summary => ({
  count: one.count + other.count,
  sum: one.sum + other.sum,
  minimum: Math.min(one.minimum, other.minimum),
  maximum: Math.max(one.maximum, other.maximum),
});

/** The least value that so many percent of the values do not exceed. */
function percentile(points: Datapoint[], percent: number): number {
  const values = points
    .flatMap((point) => point.values.map((value) => ({ value, weight: point.each })))
    .sort((a, b) => a.value - b.value);
  let left = (values.reduce((total, { weight }) => total + weight, 0) * percent) / 100;
  for (const { value, weight } of values) {
    left -= weight;
    if (left <= 0) return value;
  }
  return Math.max(...points.map(({ maximum }) => maximum));
}

function keyOf(namespace: string, name: string, dimensions: Dimensions): string {
  return JSON.stringify([namespace, name, Object.entries(dimensions).sort()]);
}
