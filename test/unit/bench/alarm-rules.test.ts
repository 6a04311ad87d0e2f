import { describe, expect, test } from '@jest/globals';
import { notDraining, oldestMessage, retrying } from '../../../bench/alarm-rules/rules.ts';
import { HARMFUL, HARMLESS } from '../../../bench/alarm-rules/scenarios.ts';
import { minutesOf, type Traffic } from '../../../bench/alarm-rules/traffic.ts';
import { type Outcome, type TrialOptions, trial } from '../../../bench/alarm-rules/trial.ts';

const DAYS = 2;
const rulesFor = (tooOld: number) => ({
  old: notDraining(tooOld),
  oldest: oldestMessage(tooOld, 10, 15),
  retention: oldestMessage(86_400, 3, 5),
  retrying: retrying(10, 3, 3),
});
type Rule = keyof ReturnType<typeof rulesFor>;

const outcomes = (
  traffic: Traffic,
  tooOld: number,
  options: Partial<TrialOptions> = {},
): Record<Rule, Outcome> => trial(traffic, rulesFor(tooOld), { days: DAYS, seed: 7, tooOld, ...options });

// What is not older than 300 s is not older than 900 s either.
test.each(Object.entries<Traffic>(HARMLESS))(
  'no new rule goes off at %s, with datapoints missing or without',
  (_, traffic) => {
    for (const missing of [0, 0.1]) {
      const { oldest, retention, retrying: failing } = outcomes(traffic, 300, { missing });

      expect([oldest.alarms, retention.alarms, failing.alarms]).toEqual([0, 0, 0]);
    }
  },
);

describe.each([300, 900])('where messages older than %d s are too old', (tooOld) => {
  test.each<keyof typeof HARMFUL>([
    'the orders of an hour at once',
    '100 %, behind by half an hour',
    '105 %',
    'a stalled consumer',
    'one message a minute',
    'one message a minute, nothing new',
  ])('the new rule says within ten minutes that messages are: %s', (name) => {
    const { oldest } = outcomes(HARMFUL[name], tooOld);

    expect(oldest.late).toBeGreaterThan(0);
    expect(oldest.silent).toBeLessThan(10);
  });
});

test('the old rule never sees a backlog that one message a minute is taken off, and orders expire', () => {
  const { old, oldest } = outcomes(HARMFUL['one message a minute, nothing new'], 900);

  expect(old.alarms).toBe(0);
  expect(oldest.alarms).toBe(1);
});

test('the old rule flaps at 100 %, and the new one changes once', () => {
  const { old, oldest } = outcomes(HARMFUL['100 %, behind by half an hour'], 900);

  expect(old.changesADay).toBeGreaterThan(100);
  expect(oldest.changesADay * DAYS).toBe(1);
});

test('a tenth of the datapoints missing makes all of fifteen flap, and not ten of them', () => {
  const rules = { all: oldestMessage(300, 15, 15), ten: oldestMessage(300, 10, 15) };
  const options = { days: DAYS, seed: 7, tooOld: 300, missing: 0.1 };

  const { all, ten } = trial(HARMFUL['a stalled consumer'], rules, options);

  expect(all.changesADay).toBeGreaterThan(20);
  expect(ten.changesADay * DAYS).toBeLessThanOrEqual(3);
});

test('a quarter of the retention is reached, and said, three days before messages expire', () => {
  const { retention } = outcomes(HARMFUL['a stalled consumer'], 86_400);

  expect(retention).toMatchObject({ alarms: 1, silent: 2 });
});

test('while a dependency is away no age is too old, and the tries that fail say so within a quarter of an hour', () => {
  const {
    old,
    oldest,
    retention,
    retrying: failing,
  } = outcomes(HARMFUL['a dependency away for 2 hours'], 60);

  expect([old.alarms, oldest.alarms, retention.alarms]).toEqual([0, 0, 0]);
  expect(failing.alarms).toBe(DAYS);
  expect(failing.first).toBeLessThan(15);
});

test('two of three periods of failed tries would go off for two minutes without a dependency', () => {
  const rules = { two: retrying(10, 2, 3), three: retrying(10, 3, 3) };

  const { two, three } = trial(HARMLESS['a dependency away for 2 minutes'], rules, {
    days: DAYS,
    seed: 7,
    tooOld: 300,
  });

  expect(two.alarms).toBeGreaterThan(0);
  expect(three.alarms).toBe(0);
});

describe('traffic', () => {
  const days = (traffic: Traffic, seed = 1) => [...minutesOf(traffic, 1, seed)];

  test('is the same for the same seed', () => {
    const traffic = HARMLESS['95 %'];

    expect(days(traffic)).toEqual(days(traffic));
    expect(days(traffic, 2)).not.toEqual(days(traffic));
  });

  test('of a stalled consumer grows older by a minute each minute, and ends with the retention', () => {
    const traffic = { ...HARMFUL['a stalled consumer'], load: () => 0.05 };
    const ages = [...minutesOf(traffic, 5, 1)].map(({ age }) => age);

    expect((ages[1_000] ?? 0) - (ages[900] ?? 0)).toBeCloseTo(6_000, -2);
    expect(Math.max(...ages)).toBeGreaterThan(3.9 * 86_400);
    expect(Math.max(...ages)).toBeLessThan(4.1 * 86_400);
  });

  test('without its dependency is old, in flight, and too often received for the age metric', () => {
    const twoHours = days(HARMFUL['a dependency away for 2 hours']).slice(180, 300);

    expect(twoHours.at(-1)).toMatchObject({ age: 45, visible: 0 });
    expect(twoHours.at(-1)?.trueAge).toBeGreaterThan(7_000);
    expect(twoHours.at(-1)?.inFlight).toBeGreaterThan(3_000);
    expect(Math.min(...twoHours.slice(10).map(({ retried }) => retried))).toBeGreaterThan(100);
  });
});
