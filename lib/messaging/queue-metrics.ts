/** What alarms look at in a queue, minute by minute. */
import { Duration } from 'aws-cdk-lib';
import { MathExpression, type Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';

const MINUTE = Duration.minutes(1);
const MAXIMUM = { period: MINUTE, statistic: Stats.MAXIMUM };
const SUM = { period: MINUTE, statistic: Stats.SUM };

export function waitingIn(queue: IQueue): Metric {
  return queue.metricApproximateNumberOfMessagesVisible(MAXIMUM);
}

/** Seconds. */
export function oldestIn(queue: IQueue): Metric {
  return queue.metricApproximateAgeOfOldestMessage(MAXIMUM);
}

/** All messages of a queue: those that wait and those that are being worked on. */
export function messagesIn(queue: IQueue): MathExpression {
  return new MathExpression({
    expression: 'visible + inFlight',
    usingMetrics: {
      visible: waitingIn(queue),
      inFlight: queue.metricApproximateNumberOfMessagesNotVisible(MAXIMUM),
    },
    period: MINUTE,
  });
}

/**
 * How many messages were received, and how often somebody asked and got none: missing, or 0, if nobody asks. A gap of one of the
 * two counts as 0 in the sum: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */
export function pollingOf(queue: IQueue): MathExpression {
  return new MathExpression({
    expression: 'SUM([received, empty])',
    usingMetrics: {
      received: queue.metricNumberOfMessagesReceived(SUM),
      empty: queue.metricNumberOfEmptyReceives(SUM),
    },
    period: MINUTE,
    label: 'Received messages and empty receives',
  });
}
