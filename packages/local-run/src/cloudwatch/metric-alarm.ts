// One alarm on a metric or on metric math: what it looks at, and what state that puts it in.

import type { Json } from '../protocol/json.ts';
import type { AlarmState, Evaluation } from './alarm.ts';
import { parseExpression } from './metric-math.ts';
import { isStatistic, type MetricStatistic, type Metrics, type Series } from './metrics.ts';

interface MetricQuery {
  id: string;
  /** Whether the alarm watches it; the others are there for its expression. */
  returned: boolean;
  of: MetricStatistic | { evaluate: ReturnType<typeof parseExpression> };
}

interface Comparison {
  words: string;
  breaches(value: number, threshold: number): boolean;
}
const COMPARISONS = new Map<string, Comparison>([
  [
    'GreaterThanOrEqualToThreshold',
    { words: 'greater than or equal to', breaches: (value, threshold) => value >= threshold },
  ],
  ['GreaterThanThreshold', { words: 'greater than', breaches: (value, threshold) => value > threshold }],
  [
    'LessThanOrEqualToThreshold',
    { words: 'less than or equal to', breaches: (value, threshold) => value <= threshold },
  ],
  ['LessThanThreshold', { words: 'less than', breaches: (value, threshold) => value < threshold }],
]);
const TREATMENTS = ['missing', 'breaching', 'notBreaching'];
const PROPERTIES = [
  'ActionsEnabled',
  'AlarmActions',
  'AlarmDescription',
  'AlarmName',
  'ComparisonOperator',
  'DatapointsToAlarm',
  'Dimensions',
  'EvaluationPeriods',
  'ExtendedStatistic',
  'InsufficientDataActions',
  'MetricName',
  'Metrics',
  'Namespace',
  'OKActions',
  'Period',
  'Statistic',
  'Tags',
  'Threshold',
  'TreatMissingData',
];

/**
 * How many periods are retrieved beyond those that are evaluated, in case some have no datapoint. CloudWatch says that it
 * depends on the period, without saying how; its examples retrieve 5 for 3.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
const EXTRA_PERIODS = 2;

/** Evaluates the datapoints of one alarm, as its properties say. */
export class MetricAlarm {
  private readonly queries: MetricQuery[];
  private readonly watched: MetricQuery;
  private readonly comparison: Comparison;
  private readonly threshold: number;
  private readonly evaluationPeriods: number;
  private readonly datapointsToAlarm: number;
  private readonly treatment: string;
  private readonly periodMinutes: number;

  /**
   * @param properties of AWS::CloudWatch::Alarm
   * @throws Error naming what the local run does not know
   */
  constructor(properties: Record<string, Json>) {
    for (const name of Object.keys(properties)) {
      if (!PROPERTIES.includes(name))
        throw new Error(`the local run does not know the property ${name} of an alarm`);
    }
    const operator = oneOf([...COMPARISONS.keys()], 'ComparisonOperator', properties.ComparisonOperator);
    this.comparison = COMPARISONS.get(operator) as Comparison;
    this.treatment = oneOf(TREATMENTS, 'TreatMissingData', properties.TreatMissingData ?? 'missing');
    this.threshold = Number(properties.Threshold);
    this.evaluationPeriods = Number(properties.EvaluationPeriods);
    this.datapointsToAlarm = Number(properties.DatapointsToAlarm ?? properties.EvaluationPeriods);
    const metrics: Json[] = properties.Metrics ?? [
      {
        Id: 'metric',
        MetricStat: {
          Metric: properties,
          Period: properties.Period,
          Stat: properties.Statistic ?? properties.ExtendedStatistic,
        },
      },
    ];
    this.queries = metrics.map(query);
    const watched = this.queries.filter(({ returned }) => returned);
    const [only] = watched;
    if (!only || watched.length !== 1)
      throw new Error(`${watched.length} of its metrics have ReturnData, where one must`);
    this.watched = only;
    const periods = new Set(
      metrics.flatMap(({ MetricStat }) => (MetricStat ? [Number(MetricStat.Period)] : [])),
    );
    const [seconds = 0] = periods;
    if (periods.size !== 1 || seconds < 60 || seconds % 60 !== 0) {
      throw new Error(
        `periods of ${[...periods].join(' and ')} s: the local run takes one period, of whole minutes`,
      );
    }
    this.periodMinutes = seconds / 60;
    // An unknown id is found now rather than in the first minute.
    this.series(() => []);
  }

  /** How many minutes of datapoints it evaluates. */
  get minutes(): number {
    return (this.evaluationPeriods + EXTRA_PERIODS) * this.periodMinutes;
  }

  /** @param at end of the last whole minute, in milliseconds since the epoch */
  evaluate(metrics: Metrics, at: number): Evaluation {
    const series = this.series((metric, periods) => metrics.series(metric, periods, this.periodMinutes));
    const real = series
      .map((value, index) => ({ value, age: series.length - 1 - index }))
      .filter((point): point is { value: number; age: number } => point.value !== undefined)
      .reverse();
    const { evaluationPeriods, datapointsToAlarm, treatment } = this;
    const used = real.slice(0, evaluationPeriods);
    const breaching = used.filter(({ value }) => this.comparison.breaches(value, this.threshold));
    const missing = evaluationPeriods - used.length;
    const state = ((): AlarmState => {
      if (breaching.length + (treatment === 'breaching' ? missing : 0) >= datapointsToAlarm) return 'ALARM';
      if (missing === 0 || treatment === 'breaching' || treatment === 'notBreaching') return 'OK';
      if (used.length === 0) return 'INSUFFICIENT_DATA';
      // What is called a premature alarm: nothing good, and something bad long enough ago.
      const oldest = used.at(-1)?.age ?? 0;
      const isPremature = breaching.length === used.length && oldest + 1 >= datapointsToAlarm;
      return isPremature ? 'ALARM' : 'OK';
    })();
    const shown = state === 'ALARM' ? breaching : used.filter((point) => !breaching.includes(point));
    return { state, reason: () => this.reason(state, shown, used.length, at) };
  }

  /** In CloudWatch's words. */
  private reason(
    state: AlarmState,
    points: { value: number; age: number }[],
    received: number,
    at: number,
  ): string {
    const many = (count: number, thing: string) => `${count} ${thing}${count === 1 ? '' : 's'}`;
    const were = (count: number) => (count === 1 ? 'was' : 'were');
    const { evaluationPeriods } = this;
    if (state === 'INSUFFICIENT_DATA') {
      return `Insufficient Data: ${many(evaluationPeriods, 'datapoint')} ${were(evaluationPeriods)} unknown.`;
    }
    if (received === 0) {
      const treated = this.treatment === 'breaching' ? 'Breaching' : 'NonBreaching';
      return (
        `Threshold Crossed: no datapoints were received for ${many(evaluationPeriods, 'period')} and ` +
        `${many(evaluationPeriods, 'missing datapoint')} ${were(evaluationPeriods)} treated as [${treated}].`
      );
    }
    const list = points.map(({ value, age }) => {
      const from = new Date(at - (age + 1) * this.periodMinutes * 60_000).toISOString();
      const [, year, month, day, time] = /^\d\d(\d\d)-(\d\d)-(\d\d)T([\d:]{8})/.exec(from) ?? [];
      return `${decimal(value)} (${day}/${month}/${year} ${time})`;
    });
    return (
      `Threshold Crossed: ${points.length} out of the last ${many(evaluationPeriods, 'datapoint')} ` +
      `[${list.join(', ')}] ${were(points.length)} ${state === 'ALARM' ? '' : 'not '}${this.comparison.words} ` +
      `the threshold (${decimal(this.threshold)}).`
    );
  }

  /** What it watches, oldest first; `read` gives a metric's last periods. */
  private series(read: (metric: MetricStatistic, periods: number) => Series): Series {
    const length = this.evaluationPeriods + EXTRA_PERIODS;
    const valuesOf = ({ of }: MetricQuery): Series =>
      'evaluate' in of
        ? of.evaluate((id) => {
            const query = this.queries.find((each) => each.id === id);
            if (!query) throw new Error(`metric math: no metric or expression has the id ${id}`);
            return valuesOf(query);
          })
        : read(of, length);
    return valuesOf(this.watched);
  }
}

function oneOf(allowed: string[], property: string, value: string): string {
  if (allowed.includes(value)) return value;
  throw new Error(`${property} ${value} is not one of ${allowed.join(', ')}`);
}

function query({ Id, Expression, MetricStat, ReturnData = true }: Json): MetricQuery {
  if (Expression !== undefined)
    return { id: Id, returned: ReturnData, of: { evaluate: parseExpression(Expression) } };
  const { Metric = {}, Stat, Unit } = MetricStat ?? {};
  if (!isStatistic(Stat)) throw new Error(`the local run does not know the statistic ${Stat}`);
  if (Unit !== undefined) throw new Error(`the local run does not know the unit ${Unit} of a metric`);
  const dimensions = (Metric.Dimensions ?? []).map(({ Name, Value }: Json) => [Name, Value]);
  return {
    id: Id,
    returned: ReturnData,
    of: {
      namespace: Metric.Namespace,
      name: Metric.MetricName,
      dimensions: Object.fromEntries(dimensions),
      statistic: Stat,
    },
  };
}

/** A number as CloudWatch writes it: 1.0, 2.5. */
const decimal = (value: number) => (Number.isInteger(value) ? value.toFixed(1) : String(value));
