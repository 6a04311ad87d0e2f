// What the parts of the local CloudWatch say of an alarm.

import type { Json } from '../protocol/json.ts';
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html */
export const ALARM_STATES = ['OK', 'ALARM', 'INSUFFICIENT_DATA'] as const;
export type AlarmState = (typeof ALARM_STATES)[number];
export type AlarmType = 'MetricAlarm' | 'CompositeAlarm';

/** An alarm of the template, and the state it is in. */
export interface Alarm {
  readonly name: string;
  readonly arn: string;
  readonly type: AlarmType;
  readonly description: string | undefined;
  /** As in the template, resolved. */
  readonly properties: Record<string, Json>;
  state: AlarmState;
  /** Why it took its state; empty before the first change. */
  reason: string;
  /** When it took its state; undefined before the first change. */
  changed?: StateChange;
}
/** An alarm at the time of asking. */
export type AlarmStatus = Readonly<Alarm>;

/** When an alarm changed its state. */
export interface StateChange {
  /** On the alarms' own clock, in CloudWatch's form. */
  readonly time: string;
  /** In real time, milliseconds since the epoch. */
  readonly real: number;
}

/** What an evaluation finds. */
export interface Evaluation {
  readonly state: AlarmState;
  /** Made where the state changes. */
  reason(): string;
}
