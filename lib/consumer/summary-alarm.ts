import { AlarmRule, AlarmState, CompositeAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { alarmText } from '../../contract/alarm-text.ts';
import { notify, type OperationsAlarm } from '../alarms/operations-alarm.ts';
import { type About, type AlarmedConsumer, pagesOf } from './consumer-alarm.ts';

export interface SummaryAlarmProps {
  readonly of: AlarmedConsumer;
  /** Alarms that have one cause, as a rule. */
  readonly alarms: readonly OperationsAlarm[];
  /** What it means that one of them is in ALARM, as a sentence. */
  readonly meaning: string;
  /** Anchor of its article in the runbook. */
  readonly article: string;
  readonly about: About;
}

/**
 * A composite alarm that pages once for all of its alarms. While it is in ALARM it pages for none of them again:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html
 */
export class SummaryAlarm extends CompositeAlarm {
  readonly alarms: readonly OperationsAlarm[];

  constructor(scope: Construct, id: string, { of, alarms, meaning, article, about }: SummaryAlarmProps) {
    const { name, operations } = of;
    super(scope, id, {
      alarmRule: AlarmRule.anyOf(...alarms.map((alarm) => AlarmRule.fromAlarm(alarm, AlarmState.ALARM))),
      alarmDescription: alarmText(
        `${name}: ${meaning}`,
        `${operations.runbook}#${article}`,
        pagesOf(of, about),
      ),
    });
    this.alarms = alarms;
    notify(this, operations.pages);
  }
}
