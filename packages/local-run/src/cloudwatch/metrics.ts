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

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
/** Each of at least one value, in any sequence. */
const STATISTICS = {
  Average: (values) => sum(values) / values.length,
  Maximum: (values) => values.reduce((one, other) => Math.max(one, other)),
  Minimum: (values) => values.reduce((one, other) => Math.min(one, other)),
  SampleCount: (values) => values.length,
  Sum: sum,
} satisfies Record<string, (values: number[]) => number>;
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

/** The values of metrics by namespace, name and dimensions. Times are counted in minutes, from any beginning. */
export class Metrics {
  /** The minute that values are now reported in. */
  private minute = 0;
  private readonly totals = new Map<string, number>();
  private readonly minutes = new Map<string, Map<number, number[]>>();

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
    const values = points.get(minute);
    if (values) values.push(value);
    else points.set(minute, [value]);
  }

  /**
   * Takes the metrics of one log line; a line that is no embedded metric changes nothing.
   * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
   */
  ingest(line: string): void {
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
    points: ReadonlyMap<number, number[]> | undefined,
    statistic: Statistic,
    from: number,
    to: number,
  ): number | undefined {
    const found: number[][] = [];
    for (let minute = this.minute - from; points && minute < this.minute - to; minute += 1) {
      found.push(points.get(minute) ?? []);
    }
    const values = found.flat();
    if (values.length === 0) return undefined;
    const percent = percentileOf(statistic);
    if (percent !== undefined) return percentile(values, percent);
    return STATISTICS[statistic as keyof typeof STATISTICS](values);
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

/** The least value that so many percent of the values do not exceed. */
function percentile(values: number[], percent: number): number | undefined {
  return values.sort((a, b) => a - b)[Math.max(0, Math.ceil((values.length * percent) / 100) - 1)];
}

function keyOf(namespace: string, name: string, dimensions: Dimensions): string {
  return JSON.stringify([namespace, name, Object.entries(dimensions).sort()]);
}
