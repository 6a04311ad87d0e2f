// Holds rules against traffic, with the local run's own CloudWatch.
import { Alarms } from '../../local/cloudwatch/alarms.ts';
import { LateDatapoints } from '../../local/cloudwatch/late-metrics.ts';
import { Metrics } from '../../local/cloudwatch/metrics.ts';
import type { Json } from '../../local/json.ts';
import { CONSUMER } from './rules.ts';
import { minutesOf, type Traffic } from './traffic.ts';

/** What a rule did about one traffic. */
export interface Outcome {
  readonly changesADay: number;
  /** How often it went to ALARM. */
  readonly alarms: number;
  /** Minutes in which the oldest message was really too old. */
  readonly late: number;
  /** The most of them in a row without ALARM. */
  readonly silent: number;
  /** Minutes from the first of them to the first ALARM; undefined where there is none. */
  readonly first: number | undefined;
}

export interface TrialOptions {
  readonly days: number;
  readonly seed: number;
  /** Seconds from which on a message that is not processed is too old. */
  readonly tooOld: number;
  /** Share of SQS's datapoints that never arrive. @default 0 */
  readonly missing?: number;
}

const QUEUE = { QueueName: 'work' };
const MINUTE = 60_000;

/** @param rules properties of AWS::CloudWatch::Alarm, by name */
export function trial<Name extends string>(
  traffic: Traffic,
  rules: Record<Name, Json>,
  { days, seed, tooOld, missing = 0 }: TrialOptions,
): Record<Name, Outcome> {
  const alarms = new Alarms();
  const metrics = new Metrics();
  const arriving = new LateDatapoints({ minutes: 0, missing, seed });
  const names = Object.keys(rules) as Name[];
  for (const name of names) alarms.add('MetricAlarm', name, rules[name]);
  const inAlarm: boolean[][] = names.map(() => []);
  const late: boolean[] = [];
  for (const { age, trueAge, visible, inFlight, retried } of minutesOf(traffic, days, seed)) {
    const points = Object.entries({
      ApproximateAgeOfOldestMessage: age,
      ApproximateNumberOfMessagesVisible: visible,
      ApproximateNumberOfMessagesNotVisible: inFlight,
    }).map(([metric, value]) => ({ metric, value, minutesAgo: 0 }));
    for (const { metric, value } of arriving.arriving(QUEUE.QueueName, true, points)) {
      metrics.add('AWS/SQS', metric, QUEUE, value);
    }
    if (retried > 0) metrics.add('OrderFanOut', 'Retried', CONSUMER, retried);
    metrics.endMinute(alarms.lookBackMinutes);
    alarms.evaluate(metrics, late.length * MINUTE);
    const states = alarms.states();
    for (const [index, name] of names.entries()) inAlarm[index]?.push(states[name] === 'ALARM');
    late.push(trueAge >= tooOld);
  }
  const outcomes = names.map((name, index) => [name, outcome(inAlarm[index] ?? [], late, days)]);
  return Object.fromEntries(outcomes) as Record<Name, Outcome>;
}

function outcome(inAlarm: boolean[], late: boolean[], days: number): Outcome {
  let silent = 0;
  let inARow = 0;
  for (const [minute, isLate] of late.entries()) {
    inARow = isLate && !inAlarm[minute] ? inARow + 1 : 0;
    silent = Math.max(silent, inARow);
  }
  const firstLate = late.indexOf(true);
  const firstAlarm = firstLate < 0 ? -1 : inAlarm.indexOf(true, firstLate);
  return {
    changesADay: inAlarm.filter((is, minute) => is !== (inAlarm[minute - 1] ?? false)).length / days,
    alarms: inAlarm.filter((is, minute) => is && !inAlarm[minute - 1]).length,
    late: late.filter((is) => is).length,
    silent,
    first: firstAlarm < 0 ? undefined : firstAlarm - firstLate,
  };
}
