import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  type IAlarm,
  type IMetric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { alarmText } from '../../contract/alarm-text.ts';
import { checkWithin } from '../checks/settings.ts';

export interface OperationsAlarmProps {
  readonly metric: IMetric;
  /** The alarm is in ALARM at this value, not only above it. */
  readonly threshold: number;
  /**
   * Periods looked at.
   * @default 1
   */
  readonly evaluationPeriods?: number;
  /**
   * How many of them must be over the threshold.
   * @default - all
   */
  readonly datapointsToAlarm?: number;
  /** What it means that the alarm is in ALARM, as a sentence. */
  readonly meaning: string;
  /** Anchor of its article in docs/runbook.md. */
  readonly article: string;
  /** Topic that is notified when the alarm goes into ALARM and when it returns to OK. */
  readonly operationsTopic: ITopic;
}

/** An alarm that says what it means and where to read on, and that treats missing data as not breaching. */
export class OperationsAlarm extends Alarm {
  constructor(scope: Construct, id: string, props: OperationsAlarmProps) {
    const settings: AlarmProps = {
      metric: props.metric,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: props.threshold,
      evaluationPeriods: props.evaluationPeriods ?? 1,
      ...(props.datapointsToAlarm && { datapointsToAlarm: props.datapointsToAlarm }),
      // SQS sends no metrics of a queue that has been idle for six hours.
      treatMissingData: TreatMissingData.NOT_BREACHING,
      alarmDescription: alarmText(props.meaning, props.article),
    };
    super(scope, id, settings);
    checkWithin(this, 'threshold', props.threshold, { min: 1, max: Number.POSITIVE_INFINITY });
    notify(this, props.operationsTopic);
  }
}

/** Notifies a topic when an alarm goes into ALARM and when it returns to OK. */
export function notify(alarm: Pick<Alarm, 'addAlarmAction' | 'addOkAction'> & IAlarm, topic: ITopic): void {
  alarm.addAlarmAction(new SnsAction(topic));
  alarm.addOkAction(new SnsAction(topic));
}
