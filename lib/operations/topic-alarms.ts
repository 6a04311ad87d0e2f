import { Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { OperationsAlarm } from './operations-alarm.ts';

const FIVE_MINUTES = { period: Duration.minutes(5), statistic: Stats.SUM };

export interface TopicAlarmsProps {
  readonly topic: ITopic;
  /** The topic's name in the alarms' descriptions. */
  readonly name: string;
  readonly operationsTopic: ITopic;
  /** Failed deliveries within 5 minutes. */
  readonly failedDeliveries: number;
  /** Messages within 5 minutes that filters cannot read, because attributes are malformed, or because there are none. */
  readonly unreadableAttributes: number;
}

/** The alarms of the topic: failed deliveries, and messages that no filter can read. */
export class TopicAlarms extends Construct {
  constructor(scope: Construct, id: string, props: TopicAlarmsProps) {
    super(scope, id);
    const { topic, name, operationsTopic } = props;

    new OperationsAlarm(this, 'FailedDeliveries', {
      metric: topic.metricNumberOfNotificationsFailed(FIVE_MINUTES),
      threshold: props.failedDeliveries,
      meaning:
        `${name} topic: ${props.failedDeliveries} deliveries or more failed within 5 minutes; ` +
        "the messages are in the consumer's dead-letter queue.",
      article: 'failed-deliveries',
      operationsTopic,
    });
    // Such messages reach neither queue nor dead-letter queue: without an alarm nobody would know.
    const unreadable = {
      threshold: props.unreadableAttributes,
      article: 'unreadable-attributes',
      operationsTopic,
    };
    const atLeast = `${name} topic: ${props.unreadableAttributes} messages or more within 5 minutes reached no consumer`;
    new OperationsAlarm(this, 'InvalidAttributes', {
      ...unreadable,
      metric: topic.metricNumberOfNotificationsFilteredOutInvalidAttributes(FIVE_MINUTES),
      meaning: `${atLeast}, because their attributes are malformed.`,
    });
    new OperationsAlarm(this, 'NoAttributes', {
      ...unreadable,
      metric: topic.metricNumberOfNotificationsFilteredOutNoMessageAttributes(FIVE_MINUTES),
      meaning: `${atLeast}, because they have no attributes.`,
    });
  }
}
