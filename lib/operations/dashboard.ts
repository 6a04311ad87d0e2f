import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, type IMetric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Consumer } from '../consumer/consumer.ts';
import type { EventWords } from '../settings/event-words.ts';

/** A dashboard is 24 units wide: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const DASHBOARD_WIDTH = 24;
const MAXIMUM = { period: Duration.minutes(1), statistic: Stats.MAXIMUM };
const SUM = { period: Duration.minutes(1), statistic: Stats.SUM };

export interface FanOutDashboardProps {
  readonly topic: ITopic;
  /** Queue of the messages that no consumer's subscription asks for. */
  readonly unroutedQueue: IQueue;
  /** What it calls the events. */
  readonly words: EventWords;
  /** Consumers by the name they are shown under, from top to bottom. */
  readonly consumers: ReadonlyMap<string, Consumer>;
}

/** The whole fan-out at a glance: the topic's row, then two rows for each consumer. */
export class FanOutDashboard extends Construct {
  constructor(scope: Construct, id: string, props: FanOutDashboardProps) {
    super(scope, id);
    const { topic, unroutedQueue, consumers, words } = props;
    const dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.hours(3) });

    dashboard.addWidgets(...topicRow(topic, unroutedQueue));
    for (const [name, consumer] of consumers) {
      for (const widgets of consumerRows(name, consumer, words)) dashboard.addWidgets(...widgets);
    }
  }
}

function topicRow(topic: ITopic, unroutedQueue: IQueue): GraphWidget[] {
  return row([
    ['Topic: published', topic.metricNumberOfMessagesPublished(SUM)],
    ['Topic: delivered', topic.metricNumberOfNotificationsDelivered(SUM)],
    ['Topic: failed deliveries', topic.metricNumberOfNotificationsFailed(SUM)],
    [
      'Topic: filtered out',
      topic.metricNumberOfNotificationsFilteredOut(SUM),
      topic.metricNumberOfNotificationsFilteredOutInvalidAttributes(SUM),
      topic.metricNumberOfNotificationsFilteredOutNoMessageAttributes(SUM),
    ],
    ['Topic: unrouted', unroutedQueue.metricApproximateNumberOfMessagesVisible(MAXIMUM)],
  ]);
}

/** Two rows: the queues, and below them the function. */
function consumerRows(name: string, consumer: Consumer, { happened }: EventWords): GraphWidget[][] {
  const { queue, deadLetterQueue, function: lambdaFunction } = consumer;
  const queues = row([
    [
      `${name}: depth`,
      queue.metricApproximateNumberOfMessagesVisible({ ...MAXIMUM, label: 'waiting' }),
      queue.metricApproximateNumberOfMessagesNotVisible({ ...MAXIMUM, label: 'in flight' }),
    ],
    [`${name}: age of the oldest`, queue.metricApproximateAgeOfOldestMessage(MAXIMUM)],
    [
      `${name}: throughput`,
      queue.metricNumberOfMessagesSent({ ...SUM, label: 'arrived' }),
      queue.metricNumberOfMessagesDeleted({ ...SUM, label: 'done' }),
    ],
    [`${name}: dead letters`, deadLetterQueue.metricApproximateNumberOfMessagesVisible(MAXIMUM)],
  ]);
  const work = row([
    [
      `${name}: seconds from ${happened} to done`,
      consumer.metric('SecondsToDone', { ...MAXIMUM, statistic: Stats.percentile(50), label: 'half' }),
      consumer.metric('SecondsToDone', { ...MAXIMUM, statistic: Stats.percentile(99), label: '99 of 100' }),
    ],
    [
      `${name}: failures`,
      consumer.metric('Retried', { ...SUM, label: 'tries to repeat' }),
      consumer.metric('DeadLettered', { ...SUM, label: 'dead-lettered' }),
      lambdaFunction.metricErrors({ ...SUM, label: 'function errors' }),
      lambdaFunction.metricThrottles({ ...SUM, label: 'throttles' }),
    ],
    [
      `${name}: function duration, ms`,
      lambdaFunction.metricDuration({ ...MAXIMUM, statistic: Stats.AVERAGE, label: 'average' }),
      lambdaFunction.metricDuration({ ...MAXIMUM, label: 'longest' }),
    ],
    [
      `${name}: concurrency`,
      lambdaFunction.metric('ConcurrentExecutions', { ...MAXIMUM, label: 'invocations at a time' }),
    ],
  ]);
  return [queues, work];
}

/** Graphs that share the width of one row; the last one gets the rest. */
function row(graphs: [title: string, ...metrics: IMetric[]][]): GraphWidget[] {
  const width = Math.floor(DASHBOARD_WIDTH / graphs.length);
  return graphs.map(([title, ...left], index) => {
    const isLast = index === graphs.length - 1;
    return new GraphWidget({
      title,
      left,
      leftYAxis: { min: 0 },
      width: isLast ? DASHBOARD_WIDTH - width * index : width,
    });
  });
}
