import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, type IMetric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Consumer } from '../consumer.ts';

/** A dashboard is 24 units wide: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const DASHBOARD_WIDTH = 24;
const MAXIMUM = { period: Duration.minutes(1), statistic: Stats.MAXIMUM };
const SUM = { period: Duration.minutes(1), statistic: Stats.SUM };

export interface FanOutDashboardProps {
  readonly topic: ITopic;
  /** Consumers by the name they are shown under, from top to bottom. */
  readonly consumers: ReadonlyMap<string, Consumer>;
}

/** The whole fan-out at a glance: the topic's row, then a row for each consumer. */
export class FanOutDashboard extends Construct {
  constructor(scope: Construct, id: string, { topic, consumers }: FanOutDashboardProps) {
    super(scope, id);
    const dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.hours(3) });

    dashboard.addWidgets(...topicRow(topic));
    for (const [name, consumer] of consumers) dashboard.addWidgets(...consumerRow(name, consumer));
  }
}

function topicRow(topic: ITopic): GraphWidget[] {
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
  ]);
}

function consumerRow(
  name: string,
  { queue, deadLetterQueue, function: lambdaFunction }: Consumer,
): GraphWidget[] {
  return row([
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
    [
      `${name}: errors`,
      lambdaFunction.metricErrors({ ...SUM, label: 'errors' }),
      lambdaFunction.metricThrottles({ ...SUM, label: 'throttles' }),
    ],
    [`${name}: dead letters`, deadLetterQueue.metricApproximateNumberOfMessagesVisible(MAXIMUM)],
  ]);
}

/** Graphs that share the width of one row, the last one taking what is left over. */
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
