// The rules that are held against simulated traffic, as properties of AWS::CloudWatch::Alarm.
import type { Json } from '../../local/json.ts';

const QUEUE = [{ Name: 'QueueName', Value: 'work' }];
export const CONSUMER = { consumer: 'work' };

const statistic = (MetricName: string) => ({
  Metric: { Namespace: 'AWS/SQS', MetricName, Dimensions: QUEUE },
  Period: 60,
  Stat: 'Maximum',
});
const common = { ComparisonOperator: 'GreaterThanOrEqualToThreshold', TreatMissingData: 'notBreaching' };

/** What the stack had at first: old, and for four of five minutes not getting shorter. */
export const notDraining = (seconds: number): Json => ({
  ...common,
  Metrics: [
    { Id: 'e', Expression: `IF(age >= ${seconds} AND DIFF(visible + inFlight) >= 0, 1, 0)` },
    { Id: 'age', MetricStat: statistic('ApproximateAgeOfOldestMessage'), ReturnData: false },
    { Id: 'visible', MetricStat: statistic('ApproximateNumberOfMessagesVisible'), ReturnData: false },
    { Id: 'inFlight', MetricStat: statistic('ApproximateNumberOfMessagesNotVisible'), ReturnData: false },
  ],
  Threshold: 1,
  EvaluationPeriods: 5,
  DatapointsToAlarm: 4,
});

/** The oldest message is as old as this, for so many of so many minutes. */
export const oldestMessage = (
  Threshold: number,
  DatapointsToAlarm: number,
  EvaluationPeriods: number,
): Json => ({
  ...common,
  Namespace: 'AWS/SQS',
  MetricName: 'ApproximateAgeOfOldestMessage',
  Dimensions: QUEUE,
  Period: 60,
  Statistic: 'Maximum',
  Threshold,
  EvaluationPeriods,
  DatapointsToAlarm,
});

/**
 * So many tries failed within five minutes, for so many of so many times five minutes. A consumer that reports nothing where
 * nothing failed leaves gaps, and an alarm that finds gaps looks at older datapoints again: FILL keeps it from flapping.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
export const retrying = (Threshold: number, DatapointsToAlarm: number, EvaluationPeriods: number): Json => ({
  ...common,
  Metrics: [
    { Id: 'e', Expression: 'FILL(retried, 0)' },
    {
      Id: 'retried',
      MetricStat: {
        Metric: {
          Namespace: 'OrderFanOut',
          MetricName: 'Retried',
          Dimensions: Object.entries(CONSUMER).map(([Name, Value]) => ({ Name, Value })),
        },
        Period: 300,
        Stat: 'Sum',
      },
      ReturnData: false,
    },
  ],
  Threshold,
  EvaluationPeriods,
  DatapointsToAlarm,
});
