// What an alarm sends to its topics when it changes its state.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html

import { ACCOUNT, REGION } from '../client/account.ts';
import type { Alarm, AlarmState } from './alarm.ts';

/** A message that an alarm sends to a topic. */
export interface Notification {
  alarm: Alarm;
  topicArn: string;
  subject: string;
  message: string;
}

const REGION_NAME = 'US East (N. Virginia)';
/** https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const SUBJECT_LENGTH = 100;
/** The properties that name what an alarm does. */
export const ACTIONS = ['OKActions', 'AlarmActions', 'InsufficientDataActions'] as const;
const ACTIONS_OF = {
  OK: 'OKActions',
  ALARM: 'AlarmActions',
  INSUFFICIENT_DATA: 'InsufficientDataActions',
} as const;

/** The ARN of the alarm with this name. */
export const alarmArn = (name: string) => `arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm:${name}`;

/**
 * The notifications of an alarm that has changed its state, one a topic; none where its actions are switched off. The messages
 * of metric alarms have no `Trigger`.
 * @param children those that have changed a composite alarm
 */
export function notificationsOf(alarm: Alarm, oldState: AlarmState, children: Alarm[]): Notification[] {
  const { name, arn, type, properties, state, reason, changed } = alarm;
  if (properties.ActionsEnabled === false) return [];
  const message = JSON.stringify({
    AlarmName: name,
    AlarmDescription: properties.AlarmDescription ?? null,
    AWSAccountId: ACCOUNT,
    NewStateValue: state,
    NewStateReason: reason,
    StateChangeTime: changed?.time,
    Region: REGION_NAME,
    AlarmArn: arn,
    OldStateValue: oldState,
    ...Object.fromEntries(ACTIONS.map((list) => [list, properties[list] ?? []])),
    ...(type === 'CompositeAlarm' && {
      AlarmRule: properties.AlarmRule,
      TriggeringChildren: children.map((each) => ({
        Arn: each.arn,
        State: { Value: each.state, Timestamp: each.changed?.time },
      })),
    }),
  });
  const subject = `${state}: "${name}" in ${REGION_NAME}`.slice(0, SUBJECT_LENGTH);
  const topics: string[] = properties[ACTIONS_OF[state]] ?? [];
  return topics.map((topicArn) => ({ alarm, topicArn, subject, message }));
}

/** `arn:… transitioned to ALARM at Wednesday 10 November, 2021 02:45:55 UTC` */
export function transition({ arn, state }: Alarm, at: number): string {
  const part = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options }).format(at);
  const date = `${part({ weekday: 'long' })} ${part({ day: '2-digit' })} ${part({ month: 'long' })}`;
  const time = part({ hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  return `${arn} transitioned to ${state} at ${date}, ${part({ year: 'numeric' })} ${time} UTC`;
}
