import { Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { atLeast } from '../../contract/alarm-text.ts';
import { queuePage, topicPage } from '../alarms/console-links.ts';
import type { Operations } from '../alarms/operations.ts';
import { OperationsAlarm } from '../alarms/operations-alarm.ts';
import { messagesIn, oldestIn } from '../messaging/queue-metrics.ts';
import type { TopicThresholds } from '../settings/types.ts';
import type { UnroutedMessages } from './unrouted-messages.ts';

/** Days between the alarm and the deletion of an unrouted message. */
const DAYS_LEFT = 4;
const FIVE_MINUTES = { period: Duration.minutes(5), statistic: Stats.SUM };

export interface TopicAlarmsProps {
  readonly topic: ITopic;
  /** The topic's name in the alarms' descriptions. */
  readonly name: string;
  /** Where messages are kept that no consumer's subscription asks for. */
  readonly unrouted: UnroutedMessages;
  readonly operations: Operations;
  readonly thresholds: TopicThresholds;
}

/**
 * The alarms of the topic: failed deliveries, messages that nobody takes, and messages that no filter can read. Lost messages, and
 * those about to be lost, page; the rest are notices.
 */
export class TopicAlarms extends Construct {
  constructor(scope: Construct, id: string, props: TopicAlarmsProps) {
    super(scope, id);
    const { topic, name, operations, unrouted } = props;
    const { failedDeliveries, unreadableAttributes } = props.thresholds;
    const common = { operations, links: { Topic: topicPage(topic) } };

    new OperationsAlarm(this, 'FailedDeliveries', {
      ...common,
      metric: topic.metricNumberOfNotificationsFailed(FIVE_MINUTES),
      threshold: failedDeliveries,
      meaning:
        `${name} topic: ${atLeast(failedDeliveries, 'delivery', 'deliveries')} failed within 5 minutes; what could not be ` +
        "delivered goes to the consumer's dead-letter queue, and is lost where it was for the unrouted queue.",
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
    const kept = { operations, article: 'unrouted', links: { Queue: queuePage(unrouted.queue) } };
    new OperationsAlarm(this, 'Unrouted', {
      ...kept,
      metric: messagesIn(unrouted.queue),
      threshold: 1,
      meaning:
        `${name} topic: messages that no consumer's subscription asks for are in the unrouted queue; ` +
        'nobody processes them.',
      announce: 'notices',
    });
    const old = unrouted.retention.minus(Duration.days(DAYS_LEFT));
    new OperationsAlarm(this, 'OldestUnrouted', {
      ...kept,
      article: 'oldest-unrouted',
      metric: oldestIn(unrouted.queue),
      threshold: old.toSeconds(),
      meaning:
        `${name} topic: the oldest message in the unrouted queue has been there for ${old.toDays()} days; after ` +
        `${unrouted.retention.toDays()} it is deleted.`,
      announce: 'pages',
    });
    // Such messages reach neither a queue nor a dead-letter queue: without an alarm nobody would know.
    const unreadable = {
      ...common,
      threshold: unreadableAttributes,
      article: 'unreadable-attributes',
      announce: 'pages',
    } as const;
    const reached = `${name} topic: ${atLeast(unreadableAttributes, 'message')} within 5 minutes reached no consumer`;
    new OperationsAlarm(this, 'InvalidAttributes', {
      ...unreadable,
      metric: topic.metricNumberOfNotificationsFilteredOutInvalidAttributes(FIVE_MINUTES),
      meaning: `${reached}, because of malformed attributes.`,
    });
    new OperationsAlarm(this, 'NoAttributes', {
      ...unreadable,
      metric: topic.metricNumberOfNotificationsFilteredOutNoMessageAttributes(FIVE_MINUTES),
      meaning: `${reached}, because they have no attributes.`,
    });
  }
}
