/** The alarms on a consumer's dead letters. */
import { Duration } from 'aws-cdk-lib';
import { MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { OperationsAlarm } from '../alarms/operations-alarm.ts';
import { messagesIn, oldestIn } from '../messaging/queue-metrics.ts';
import { type AlarmedConsumer, consumerAlarm } from './consumer-alarm.ts';
import { SummaryAlarm } from './summary-alarm.ts';

const MINUTE = Duration.minutes(1);
/** Metrics of a queue that wakes from inactivity come so late: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html */
const LATENESS_MINUTES = 15;

/**
 * Makes them: what tells that there are some is announced together, once; what is about to be lost pages by itself.
 *
 * They have a composite alarm of their own: while one dead letter lies there it is in ALARM, and would page for nothing else.
 * @returns those that the composite alarm announces; the first tells within a minute that the consumer has dead-lettered something
 */
export function deadLetterAlarms(
  scope: Construct,
  of: AlarmedConsumer,
): readonly [deadLettered: OperationsAlarm, deadLetters: OperationsAlarm] {
  const alarms = [deadLettered(scope, of), deadLetters(scope, of)] as const;
  new SummaryAlarm(scope, 'HasDeadLetters', {
    of,
    alarms,
    meaning: 'messages were dead-lettered, and will not be tried again by themselves.',
    article: 'dead-letters',
    about: 'deadLetterQueue',
  });
  deadLettersGrowing(scope, of);
  oldestDeadLetter(scope, of);
  return alarms;
}

function deadLetters(scope: Construct, of: AlarmedConsumer): OperationsAlarm {
  return consumerAlarm(scope, 'DeadLetters', of, {
    // Not the number sent, which leaves out what SQS itself moves there. In flight included, or else
    // reading the queue would return the alarm to OK for as long as the messages are not visible.
    metric: messagesIn(of.consumer.deadLetterQueue),
    threshold: 1,
    meaning: 'messages lie in the dead-letter queue; they will not be tried again by themselves.',
    article: 'dead-letters',
    about: 'deadLetterQueue',
  });
}

/**
 * The consumer's own count is there within a minute, where the metrics of a dead-letter queue that was empty may be late.
 * It stays in ALARM until those have come, so that the composite alarm pages once.
 */
function deadLettered(scope: Construct, of: AlarmedConsumer): OperationsAlarm {
  return consumerAlarm(scope, 'DeadLettered', of, {
    metric: of.consumer.metric('DeadLettered', { period: MINUTE, statistic: Stats.SUM }),
    threshold: 1,
    evaluationPeriods: LATENESS_MINUTES,
    datapointsToAlarm: 1,
    meaning: `messages were dead-lettered within the last ${LATENESS_MINUTES} minutes.`,
    article: 'dead-letters',
    about: 'deadLetterQueue',
  });
}

/** While dead letters are there, DeadLetters is in ALARM already and new ones change nothing. This one sees them. */
function deadLettersGrowing(scope: Construct, of: AlarmedConsumer): OperationsAlarm {
  return consumerAlarm(scope, 'DeadLettersGrowing', of, {
    metric: new MathExpression({
      expression: 'DIFF(letters)',
      usingMetrics: { letters: messagesIn(of.consumer.deadLetterQueue) },
      period: MINUTE,
      label: 'New dead letters',
    }),
    threshold: 1,
    meaning: 'new messages have joined those in the dead-letter queue.',
    article: 'dead-letters-growing',
    announce: 'notices',
    about: 'deadLetterQueue',
  });
}

/**
 * Of a letter that SQS moved, the age counts from the move, while SQS keeps it from when it was first sent: up to the
 * retention of the source queue before.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
 */
function oldestDeadLetter(scope: Construct, of: AlarmedConsumer): OperationsAlarm {
  const { deadLetterQueue, retention, deadLetterRetention } = of.consumer;
  const [days, kept] = [deadLetterRetention.minus(retention), deadLetterRetention].map((time) =>
    time.toDays({ integral: false }),
  );
  return consumerAlarm(scope, 'OldestDeadLetter', of, {
    metric: oldestIn(deadLetterQueue),
    threshold: deadLetterRetention.minus(retention).toSeconds(),
    meaning: `the oldest dead letter has lain there for ${days} days; after ${kept} days at most it is deleted.`,
    article: 'oldest-dead-letter',
    announce: 'pages',
    about: 'deadLetterQueue',
  });
}
