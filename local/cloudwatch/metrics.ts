// The datapoints of CloudWatch metrics, a minute each, and the embedded metric format that functions report them in.

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
}
export type Statistic = 'Average' | 'Maximum' | 'Minimum' | 'SampleCount' | 'Sum';
const STATISTICS: Record<Statistic, (point: Datapoint) => number> = {
  Average: ({ sum, count }) => sum / count,
  Maximum: ({ maximum }) => maximum,
  Minimum: ({ minimum }) => minimum,
  SampleCount: ({ count }) => count,
  Sum: ({ sum }) => sum,
};
export const isStatistic = (name: string): name is Statistic => Object.hasOwn(STATISTICS, name);

/** Whether a log line may be an embedded metric; few others have this text in them. */
export const isEmbeddedMetric = (line: string): boolean => line.includes('"CloudWatchMetrics"');

/** The values of metrics by namespace, name and dimensions. Times are counted in minutes, from any beginning. */
export class Metrics {
  /** The minute that values are now reported in. */
  private minute = 0;
  private readonly totals = new Map<string, number>();
  private readonly minutes = new Map<string, Map<number, Datapoint>>();

  /** Counts a value to the present minute. */
  add(namespace: string, name: string, dimensions: Dimensions, value: number): void {
    const key = keyOf(namespace, name, dimensions);
    this.totals.set(key, (this.totals.get(key) ?? 0) + value);
    let points = this.minutes.get(key);
    if (!points) {
      points = new Map();
      this.minutes.set(key, points);
    }
    points.set(
      this.minute,
      joined(points.get(this.minute), { count: 1, sum: value, minimum: value, maximum: value }),
    );
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
      // In the order in which they came: the oldest are the first.
      for (const minute of points.keys()) {
        if (minute >= this.minute - kept) break;
        points.delete(minute);
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
    const points = this.minutes.get(keyOf(namespace, name, dimensions));
    let whole: Datapoint | undefined;
    for (let minute = this.minute - from; minute < this.minute - to; minute += 1) {
      const point = points?.get(minute);
      if (point) whole = joined(whole, point);
    }
    return whole && STATISTICS[statistic](whole);
  }

  /** The sum of a metric's values since the start, 0 where there are none. */
  sum(namespace: string, name: string, dimensions: Dimensions): number {
    return this.totals.get(keyOf(namespace, name, dimensions)) ?? 0;
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

function joined(one: Datapoint | undefined, other: Datapoint): Datapoint {
  if (!one) return other;
  return {
    count: one.count + other.count,
    sum: one.sum + other.sum,
    minimum: Math.min(one.minimum, other.minimum),
    maximum: Math.max(one.maximum, other.maximum),
  };
}

function keyOf(namespace: string, name: string, dimensions: Dimensions): string {
  return JSON.stringify([namespace, name, Object.entries(dimensions).sort()]);
}
