// The alarms of a stack: their states, and the notifications that a change of state sends.
import type { Json } from '../protocol/json.ts';
import type { Alarm, AlarmState, AlarmStatus, AlarmType, Evaluation, StateChange } from './alarm.ts';
import { AlarmHistory } from './alarm-history.ts';
import { ACTIONS, alarmArn, type Notification, notificationsOf, transition } from './alarm-notification.ts';
import { alarmsOf } from './alarm-rule.ts';
import { MetricAlarm } from './metric-alarm.ts';
import type { Metrics } from './metrics.ts';

const COMPOSITE_PROPERTIES = [
  ...ACTIONS,
  'ActionsEnabled',
  'AlarmDescription',
  'AlarmName',
  'AlarmRule',
  'Tags',
];

/** What changes at one moment. */
interface Round {
  readonly at: number;
  readonly changed: StateChange;
  readonly alarms: Set<Alarm>;
  readonly notifications: Notification[];
}

/** All begin with INSUFFICIENT_DATA, and change when they are evaluated, which is once a minute. */
export class Alarms {
  private readonly all = new Map<string, Alarm>();
  private readonly metricAlarms: { alarm: Alarm; evaluated: MetricAlarm }[] = [];
  readonly history = new AlarmHistory();
  private readonly compositeAlarms: { alarm: Alarm; children: Alarm[] }[] = [];

  /**
   * @param properties of AWS::CloudWatch::Alarm or AWS::CloudWatch::CompositeAlarm, resolved; the rule of a composite one
   *   names alarms that were added before
   * @returns its ARN
   * @throws Error naming what the local run does not know
   */
  add(type: AlarmType, name: string, properties: Record<string, Json>): string {
    checkActions(properties);
    const alarm: Alarm = {
      name,
      arn: alarmArn(name),
      type,
      description: properties.AlarmDescription,
      properties,
      state: 'INSUFFICIENT_DATA',
      reason: '',
    };
    if (type === 'MetricAlarm') this.metricAlarms.push({ alarm, evaluated: new MetricAlarm(properties) });
    else this.compositeAlarms.push({ alarm, children: this.childrenOf(properties) });
    this.all.set(name, alarm);
    return alarm.arn;
  }

  /** State by name. */
  states(): Record<string, AlarmState> {
    return Object.fromEntries([...this.all].map(([name, { state }]) => [name, state]));
  }

  list(): AlarmStatus[] {
    return [...this.all.values()];
  }

  /** For how long datapoints are needed: the most minutes that one of them evaluates. */
  get lookBackMinutes(): number {
    return Math.max(0, ...this.metricAlarms.map(({ evaluated }) => evaluated.minutes));
  }

  /**
   * Gives every alarm the state that the metrics put it in.
   * @param at end of the last whole minute, in milliseconds since the epoch
   * @returns the notifications of the changes of state, as they happened
   */
  evaluate(metrics: Metrics, at: number): Notification[] {
    const round = newRound(at);
    for (const { alarm, evaluated } of this.metricAlarms) {
      this.settle(alarm, evaluated.evaluate(metrics, at), round);
    }
    this.evaluateComposites(round);
    return round.notifications;
  }

  /**
   * Sets an alarm to a state, which it keeps until it is evaluated; on AWS a composite one keeps it until one of its alarms
   * changes.
   * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
   * @returns the notifications, and undefined where there is no such alarm
   */
  set(name: string, state: AlarmState, reason: string, at: number): Notification[] | undefined {
    const alarm = this.all.get(name);
    if (!alarm) return undefined;
    const round = newRound(at);
    this.settle(alarm, { state, reason: () => reason }, round);
    if (alarm.type === 'MetricAlarm') this.evaluateComposites(round);
    return round.notifications;
  }

  private evaluateComposites(round: Round): void {
    for (const { alarm, children } of this.compositeAlarms) {
      const changed = children.filter((each) => round.alarms.has(each));
      const state = children.some((each) => each.state === 'ALARM') ? 'ALARM' : 'OK';
      const reason = () => changed.map((each) => transition(each, round.at)).join(', ');
      this.settle(alarm, { state, reason }, round, changed);
    }
  }

  private settle(alarm: Alarm, { state, reason }: Evaluation, round: Round, children: Alarm[] = []): void {
    if (state === alarm.state) return;
    const before = { state: alarm.state, reason: alarm.reason };
    Object.assign(alarm, { state, reason: reason(), changed: round.changed });
    this.history.stateUpdate(alarm, before);
    round.alarms.add(alarm);
    round.notifications.push(...notificationsOf(alarm, before.state, children));
  }

  private childrenOf(properties: Record<string, Json>): Alarm[] {
    for (const property of Object.keys(properties)) {
      if (!COMPOSITE_PROPERTIES.includes(property)) {
        throw new Error(`the local run does not know the property ${property} of a composite alarm`);
      }
    }
    return alarmsOf(properties.AlarmRule).map((nameOrArn) => {
      const alarm = this.all.get(nameOrArn.replace(/^arn:.*:alarm:/, ''));
      if (!alarm) throw new Error(`its rule names ${nameOrArn}, which is no alarm of this stack`);
      return alarm;
    });
  }
}

const newRound = (at: number): Round => ({
  at,
  changed: { time: new Date(at).toISOString().replace('Z', '+0000'), real: Date.now() },
  alarms: new Set(),
  notifications: [],
});

function checkActions(properties: Record<string, Json>): void {
  for (const action of ACTIONS.flatMap((list): string[] => properties[list] ?? [])) {
    if (!/^arn:[^:]+:sns:/.test(action)) {
      throw new Error(`the local run does not know the alarm action ${action}, which is no topic`);
    }
  }
}
