// CloudWatch's DescribeAlarms and GetMetricData, answered from the alarms and metrics of the local run.
import type { Json } from '../json.ts';
import { ServiceError } from '../protocol/service-error.ts';
import type { AlarmStatus, AlarmType } from './alarm.ts';
import type { CloudWatch } from './cloudwatch.ts';
import { isStatistic } from './metrics.ts';

const MINUTE = 60_000;
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html */
const DEFAULT_RECORDS = 50;

/** The parts of CloudWatch that answers are made from. */
export type Source = Pick<CloudWatch, 'metrics' | 'alarms' | 'timeOf' | 'lastMinute'>;

/**
 * Answers one operation.
 * @throws ServiceError as CloudWatch answers with one; for any operation but the two, that it is not known
 */
export function answerCloudWatch(operation: string, input: Json, source: Source): object {
  try {
    if (operation === 'DescribeAlarms') return describeAlarms(input, source.alarms.list());
    if (operation === 'GetMetricData') return getMetricData(input, source);
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    // What no SDK would send must not end the run.
    throw new ServiceError('InternalFailure', (error as Error).message);
  }
  throw new ServiceError('InvalidAction', `The local run does not answer ${operation} of CloudWatch`);
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
  const described = (type: AlarmType) => page.filter((each) => each.type === type).map(describeAlarm);
  return {
    MetricAlarms: described('MetricAlarm'),
    CompositeAlarms: described('CompositeAlarm'),
    ...(end < wanted.length && { NextToken: String(end) }),
  };
}

function describeAlarm({ name, arn, description, state, reason, since }: AlarmStatus): object {
  const changed = since && since / 1000;
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
function getMetricData(input: Json, source: Source): object {
  const [from, end] = [input.StartTime, input.EndTime].map((seconds) =>
    source.timeOf(Number(seconds) * 1000),
  );
  if (from === undefined || end === undefined || !(from < end)) {
    throw new ServiceError('ValidationError', 'StartTime must be before EndTime');
  }
  const start = from - (from % MINUTE);
  const results = (input.MetricDataQueries ?? []).map((query: Json) => {
    const points = datapoints(query, start, end, source);
    if (input.ScanBy !== 'TimestampAscending') points.reverse();
    return {
      Id: query.Id,
      Label: query.Label ?? query.MetricStat?.Metric?.MetricName,
      Timestamps: points.map(({ time }) => time / 1000),
      Values: points.map(({ value }) => value),
      StatusCode: 'Complete',
    };
  });
  return { MetricDataResults: results, Messages: [] };
}

/** Oldest first. */
function datapoints(
  { MetricStat, Expression }: Json,
  start: number,
  end: number,
  { metrics, lastMinute }: Source,
): { time: number; value: number }[] {
  const { Metric = {}, Period, Stat } = MetricStat ?? {};
  if (Expression !== undefined) {
    throw new ServiceError('ValidationError', 'The local run does not answer expressions in GetMetricData');
  }
  if (!isStatistic(Stat) || !(Period >= 60) || Period % 60 !== 0) {
    throw new ServiceError('ValidationError', `The local run does not answer ${Stat} of ${Period} s`);
  }
  const dimensions = Object.fromEntries(
    (Metric.Dimensions ?? []).map(({ Name, Value }: Json) => [Name, Value]),
  );
  const points: { time: number; value: number }[] = [];
  for (let time = start; time < end; time += Period * 1000) {
    const from = (lastMinute - time) / MINUTE;
    const to = from - Period / 60;
    const value = metrics.statistic(Stat, Metric.Namespace, Metric.MetricName, dimensions, from, to);
    if (value !== undefined) points.push({ time, value });
  }
  return points;
}
