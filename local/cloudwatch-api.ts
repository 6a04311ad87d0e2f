// CloudWatch's DescribeAlarms and GetMetricData, answered from the alarms and metrics of the local run.
import type { AlarmStatus, Alarms } from './alarms.ts';
import type { LocalCloudWatch } from './cloudwatch.ts';
import { isStatistic, type Metrics } from './metrics.ts';
import type { Json } from './template.ts';

/** An answer in AWS's JSON protocol: a result, or an error's code and message. */
export type JsonAnswer = { result: object } | { code: string; message: string };

const MINUTE = 60_000;
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html */
const DEFAULT_RECORDS = 50;

class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What is looked into. */
export interface Watched {
  readonly metrics: Metrics;
  readonly alarms: Alarms;
  readonly clock: Pick<LocalCloudWatch, 'timeOf' | 'lastMinute'>;
}

/** Answers one operation; another than the two is refused as AWS refuses one that it does not know. */
export function answerCloudWatch(operation: string, input: Json, watched: Watched): JsonAnswer {
  try {
    if (operation === 'DescribeAlarms') return { result: describeAlarms(input, watched.alarms.list()) };
    if (operation === 'GetMetricData') return { result: getMetricData(input, watched) };
    throw new Refusal('InvalidAction', `The local run does not answer ${operation} of CloudWatch`);
  } catch (error) {
    // What no SDK would send must not end the run.
    return {
      code: error instanceof Refusal ? error.code : 'InternalFailure',
      message: (error as Error).message,
    };
  }
}

function describeAlarms(input: Json, all: AlarmStatus[]): object {
  const { AlarmNames, AlarmNamePrefix = '', StateValue, AlarmTypes = ['MetricAlarm'], NextToken } = input;
  const wanted = all.filter(
    ({ name, state, type }) =>
      AlarmTypes.includes(type) &&
      name.startsWith(AlarmNamePrefix) &&
      (AlarmNames === undefined || AlarmNames.includes(name)) &&
      (StateValue === undefined || state === StateValue),
  );
  const start = Number(NextToken ?? 0);
  const end = start + Number(input.MaxRecords ?? DEFAULT_RECORDS);
  const page = wanted.slice(start, end);
  const described = (type: AlarmStatus['type']) =>
    page.filter((each) => each.type === type).map(describeAlarm);
  return {
    MetricAlarms: described('MetricAlarm'),
    CompositeAlarms: described('CompositeAlarm'),
    ...(end < wanted.length && { NextToken: String(end) }),
  };
}

function describeAlarm({ name, arn, description, state, reason, since }: AlarmStatus): object {
  // The alarms' clock may be ahead, but nobody can know of a change that is yet to come.
  const changed = since && Math.min(since, Date.now()) / 1000;
  return {
    AlarmName: name,
    AlarmArn: arn,
    AlarmDescription: description,
    StateValue: state,
    StateReason: reason,
    ...(changed !== undefined && { StateUpdatedTimestamp: changed, StateTransitionedTimestamp: changed }),
  };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html */
function getMetricData(input: Json, { metrics, clock }: Watched): object {
  const [from, end] = [input.StartTime, input.EndTime].map((seconds) => clock.timeOf(Number(seconds) * 1000));
  if (from === undefined || end === undefined || !(from < end)) {
    throw new Refusal('ValidationError', 'StartTime must be before EndTime');
  }
  const start = from - (from % MINUTE);
  const results = (input.MetricDataQueries ?? []).map(({ Id, Label, MetricStat, Expression }: Json) => {
    const { Metric = {}, Period, Stat } = MetricStat ?? {};
    if (Expression !== undefined) {
      throw new Refusal('ValidationError', 'The local run does not answer expressions in GetMetricData');
    }
    if (!isStatistic(Stat) || !(Period >= 60) || Period % 60 !== 0) {
      throw new Refusal('ValidationError', `The local run does not answer ${Stat} of ${Period} s`);
    }
    const dimensions = (Metric.Dimensions ?? []).map(({ Name, Value }: Json) => [Name, Value]);
    const points: { time: number; value: number }[] = [];
    for (let time = start; time < end; time += Period * 1000) {
      const minutesAgo = (clock.lastMinute - time) / MINUTE;
      const value = metrics.statistic(
        Stat,
        Metric.Namespace,
        Metric.MetricName,
        Object.fromEntries(dimensions),
        minutesAgo,
        minutesAgo - Period / 60,
      );
      if (value !== undefined) points.push({ time, value });
    }
    if (input.ScanBy !== 'TimestampAscending') points.reverse();
    return {
      Id,
      Label: Label ?? Metric.MetricName,
      Timestamps: points.map(({ time }) => time / 1000),
      Values: points.map(({ value }) => value),
      StatusCode: 'Complete',
    };
  });
  return { MetricDataResults: results, Messages: [] };
}
