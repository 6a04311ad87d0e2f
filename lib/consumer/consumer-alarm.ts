/** An alarm of a consumer: its text begins with the consumer's name and links to the pages of its queue and its function. */
import { AlarmRule, AlarmState, CompositeAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { alarmText } from '../../contract/alarm-text.ts';
import { functionPage, queuePage } from '../alarms/console-links.ts';
import type { Operations } from '../alarms/operations.ts';
import { notify, OperationsAlarm, type OperationsAlarmProps } from '../alarms/operations-alarm.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import type { Consumer } from './consumer.ts';

/** A consumer whose alarms are announced. */
export interface AlarmedConsumer {
  readonly consumer: Consumer;
  readonly operations: Operations;
}

/** Which of the consumer's queues an alarm is about. */
type About = 'queue' | 'deadLetterQueue';

interface ConsumerAlarmProps extends Omit<OperationsAlarmProps, 'operations' | 'links'> {
  /** @default - the queue */
  readonly about?: About;
}

export function consumerAlarm(
  scope: Construct,
  id: string,
  { consumer, operations }: AlarmedConsumer,
  { about = 'queue', ...props }: ConsumerAlarmProps,
): OperationsAlarm {
  const meaning = `${consumer.name}: ${props.meaning}`;
  return new OperationsAlarm(scope, id, { ...props, meaning, links: pagesOf(consumer, about), operations });
}

/**
 * Makes a composite alarm that pages once for all of its alarms, which as a rule have one cause. While it is in ALARM it pages for
 * none of them again: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html
 */
export function summaryAlarm(
  scope: Construct,
  id: string,
  { consumer, operations }: AlarmedConsumer,
  props: Pick<ConsumerAlarmProps, 'meaning' | 'article'> & {
    readonly alarms: readonly OperationsAlarm[];
    readonly about: About;
  },
): void {
  const article = `${operations.runbook}#${props.article}`;
  const summary = new CompositeAlarm(scope, id, {
    alarmRule: AlarmRule.anyOf(...props.alarms.map((alarm) => AlarmRule.fromAlarm(alarm, AlarmState.ALARM))),
    alarmDescription: alarmText(
      `${consumer.name}: ${props.meaning}`,
      article,
      pagesOf(consumer, props.about),
    ),
  });
  notify(summary, operations.pages);
  for (const alarm of props.alarms) {
    acknowledge(alarm, {
      'NIST.800.53.R5-CloudWatchAlarmAction': 'A composite alarm announces it, once for each cause.',
    });
  }
}

/** Name → address in the AWS console. */
function pagesOf(consumer: Consumer, about: About): Record<string, string> {
  return { Queue: queuePage(consumer[about]), Function: functionPage(consumer.function) };
}
