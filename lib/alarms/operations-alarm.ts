import {
  Alarm,
  type AlarmBase,
  type AlarmProps,
  ComparisonOperator,
  type IMetric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { alarmText } from '../../contract/alarm-text.ts';
import { checkWithin } from '../settings/validation.ts';
import type { Operations } from './operations.ts';

export interface OperationsAlarmProps {
  readonly metric: IMetric;
  /** The alarm is in ALARM at this value, not only above it. */
  readonly threshold: number;
  /**
   * Number of periods evaluated.
   * @default 1
   */
  readonly evaluationPeriods?: number | undefined;
  /**
   * How many of them must breach.
   * @default - all
   */
  readonly datapointsToAlarm?: number | undefined;
  /**
   * Whether the alarm is in ALARM below the threshold instead, and if data is missing.
   * @default false
   */
  readonly below?: boolean | undefined;
  /** What it means that the alarm is in ALARM, as a sentence. */
  readonly meaning: string;
  /** Anchor of its article in the runbook. */
  readonly article: string;
  /** Pages of the console: name → address. */
  readonly links: Readonly<Record<string, string>>;
  readonly operations: Operations;
  /**
   * The topic of `operations` that is notified when the alarm goes into ALARM and when it returns to OK.
   * @default - none: a composite alarm announces it
   */
  readonly announce?: 'pages' | 'notices' | undefined;
}

/** An alarm that says what it means, where to read on and where to look. */
export class OperationsAlarm extends Alarm {
  constructor(scope: Construct, id: string, props: OperationsAlarmProps) {
    const { operations, announce, below = false } = props;
    const settings: AlarmProps = {
      metric: props.metric,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: props.threshold,
      evaluationPeriods: props.evaluationPeriods ?? 1,
      ...(props.datapointsToAlarm && { datapointsToAlarm: props.datapointsToAlarm }),
      // SQS sends no metrics of a queue that has been idle for six hours, and a function sends its own only when it has something
      // to report.
      treatMissingData: below ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
      alarmDescription: alarmText(props.meaning, `${operations.runbook}#${props.article}`, props.links),
    };
    super(scope, id, settings);
    checkWithin(this, 'threshold', props.threshold, { min: 1, max: Number.POSITIVE_INFINITY });
    if (announce) notify(this, operations[announce]);
  }
}

/** Notifies a topic when an alarm goes into ALARM and when it returns to OK. */
export function notify(alarm: AlarmBase, topic: ITopic): void {
  alarm.addAlarmAction(new SnsAction(topic));
  alarm.addOkAction(new SnsAction(topic));
}
