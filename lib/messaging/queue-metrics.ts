/** The metrics of a queue that alarms evaluate, minute by minute. */
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

/** All messages of a queue, waiting and in flight. */
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
 * Received messages and empty receives: missing, or 0, if nobody polls. A gap in one of the two counts as 0 in the sum: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
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
