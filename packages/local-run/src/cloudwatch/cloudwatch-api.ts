// CloudWatch's operations on alarms, and GetMetricData, answered from the alarms and metrics of the local run.
import type { Json } from '../protocol/json.ts';
import { ServiceError } from '../protocol/service-error.ts';
import { ALARM_STATES, type AlarmStatus, type AlarmType } from './alarm.ts';
import type { HistoryItem } from './alarm-history.ts';
import { ACTIONS } from './alarm-notification.ts';
import type { CloudWatch } from './cloudwatch.ts';
import { isStatistic } from './metrics.ts';

const MINUTE = 60_000;
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html */
const DEFAULT_RECORDS = 50;
const MOST_HISTORY_RECORDS = 100;

/** The parts of CloudWatch that answers are made from. */
export type Source = Pick<CloudWatch, 'metrics' | 'alarms' | 'timeOf' | 'lastMinute' | 'setAlarmState'>;

/** Answers one of the operations that have permissions. @throws ServiceError as CloudWatch answers with one */
export function answerCloudWatch(operation: string, input: Json, source: Source): object {
  if (operation === 'DescribeAlarms') return describeAlarms(input, source.alarms.list());
  if (operation === 'DescribeAlarmHistory') return describeHistory(input, source.alarms.history.items);
  if (operation === 'SetAlarmState') return setAlarmState(input, source);
  return getMetricData(input, source);
}

function describeAlarms(input: Json, all: AlarmStatus[]): object {
  const { AlarmNames, AlarmNamePrefix = '', StateValue, AlarmTypes = ['MetricAlarm'] } = input;
  const wanted = all.filter(
    ({ name, state, type }) =>
      AlarmTypes.includes(type) &&
      name.startsWith(AlarmNamePrefix) &&
      (AlarmNames === undefined || AlarmNames.includes(name)) &&
      (StateValue === undefined || state === StateValue),
  );
  const [page, next] = pageOf(wanted, input, DEFAULT_RECORDS);
  const described = (type: AlarmType) => page.filter((each) => each.type === type).map(describeAlarm);
  return { MetricAlarms: described('MetricAlarm'), CompositeAlarms: described('CompositeAlarm'), ...next };
}

function pageOf<T>(all: T[], { NextToken, MaxRecords }: Json, most: number): [T[], { NextToken?: string }] {
  const start = Number(NextToken ?? 0);
  const end = start + Number(MaxRecords ?? most);
  return [all.slice(start, end), end < all.length ? { NextToken: String(end) } : {}];
}

function describeAlarm({ name, arn, properties, state, reason, changed }: AlarmStatus): object {
  const since = changed && changed.real / 1000;
  const { Tags: _, ...settings } = properties;
  return {
    ActionsEnabled: true,
    ...Object.fromEntries(ACTIONS.map((list) => [list, []])),
    ...settings,
    AlarmName: name,
    AlarmArn: arn,
    StateValue: state,
    StateReason: reason,
    ...(since !== undefined && { StateUpdatedTimestamp: since, StateTransitionedTimestamp: since }),
  };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html */
function describeHistory(input: Json, all: HistoryItem[]): object {
  const { AlarmName, AlarmTypes = ['MetricAlarm'], HistoryItemType, StartDate, EndDate } = input;
  const wanted = all.filter(
    ({ alarm, alarmType, type, real }) =>
      AlarmTypes.includes(alarmType) &&
      (AlarmName === undefined || alarm === AlarmName) &&
      (HistoryItemType === undefined || type === HistoryItemType) &&
      (StartDate === undefined || real >= StartDate * 1000) &&
      (EndDate === undefined || real <= EndDate * 1000),
  );
  if (input.ScanBy !== 'TimestampAscending') wanted.reverse();
  const [page, next] = pageOf(wanted, input, MOST_HISTORY_RECORDS);
  const AlarmHistoryItems = page.map((item) => ({
    AlarmName: item.alarm,
    AlarmType: item.alarmType,
    Timestamp: item.real / 1000,
    HistoryItemType: item.type,
    HistorySummary: item.summary,
    HistoryData: item.data,
  }));
  return { AlarmHistoryItems, ...next };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html */
function setAlarmState({ AlarmName, StateValue, StateReason }: Json, source: Source): object {
  if (!ALARM_STATES.includes(StateValue) || typeof StateReason !== 'string') {
    throw new ServiceError(
      'ValidationError',
      `StateValue must be one of ${ALARM_STATES.join(', ')}, and StateReason a text`,
    );
  }
  if (!source.setAlarmState(String(AlarmName), StateValue, StateReason)) {
    throw new ServiceError('ResourceNotFound', `There is no alarm ${AlarmName}`, { status: 404 });
  }
  return {};
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
