import { describe, expect, test } from '@jest/globals';
import type { Alarm } from '../../../src/cloudwatch/alarm.ts';
import { Alarms } from '../../../src/cloudwatch/alarms.ts';
import { answerCloudWatch, type Source } from '../../../src/cloudwatch/cloudwatch-api.ts';
import { Metrics } from '../../../src/cloudwatch/metrics.ts';
import type { Json } from '../../../src/protocol/json.ts';

const MINUTE = 60_000;
const NOW = Date.parse('2026-11-22T17:10:00Z');
const alarm = (threshold: number) => ({
  AlarmDescription: `from ${threshold} on`,
  Namespace: 'N',
  MetricName: 'M',
  Dimensions: [],
  Statistic: 'Sum',
  Period: 60,
  EvaluationPeriods: 1,
  ComparisonOperator: 'GreaterThanOrEqualToThreshold',
  Threshold: threshold,
});

/** Four minutes of a metric, 1, 2, 3 and 4, the last of them not over; the clock is `ahead` of real time. */
function watched(ahead = 0): Source {
  const metrics = new Metrics();
  const alarms = new Alarms();
  alarms.add('MetricAlarm', 'a-low', alarm(1));
  alarms.add('MetricAlarm', 'a-high', alarm(1000));
  alarms.add('MetricAlarm', 'b-low', alarm(1));
  alarms.add('CompositeAlarm', 'a-all', { AlarmRule: 'ALARM("a-low")' });
  for (const value of [1, 2, 3]) {
    metrics.add('N', 'M', {}, value);
    metrics.endMinute(10);
  }
  metrics.add('N', 'M', {}, 4);
  alarms.evaluate(metrics, NOW);
  return {
    metrics,
    alarms,
    lastMinute: NOW + ahead,
    timeOf: (real: number) => real + ahead,
    setAlarmState: (name, state, reason) => alarms.set(name, state, reason, NOW) !== undefined,
  };
}

const result = (operation: string, input: Json, ahead = 0): Json =>
  answerCloudWatch(operation, input, watched(ahead));
const data = (input: Json, Period = 60, ahead = 0) =>
  result(
    'GetMetricData',
    {
      StartTime: (NOW - 3 * MINUTE) / 1000,
      EndTime: (NOW + MINUTE) / 1000,
      MetricDataQueries: [
        { Id: 'm', MetricStat: { Metric: { Namespace: 'N', MetricName: 'M' }, Period, Stat: 'Sum' } },
      ],
      ...input,
    },
    ahead,
  ).MetricDataResults[0];

test('GetMetricData gives the newest minute first, the one that is not over among them', () => {
  expect(data({})).toMatchObject({
    Id: 'm',
    Timestamps: [0, -1, -2, -3].map((minute) => (NOW + minute * MINUTE) / 1000),
    Values: [4, 3, 2, 1],
  });
});

test.each<[what: string, input: object, values: number[], period?: number, ahead?: number]>([
  ['the oldest first', { ScanBy: 'TimestampAscending' }, [1, 2, 3, 4]],
  ['no minute before or after', { StartTime: NOW / 1000 - 90, EndTime: NOW / 1000 }, [3, 2]],
  ['no minute without a value', { StartTime: NOW / 1000 - 3600 }, [4, 3, 2, 1]],
  ['the minutes of a longer period joined', {}, [7, 3], 120],
  ['a span of real time, however far ahead the clock of the run is', {}, [4, 3, 2, 1], 60, 5 * MINUTE],
])('GetMetricData gives %s', (_, input, values, period, ahead) => {
  expect(data(input, period, ahead).Values).toEqual(values);
});

test('GetMetricData knows percentiles', () => {
  const MetricStat = { Metric: { Namespace: 'N', MetricName: 'M' }, Period: 240, Stat: 'p50' };

  expect(data({ MetricDataQueries: [{ Id: 'p', MetricStat }] }).Values).toEqual([2]);
});

test.each([
  [{ MetricDataQueries: [{ Id: 'e', Expression: 'm * 2' }] }, 'expressions'],
  [{ MetricDataQueries: [{ Id: 'p', MetricStat: { Metric: {}, Period: 60, Stat: 'tm9' } }] }, 'tm9 of 60 s'],
  [{ MetricDataQueries: [{ Id: 's', MetricStat: { Metric: {}, Period: 90, Stat: 'Sum' } }] }, 'Sum of 90 s'],
  [{ StartTime: 2, EndTime: 1 }, 'StartTime must be before EndTime'],
])('GetMetricData does not pretend to answer %j', (input, message) => {
  expect(() => data(input)).toThrow(message);
});

test.each([
  [{}, ['a-low', 'a-high', 'b-low'], []],
  [{ AlarmNamePrefix: 'a-' }, ['a-low', 'a-high'], []],
  [{ AlarmNamePrefix: 'a-', StateValue: 'ALARM' }, ['a-low'], []],
  [{ AlarmNames: ['b-low'] }, ['b-low'], []],
  [{ AlarmTypes: ['CompositeAlarm'] }, [], ['a-all']],
  [{ AlarmTypes: ['CompositeAlarm', 'MetricAlarm'], StateValue: 'ALARM' }, ['a-low', 'b-low'], ['a-all']],
])('DescribeAlarms for %j', (input, metric, composite) => {
  const { MetricAlarms, CompositeAlarms } = result('DescribeAlarms', input);

  expect(MetricAlarms.map((each: Json) => each.AlarmName)).toEqual(metric);
  expect(CompositeAlarms.map((each: Json) => each.AlarmName)).toEqual(composite);
});

test('DescribeAlarms tells an alarm as it stands; tags are told elsewhere', () => {
  const settings = {
    AlarmRule: 'ALARM("a-low")',
    ActionsEnabled: false,
    AlarmActions: ['arn:aws:sns:us-east-1:000000000000:operations'],
  };
  const source = watched();
  source.alarms.add('CompositeAlarm', 'c-all', { ...settings, Tags: [{ Key: 'stage', Value: 'dev' }] });
  const describe = (AlarmNames: string[]): Json =>
    answerCloudWatch('DescribeAlarms', { AlarmNames, AlarmTypes: ['MetricAlarm', 'CompositeAlarm'] }, source);
  const always = (AlarmName: string) => ({
    AlarmName,
    AlarmArn: `arn:aws:cloudwatch:us-east-1:000000000000:alarm:${AlarmName}`,
    OKActions: [],
    InsufficientDataActions: [],
  });

  expect(describe(['a-low']).MetricAlarms).toEqual([
    {
      ...always('a-low'),
      ...alarm(1),
      ActionsEnabled: true,
      AlarmActions: [],
      StateValue: 'ALARM',
      StateReason: expect.stringContaining('Threshold Crossed'),
      StateUpdatedTimestamp: expect.any(Number),
      StateTransitionedTimestamp: expect.any(Number),
    },
  ]);
  expect(describe(['c-all']).CompositeAlarms).toEqual([
    { ...always('c-all'), ...settings, StateValue: 'INSUFFICIENT_DATA', StateReason: '' },
  ]);
});

describe('DescribeAlarmHistory', () => {
  const TOPIC = 'arn:aws:sns:us-east-1:000000000000:operations';
  function history(input: Json): Json[] {
    const source = watched();
    const alarm = source.alarms.list()[0] as Alarm;
    const notification = { alarm, topicArn: TOPIC, subject: 'ALARM', message: '{}' };
    for (const error of [undefined, 'CloudWatch Alarms is not authorized']) {
      source.alarms.history.action(notification, error);
    }
    return (answerCloudWatch('DescribeAlarmHistory', input, source) as Json).AlarmHistoryItems;
  }

  test('tells what happened, the latest first, with its details as JSON', () => {
    const [failed, done, update] = history({ AlarmName: 'a-low' });

    expect(update).toMatchObject({
      AlarmName: 'a-low',
      AlarmType: 'MetricAlarm',
      HistoryItemType: 'StateUpdate',
      HistorySummary: 'Alarm updated from INSUFFICIENT_DATA to ALARM',
    });
    expect(JSON.parse(update.HistoryData)).toEqual({
      version: '1.0',
      oldState: { stateValue: 'INSUFFICIENT_DATA', stateReason: '' },
      newState: { stateValue: 'ALARM', stateReason: expect.stringContaining('Threshold Crossed') },
    });
    expect(done).toMatchObject({
      HistoryItemType: 'Action',
      HistorySummary: `Successfully executed action ${TOPIC}`,
    });
    expect(JSON.parse(done.HistoryData)).toEqual({
      actionState: 'Succeeded',
      notificationResource: TOPIC,
      publishedMessage: '{}',
      error: null,
    });
    const error = 'CloudWatch Alarms is not authorized';
    expect(failed.HistorySummary).toBe(`Failed to execute action ${TOPIC}. Received error: "${error}"`);
    expect(JSON.parse(failed.HistoryData)).toMatchObject({
      actionState: 'Failed',
      publishedMessage: null,
      error,
    });
  });

  test.each([
    [{ AlarmName: 'a-low', HistoryItemType: 'Action' }, 2],
    [{ HistoryItemType: 'StateUpdate' }, 3],
    [{ AlarmTypes: ['CompositeAlarm'] }, 1],
    [{ AlarmName: 'a-low', MaxRecords: 2 }, 2],
    [{ AlarmName: 'a-low', EndDate: 1 }, 0],
    [{ AlarmName: 'a-low', StartDate: 1 }, 3],
  ])('chooses by %j', (input, count) => {
    expect(history(input)).toHaveLength(count);
  });
});

test.each([
  [{ AlarmName: 'nobody', StateValue: 'ALARM', StateReason: '' }, 'ResourceNotFound', 'nobody'],
  [{ AlarmName: 'a-low', StateValue: 'RED', StateReason: '' }, 'ValidationError', 'one of OK, ALARM'],
  [{ AlarmName: 'a-low', StateValue: 'OK' }, 'ValidationError', 'StateReason'],
])('SetAlarmState of %j is refused', (input, code, message) => {
  expect(() => answerCloudWatch('SetAlarmState', input, watched())).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});

test('DescribeAlarms goes page by page', () => {
  const first = result('DescribeAlarms', { MaxRecords: 2 });
  const second = result('DescribeAlarms', { MaxRecords: 2, NextToken: first.NextToken });

  expect(first.MetricAlarms).toHaveLength(2);
  expect(second.MetricAlarms).toHaveLength(1);
  expect(second.NextToken).toBeUndefined();
});
