// Counts what functions report in CloudWatch's embedded metric format, as CloudWatch Logs does with their log lines.

interface EmbeddedMetrics {
  _aws?: {
    CloudWatchMetrics?: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[];
  };
  [key: string]: unknown;
}

/** The values of metrics, by namespace, dimensions and name. */
export class Metrics {
  private readonly sums = new Map<string, number>();

  /**
   * Takes the metrics of one log line; a line that is no embedded metric changes nothing.
   * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
   */
  ingest(line: string): void {
    if (!line.includes('"CloudWatchMetrics"')) return;
    let entry: EmbeddedMetrics;
    try {
      entry = JSON.parse(line);
    } catch {
      return;
    }
    for (const { Namespace, Dimensions, Metrics } of entry._aws?.CloudWatchMetrics ?? []) {
      for (const names of Dimensions) {
        const dimensions = Object.fromEntries(names.map((name) => [name, String(entry[name])]));
        for (const { Name } of Metrics) {
          const key = keyOf(Namespace, Name, dimensions);
          const value = [entry[Name]].flat().reduce<number>((sum, each) => sum + Number(each), 0);
          this.sums.set(key, (this.sums.get(key) ?? 0) + value);
        }
      }
    }
  }

  /** The sum of a metric's values so far, 0 where there are none. */
  sum(namespace: string, name: string, dimensions: Record<string, string>): number {
    return this.sums.get(keyOf(namespace, name, dimensions)) ?? 0;
  }
}

function keyOf(namespace: string, name: string, dimensions: Record<string, string>): string {
  return JSON.stringify([namespace, name, Object.entries(dimensions).sort()]);
}
