import { describe, expect, test } from '@jest/globals';
import type { AlarmState } from '../../../src/cloudwatch/alarm.ts';
import { Alarms } from '../../../src/cloudwatch/alarms.ts';
import { Metrics } from '../../../src/cloudwatch/metrics.ts';

const TOPIC = 'arn:aws:sns:us-east-1:000000000000:operations';
/** A moment that ends a minute. */
const START = Date.UTC(2026, 10, 11, 2, 45);
const MINUTE = 60_000;

const properties = {
  Namespace: 'Plant',
  MetricName: 'Heat',
  Statistic: 'Maximum',
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 10,
  ComparisonOperator: 'GreaterThanOrEqualToThreshold',
  AlarmActions: [TOPIC],
  OKActions: [TOPIC],
};
const metric = (Id: string, MetricName: string) => ({
  Id,
  MetricStat: { Metric: { Namespace: 'Plant', MetricName }, Period: 60, Stat: 'Sum' },
  ReturnData: false,
});

/** Alarms on metrics of the namespace Plant, whose minutes go by as they are told. */
function plant() {
  const alarms = new Alarms();
  const metrics = new Metrics();
  let at = START;
  return {
    alarms,
    /** A minute with these values; returns the notifications that it brought. */
    minute(values: Record<string, number | number[] | undefined> = {}) {
      for (const [name, given] of Object.entries(values)) {
        for (const value of [given ?? []].flat()) metrics.add('Plant', name, {}, value);
      }
      at += MINUTE;
      metrics.endMinute(alarms.lookBackMinutes);
      return alarms
        .evaluate(metrics, at)
        .map(({ topicArn, subject, message }) => ({ topicArn, subject, message: JSON.parse(message) }));
    },
  };
}

describe("missing datapoints, by the tables of CloudWatch's user guide", () => {
  const treatments = ['missing', 'breaching', 'notBreaching'];

  test.each([
    ['0 - X - X', ['OK', 'OK', 'OK']],
    ['0 - - - -', ['OK', 'OK', 'OK']],
    ['- - - - -', ['INSUFFICIENT_DATA', 'ALARM', 'OK']],
    ['0 X X - X', ['ALARM', 'ALARM', 'ALARM']],
    ['- - X - -', ['ALARM', 'ALARM', 'OK']],
  ])('3 out of 3: %s', (points, states) => {
    const given = treatments.map((TreatMissingData) =>
      stateOfRange(points, { EvaluationPeriods: 3, TreatMissingData }),
    );

    expect(given).toEqual(states);
  });

  test.each([
    ['0 - X - X', ['ALARM', 'ALARM', 'ALARM']],
    ['0 0 X 0 X', ['ALARM', 'ALARM', 'ALARM']],
    ['0 - X - -', ['OK', 'ALARM', 'OK']],
    ['- - - - 0', ['OK', 'ALARM', 'OK']],
    ['- - - X -', ['ALARM', 'ALARM', 'OK']],
    ['X X 0 0 X', ['OK', 'OK', 'OK']],
  ])('2 out of 3: %s', (points, states) => {
    const given = treatments.map((TreatMissingData) =>
      stateOfRange(points, { EvaluationPeriods: 3, DatapointsToAlarm: 2, TreatMissingData }),
    );

    expect(given).toEqual(states);
  });

  test('a single bad datapoint after a gap is not yet an alarm that wants three', () => {
    expect(stateOfRange('- - - - X', { EvaluationPeriods: 3 })).toBe('OK');
    expect(stateOfRange('- - - X -', { EvaluationPeriods: 3 })).toBe('OK');
  });

  /** The state that five datapoints give an alarm that has never been evaluated. */
  function stateOfRange(points: string, settings: object): string {
    const alarms = new Alarms();
    const metrics = new Metrics();
    alarms.add('MetricAlarm', 'hot', { ...properties, ...settings });
    for (const point of points.split(' ')) {
      if (point !== '-') metrics.add('Plant', 'Heat', {}, point === 'X' ? 10 : 9);
      metrics.endMinute(alarms.lookBackMinutes);
    }
    alarms.evaluate(metrics, START);
    return alarms.states().hot as string;
  }
});

describe('an alarm on one metric', () => {
  test.each([
    ['GreaterThanOrEqualToThreshold', [9, 10, 11], ['OK', 'ALARM', 'ALARM']],
    ['GreaterThanThreshold', [9, 10, 11], ['OK', 'OK', 'ALARM']],
    ['LessThanOrEqualToThreshold', [9, 10, 11], ['ALARM', 'ALARM', 'OK']],
    ['LessThanThreshold', [9, 10, 11], ['ALARM', 'OK', 'OK']],
  ])('%s', (ComparisonOperator, values, states) => {
    const given = values.map((Heat) => {
      const { alarms, minute } = plant();
      alarms.add('MetricAlarm', 'hot', { ...properties, ComparisonOperator });
      minute({ Heat });
      return alarms.states().hot;
    });

    expect(given).toEqual(states);
  });

  test.each([
    ['Sum', 13],
    ['Average', 6.5],
    ['Maximum', 8],
    ['Minimum', 5],
    ['SampleCount', 2],
  ])('%s over a period of two minutes', (Statistic, value) => {
    const stateAt = (Threshold: number) => {
      const { alarms, minute } = plant();
      alarms.add('MetricAlarm', 'hot', { ...properties, Statistic, Period: 120, Threshold });
      minute({ Heat: 100 });
      minute({ Heat: 8 });
      minute({ Heat: 5 });
      return alarms.states().hot;
    };

    expect([stateAt(value), stateAt(value + 0.5)]).toEqual(['ALARM', 'OK']);
  });

  test('looks at its own dimensions only', () => {
    const alarms = new Alarms();
    const metrics = new Metrics();
    alarms.add('MetricAlarm', 'north', { ...properties, Dimensions: [{ Name: 'Hall', Value: 'north' }] });
    alarms.add('MetricAlarm', 'south', { ...properties, Dimensions: [{ Name: 'Hall', Value: 'south' }] });
    metrics.add('Plant', 'Heat', { Hall: 'north' }, 50);
    metrics.endMinute(alarms.lookBackMinutes);

    alarms.evaluate(metrics, START);

    expect(alarms.states()).toEqual({ north: 'ALARM', south: 'INSUFFICIENT_DATA' });
  });
});

test('an alarm on a percentile is in ALARM when too many values are over the threshold', () => {
  const { Statistic: _, ...others } = properties;
  const { alarms, minute } = plant();
  alarms.add('MetricAlarm', 'slow', { ...others, ExtendedStatistic: 'p90' });
  alarms.add('MetricAlarm', 'slower', { ...others, ExtendedStatistic: 'p89' });

  minute({ Heat: [...Array(10).fill(10), ...Array(90).fill(9)] });
  const before = alarms.states();
  minute({ Heat: [...Array(11).fill(10), ...Array(89).fill(9)] });

  expect(before).toEqual({ slow: 'OK', slower: 'OK' });
  expect(alarms.states()).toEqual({ slow: 'ALARM', slower: 'OK' });
});

describe('an alarm on metric math', () => {
  const growing = {
    Metrics: [
      { Id: 'expr_1', Expression: 'DIFF(letters)', ReturnData: true },
      { Id: 'letters', Expression: 'visible + inFlight', ReturnData: false },
      metric('visible', 'Visible'),
      metric('inFlight', 'InFlight'),
    ],
    EvaluationPeriods: 1,
    Threshold: 1,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    TreatMissingData: 'notBreaching',
    AlarmActions: [TOPIC],
  };

  test('growth is no growth at the first datapoint, fires, ends, and fires again while the old ones lie there', () => {
    const { alarms, minute } = plant();
    alarms.add('MetricAlarm', 'growing', growing);

    const states = [undefined, undefined, 3, 3, 4, 4, 5, 7, 7, 2, 3].map((Visible) => {
      minute({ Visible, InFlight: Visible === undefined ? undefined : 0 });
      return alarms.states().growing;
    });

    expect(states).toEqual(['OK', 'OK', 'OK', 'OK', 'ALARM', 'OK', 'ALARM', 'ALARM', 'OK', 'OK', 'ALARM']);
  });

  test.each([
    [
      'no metric is returned',
      { Metrics: [metric('a', 'A')] },
      '0 of its metrics have ReturnData, where one must',
    ],
    [
      'an id is not there',
      { Metrics: [{ Id: 'e', Expression: 'a + b' }, metric('a', 'A')] },
      'no metric or expression has the id b',
    ],
    [
      'an unknown expression',
      { Metrics: [{ Id: 'e', Expression: 'SEARCH(a)' }, metric('a', 'A')] },
      'the metric math SEARCH(a)',
    ],
    ['an unknown statistic', { Statistic: 'tm99' }, 'the statistic tm99'],
    [
      'an unknown extended statistic',
      { Statistic: undefined, ExtendedStatistic: 'IQM' },
      'the statistic IQM',
    ],
    ['an unknown property', { ThresholdMetricId: 'band' }, 'the property ThresholdMetricId of an alarm'],
    [
      'an unknown comparison',
      { ComparisonOperator: 'EqualToThreshold' },
      'ComparisonOperator EqualToThreshold',
    ],
    [
      'an unknown treatment',
      { TreatMissingData: 'good' },
      'TreatMissingData good is not one of missing, breaching',
    ],
    ['seconds', { Period: 10 }, 'periods of 10 s'],
    [
      'an action that is no topic',
      { AlarmActions: ['arn:aws:lambda:x'] },
      'the alarm action arn:aws:lambda:x',
    ],
  ])('%s is named when the alarm is made', (_, settings, problem) => {
    expect(() => new Alarms().add('MetricAlarm', 'odd', { ...properties, ...settings })).toThrow(problem);
  });
});

describe('a composite alarm', () => {
  /** Its state where the alarms a, b and c are on, off or never heard of. */
  function stateOf(rule: string): string {
    const { alarms, minute } = plant();
    const arn = alarms.add('MetricAlarm', 'a', { ...properties, MetricName: 'A' });
    alarms.add('MetricAlarm', 'b', { ...properties, MetricName: 'B' });
    alarms.add('MetricAlarm', 'c', { ...properties, MetricName: 'C' });
    alarms.add('CompositeAlarm', 'all', { AlarmRule: rule.replace('<arn of a>', arn) });
    minute({ A: 10, B: 9 });
    return alarms.states().all as string;
  }

  test.each([
    ['ALARM("a")', 'ALARM'],
    ['ALARM("<arn of a>")', 'ALARM'],
    ['ALARM(b)', 'OK'],
    ['ALARM("c")', 'OK'],
    ['(ALARM("b") OR ALARM("c") OR ALARM("a"))', 'ALARM'],
  ])('%s is %s', (rule, state) => {
    expect(stateOf(rule)).toBe(state);
  });

  test.each([
    ['ALARM("nobody")', 'its rule names nobody, which is no alarm of this stack'],
    ...[
      'ALARM("a") AND ALARM("b")',
      'NOT ALARM("a")',
      'OK("a")',
      'TRUE',
      'ALARM("a") ALARM("b")',
      'ALARM("a"',
    ].map((rule) => [rule, `does not know the alarm rule ${rule}: it knows ALARM("a") OR`] as const),
  ])('%s is refused', (rule, problem) => {
    expect(() => stateOf(rule)).toThrow(problem);
  });

  test('a property that is not known is named', () => {
    expect(() =>
      new Alarms().add('CompositeAlarm', 'all', {
        AlarmRule: 'ALARM("a")',
        ActionsSuppressor: 'maintenance',
      }),
    ).toThrow('the property ActionsSuppressor of a composite alarm');
  });
});

describe('an alarm that is set by hand', () => {
  function pair() {
    const stack = plant();
    stack.alarms.add('MetricAlarm', 'hot', { ...properties, Tags: [{ Key: 'stage', Value: 'dev' }] });
    stack.alarms.add('CompositeAlarm', 'unwell', {
      AlarmRule: 'ALARM("hot")',
      AlarmActions: [TOPIC],
      Tags: [{ Key: 'stage', Value: 'dev' }],
    });
    stack.minute({ Heat: 1 });
    const set = (name: string, state: AlarmState) =>
      stack.alarms.set(name, state, 'a trial', START)?.map(({ subject }) => subject);
    return { ...stack, set };
  }

  test('takes its action and those of the composite alarms above it, and is what it was after the next minute', () => {
    const { alarms, minute, set } = pair();

    const said = set('hot', 'ALARM');
    const between = alarms.states();
    minute({ Heat: 1 });

    expect(said).toEqual([
      'ALARM: "hot" in US East (N. Virginia)',
      'ALARM: "unwell" in US East (N. Virginia)',
    ]);
    expect(between).toEqual({ hot: 'ALARM', unwell: 'ALARM' });
    expect(alarms.states()).toEqual({ hot: 'OK', unwell: 'OK' });
  });

  test('takes no action where it is in that state already', () => {
    expect(pair().set('hot', 'OK')).toEqual([]);
  });

  test('and is a composite one keeps its state until the next minute', () => {
    const { alarms, minute, set } = pair();

    const said = set('unwell', 'ALARM');
    const between = alarms.states();
    minute({ Heat: 1 });

    expect(said).toEqual(['ALARM: "unwell" in US East (N. Virginia)']);
    expect(between).toEqual({ hot: 'OK', unwell: 'ALARM' });
    expect(alarms.states().unwell).toBe('OK');
  });
});

describe('a change of state', () => {
  test('announces itself as CloudWatch does, for an alarm on one metric', () => {
    const { alarms, minute } = plant();
    alarms.add('MetricAlarm', 'hot', {
      ...properties,
      AlarmDescription: 'Too hot.',
      Dimensions: [{ Name: 'Hall', Value: 'north' }],
      TreatMissingData: 'notBreaching',
    });

    const [announced, ...others] = minute();

    expect(others).toEqual([]);
    expect(announced).toEqual({
      topicArn: TOPIC,
      subject: 'OK: "hot" in US East (N. Virginia)',
      message: {
        AlarmName: 'hot',
        AlarmDescription: 'Too hot.',
        AWSAccountId: '000000000000',
        NewStateValue: 'OK',
        NewStateReason:
          'Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].',
        StateChangeTime: '2026-11-11T02:46:00.000+0000',
        Region: 'US East (N. Virginia)',
        AlarmArn: 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:hot',
        OldStateValue: 'INSUFFICIENT_DATA',
        OKActions: [TOPIC],
        AlarmActions: [TOPIC],
        InsufficientDataActions: [],
      },
    });
  });

  test('gives the datapoints that decided it', () => {
    const { alarms, minute } = plant();
    alarms.add('MetricAlarm', 'hot', { ...properties, EvaluationPeriods: 3, DatapointsToAlarm: 2 });

    minute({ Heat: 12 });
    minute({ Heat: 1 });
    const [on] = minute({ Heat: 12.5 });
    const [off] = minute({ Heat: 3 });

    expect(on?.message.NewStateReason).toBe(
      'Threshold Crossed: 2 out of the last 3 datapoints [12.5 (11/11/26 02:47:00), 12.0 (11/11/26 02:45:00)] were greater than or equal to the threshold (10.0).',
    );
    expect(off?.message.NewStateReason).toBe(
      'Threshold Crossed: 2 out of the last 3 datapoints [3.0 (11/11/26 02:48:00), 1.0 (11/11/26 02:46:00)] were not greater than or equal to the threshold (10.0).',
    );
  });

  test('of a composite alarm names the alarms that brought it about', () => {
    const { alarms, minute } = plant();
    const arn = alarms.add('MetricAlarm', 'hot', properties);
    alarms.add('MetricAlarm', 'wet', { ...properties, MetricName: 'Water' });
    alarms.add('CompositeAlarm', 'unwell', {
      AlarmRule: 'ALARM("hot") OR ALARM("wet")',
      AlarmActions: [TOPIC],
    });
    minute({ Heat: 1, Water: 1 });

    const announced = minute({ Heat: 10, Water: 1 });

    expect(announced.map(({ subject }) => subject)).toEqual([
      'ALARM: "hot" in US East (N. Virginia)',
      'ALARM: "unwell" in US East (N. Virginia)',
    ]);
    expect(announced[1]?.message).toEqual({
      AlarmName: 'unwell',
      AlarmDescription: null,
      AWSAccountId: '000000000000',
      NewStateValue: 'ALARM',
      NewStateReason: `${arn} transitioned to ALARM at Wednesday 11 November, 2026 02:47:00 UTC`,
      StateChangeTime: '2026-11-11T02:47:00.000+0000',
      Region: 'US East (N. Virginia)',
      AlarmArn: 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:unwell',
      OldStateValue: 'OK',
      OKActions: [],
      AlarmActions: [TOPIC],
      InsufficientDataActions: [],
      AlarmRule: 'ALARM("hot") OR ALARM("wet")',
      TriggeringChildren: [
        { Arn: arn, State: { Value: 'ALARM', Timestamp: '2026-11-11T02:47:00.000+0000' } },
      ],
    });
  });

  test('goes to the actions of the new state only, and to none that are switched off', () => {
    const { alarms, minute } = plant();
    alarms.add('MetricAlarm', 'one-way', { ...properties, OKActions: [] });
    alarms.add('MetricAlarm', 'silent', { ...properties, ActionsEnabled: false });

    const subjects = [1, 10, 10, 1].map((Heat) => minute({ Heat }).map(({ subject }) => subject));

    expect(subjects).toEqual([[], ['ALARM: "one-way" in US East (N. Virginia)'], [], []]);
  });

  test('to knowing nothing has a reason and actions of its own', () => {
    const { alarms, minute } = plant();
    alarms.add('MetricAlarm', 'quiet', { ...properties, InsufficientDataActions: [TOPIC] });
    minute({ Heat: 1 });

    const announced = [minute(), minute(), minute()].flat();

    expect(announced.map(({ message }) => [message.NewStateValue, message.NewStateReason])).toEqual([
      ['INSUFFICIENT_DATA', 'Insufficient Data: 1 datapoint was unknown.'],
    ]);
  });
});
