// What CloudWatch keeps of an alarm's past: its changes of state, and what became of each notification.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_AlarmHistoryItem.html

import type { Alarm, AlarmState, AlarmType } from './alarm.ts';
import type { Notification } from './alarm-notification.ts';

/** One thing that happened to an alarm. */
export interface HistoryItem {
  readonly alarm: string;
  readonly alarmType: AlarmType;
  readonly type: 'StateUpdate' | 'Action';
  readonly summary: string;
  /** JSON. */
  readonly data: string;
  /** In real time, milliseconds since the epoch. */
  readonly real: number;
}

const MOST_SUMMARY = 255;

/** Oldest first. */
export class AlarmHistory {
  readonly items: HistoryItem[] = [];

  /** Records that an alarm has changed its state. */
  stateUpdate({ name, type, state, reason }: Alarm, before: { state: AlarmState; reason: string }): void {
    const stateOf = (stateValue: AlarmState, stateReason: string) => ({ stateValue, stateReason });
    this.add({
      alarm: name,
      alarmType: type,
      type: 'StateUpdate',
      summary: `Alarm updated from ${before.state} to ${state}`,
      data: JSON.stringify({
        version: '1.0',
        oldState: stateOf(before.state, before.reason),
        newState: stateOf(state, reason),
      }),
    });
  }

  /** Records that a notification was published, or why not. */
  action({ alarm, topicArn, message }: Notification, error: string | undefined): void {
    const failed = `Failed to execute action ${topicArn}. Received error: "${error}"`;
    this.add({
      alarm: alarm.name,
      alarmType: alarm.type,
      type: 'Action',
      summary: error === undefined ? `Successfully executed action ${topicArn}` : failed,
      data: JSON.stringify({
        actionState: error === undefined ? 'Succeeded' : 'Failed',
        notificationResource: topicArn,
        publishedMessage: error === undefined ? message : null,
        error: error ?? null,
      }),
    });
  }

  private add(item: Omit<HistoryItem, 'real'>): void {
    this.items.push({ ...item, summary: item.summary.slice(0, MOST_SUMMARY), real: Date.now() });
  }
}
