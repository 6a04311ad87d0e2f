import { Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { atLeast } from '../../contract/alarm-text.ts';
import { topicPage } from './console-links.ts';
import type { Operations } from './operations.ts';
import { OperationsAlarm } from './operations-alarm.ts';

const FIVE_MINUTES = { period: Duration.minutes(5), statistic: Stats.SUM };

export interface TopicAlarmsProps {
  readonly topic: ITopic;
  /** The topic's name in the alarms' descriptions. */
  readonly name: string;
  readonly operations: Operations;
  /** Failed deliveries within 5 minutes. */
  readonly failedDeliveries: number;
  /** Messages within 5 minutes that filters cannot read, because attributes are malformed, or because there are none. */
  readonly unreadableAttributes: number;
}

/** The alarms of the topic: failed deliveries, and messages that no filter can read. What is lost pages, the rest is a notice. */
export class TopicAlarms extends Construct {
  constructor(scope: Construct, id: string, props: TopicAlarmsProps) {
    super(scope, id);
    const { topic, name, operations } = props;
    const common = { operations, links: { Topic: topicPage(topic) } };

    new OperationsAlarm(this, 'FailedDeliveries', {
      ...common,
      metric: topic.metricNumberOfNotificationsFailed(FIVE_MINUTES),
      threshold: props.failedDeliveries,
      meaning:
        `${name} topic: ${atLeast(props.failedDeliveries, 'delivery', 'deliveries')} failed within 5 minutes; what could not be ` +
        "delivered goes to the consumer's dead-letter queue.",
      article: 'failed-deliveries',
      announce: 'notices',
    });
    new OperationsAlarm(this, 'LostDeliveries', {
      ...common,
      metric: topic.metric('NumberOfNotificationsFailedToRedriveToDlq', FIVE_MINUTES),
      threshold: 1,
      meaning:
        `${name} topic: messages were lost within 5 minutes: neither the consumer's queue nor its dead-letter queue took ` +
        'them.',
      article: 'failed-deliveries',
      announce: 'pages',
    });
    // Such messages reach neither queue nor dead-letter queue: without an alarm nobody would know.
    const unreadable = {
      ...common,
      threshold: props.unreadableAttributes,
      article: 'unreadable-attributes',
      announce: 'pages',
    } as const;
    const reached = `${name} topic: ${atLeast(props.unreadableAttributes, 'message')} within 5 minutes reached no consumer`;
    new OperationsAlarm(this, 'InvalidAttributes', {
      ...unreadable,
      metric: topic.metricNumberOfNotificationsFilteredOutInvalidAttributes(FIVE_MINUTES),
      meaning: `${reached}, because of malformed attributes.`,
    });
    new OperationsAlarm(this, 'NoAttributes', {
      ...unreadable,
      metric: topic.metricNumberOfNotificationsFilteredOutNoMessageAttributes(FIVE_MINUTES),
      meaning: `${reached}, for want of attributes.`,
    });
  }
}
