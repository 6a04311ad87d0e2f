/** The alarms on a consumer's dead letters. */
import { Duration } from 'aws-cdk-lib';
import { MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { OperationsAlarm } from '../alarms/operations-alarm.ts';
import { messagesIn, oldestIn } from '../messaging/queue-metrics.ts';
import { type AlarmedConsumer, consumerAlarm, summaryAlarm } from './consumer-alarm.ts';

const MINUTE = Duration.minutes(1);
/** Metrics of a queue that wakes from inactivity come so late: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html */
const LATENESS_MINUTES = 15;

/**
 * Dead letters page once, by a composite alarm of their own: it stays in ALARM while there is one, and as part of `Unhealthy` would
 * suppress other pages for this consumer. A dead letter about to be deleted pages on its own.
 * @returns the alarm that goes off within a minute after the consumer has dead-lettered something
 */
export function deadLetterAlarms(scope: Construct, of: AlarmedConsumer): OperationsAlarm {
  const { deadLetterQueue, retention, deadLetterRetention } = of.consumer;
  const about = 'deadLetterQueue';

  const deadLettered = consumerAlarm(scope, 'DeadLettered', of, {
    // The consumer's own count is there within a minute, where the metrics of a dead-letter queue that was empty may be late. It stays
    // in ALARM until those have come, so that the composite alarm pages once.
    metric: of.consumer.metric('DeadLettered', { period: MINUTE, statistic: Stats.SUM }),
    threshold: 1,
    evaluationPeriods: LATENESS_MINUTES,
    datapointsToAlarm: 1,
    meaning: `messages were dead-lettered within the last ${LATENESS_MINUTES} minutes.`,
    article: 'dead-letters',
    about,
  });
  const deadLetters = consumerAlarm(scope, 'DeadLetters', of, {
    // Not the number sent, which leaves out what SQS itself moves there. With those in flight, or else
    // reading the queue would return the alarm to OK for as long as the messages are not visible.
    metric: messagesIn(deadLetterQueue),
    threshold: 1,
    meaning: 'messages are in the dead-letter queue. They will not be retried automatically.',
    article: 'dead-letters',
    about,
  });
  summaryAlarm(scope, 'HasDeadLetters', of, {
    alarms: [deadLettered, deadLetters],
    meaning: 'messages were dead-lettered. They will not be retried automatically.',
    article: 'dead-letters',
    about,
  });

  consumerAlarm(scope, 'DeadLettersGrowing', of, {
    // While there are dead letters, DeadLetters is in ALARM already and new ones change nothing. This one sees them.
    metric: new MathExpression({
      expression: 'DIFF(letters)',
      usingMetrics: { letters: messagesIn(deadLetterQueue) },
      period: MINUTE,
      label: 'New dead letters',
    }),
    threshold: 1,
    meaning: 'new messages have joined those in the dead-letter queue.',
    article: 'dead-letters-growing',
    announce: 'notices',
    about,
  });

  // SQS counts the age of a letter that it moved from the move, but keeps it from when it was first sent: up to the retention of
  // the source queue before.
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
  const age = deadLetterRetention.minus(retention);
  const [days, kept] = [age, deadLetterRetention].map((time) => time.toDays({ integral: false }));
  consumerAlarm(scope, 'OldestDeadLetter', of, {
    metric: oldestIn(deadLetterQueue),
    threshold: age.toSeconds(),
    meaning: `the oldest dead letter has been there for ${days} days; after ${kept} days at most it is deleted.`,
    article: 'oldest-dead-letter',
    announce: 'pages',
    about,
  });
  return deadLettered;
}
