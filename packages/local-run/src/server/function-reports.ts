import { isEmbeddedMetric } from '../cloudwatch/metrics.ts';
import type { Qualifier } from '../lambda/execution-environment.ts';
import type { FunctionReport } from './messages.ts';

/** What functions report, on its way to CloudWatch: what comes in one turn of the event loop goes as one message. */
export class FunctionReports {
  private readonly send: (report: FunctionReport) => void;
  private lines: FunctionReport['lines'] = [];
  private values: FunctionReport['values'] = [];
  private timer: NodeJS.Immediate | undefined;

  constructor(send: (report: FunctionReport) => void) {
    this.send = send;
  }

  /** Takes a line of a function's log, which may hold metrics. */
  log(line: string): void {
    if (!isEmbeddedMetric(line)) return;
    this.lines.push(line);
    this.flushSoon();
  }

  measured(functionName: string, metric: string, value: number, qualifier?: Qualifier): void {
    this.values.push({ functionName, metric, value, qualifier });
    this.flushSoon();
  }

  flush(): void {
    clearImmediate(this.timer);
    this.timer = undefined;
    if (this.lines.length + this.values.length === 0) return;
    const { lines, values } = this;
    this.lines = [];
    this.values = [];
    this.send({ lines, values });
  }

  private flushSoon(): void {
    this.timer ??= setImmediate(() => this.flush());
  }
}
