import { Duration } from 'aws-cdk-lib';
import { MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { atLeast } from '../../contract/alarm-text.ts';
import { RELEASE_ALARM } from '../../contract/names.ts';
import type { OperationsAlarm } from '../alarms/operations-alarm.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import { oldestIn, pollingOf, waitingIn } from '../messaging/queue-metrics.ts';
import type { EventWords } from '../settings/event-words.ts';
import type { ConsumerThresholds } from '../settings/types.ts';
import { checkWithin } from '../settings/validation.ts';
import { type AlarmedConsumer, consumerAlarm, summaryAlarm } from './consumer-alarm.ts';
import { deadLetterAlarms } from './dead-letter-alarms.ts';

const FIVE_MINUTES = Duration.minutes(5);
const SUM_OF_FIVE_MINUTES = { period: FIVE_MINUTES, statistic: Stats.SUM };

export interface ConsumerAlarmsProps extends AlarmedConsumer {
  readonly thresholds: ConsumerThresholds;
  /** What their descriptions call the events. */
  readonly words: EventWords;
}

/**
 * The alarms of one consumer. A composite alarm pages once if the consumer does not work, another one for its dead letters. Messages
 * about to be lost page on their own. The others are notices.
 */
export class ConsumerAlarms extends Construct {
  private readonly setOffByRelease: readonly OperationsAlarm[];
  private readonly props: ConsumerAlarmsProps;

  constructor(scope: Construct, id: string, props: ConsumerAlarmsProps) {
    super(scope, id);
    this.props = props;

    const functionErrors = this.functionErrors();
    summaryAlarm(this, 'Unhealthy', props, {
      alarms: [this.oldestMessage(), functionErrors, this.retrying()],
      meaning: 'the consumer does not do its work.',
      article: 'unhealthy',
      about: 'queue',
    });
    this.setOffByRelease = [deadLetterAlarms(this, props), functionErrors];
    this.retentionAtRisk();

    this.queueDepth();
    this.functionThrottles();
    this.promiseBroken();
    this.notPolled();
  }

  /**
   * Makes one more alarm, which only CodeDeploy acts on: `Retrying` takes longer than a release.
   * @returns the alarms that roll a release back: the consumer dead-letters, crashes, or has to retry
   */
  forReleases(): readonly OperationsAlarm[] {
    const { consumer, thresholds } = this.props;
    const threshold = thresholds.retries;
    const retrying = consumerAlarm(this, RELEASE_ALARM, this.props, {
      metric: consumer.metric('Retried', SUM_OF_FIVE_MINUTES),
      threshold,
      meaning: `${atLeast(threshold, 'try', 'tries')} failed within 5 minutes: CodeDeploy rolls a release back.`,
      article: 'retrying',
    });
    acknowledge(retrying, {
      'NIST.800.53.R5-CloudWatchAlarmAction': 'CodeDeploy acts on it. The alarm Retrying tells people.',
    });
    return [...this.setOffByRelease, retrying];
  }

  /** In 10 of 15 minutes: shorter ones cry out for nothing, longer ones miss outages (docs/decisions.md). */
  private oldestMessage(): OperationsAlarm {
    const { consumer, thresholds } = this.props;
    const seconds = thresholds.oldestMessageSeconds;
    // SQS keeps no message longer than 14 days.
    checkWithin(this, 'threshold for the oldest message', seconds, {
      min: 1,
      max: 1_209_600,
      unit: 'seconds',
    });
    return consumerAlarm(this, 'OldestMessage', this.props, {
      metric: oldestIn(consumer.queue),
      threshold: seconds,
      evaluationPeriods: 15,
      datapointsToAlarm: 10,
      meaning: `the oldest message has waited for ${seconds} seconds or more in 10 of the last 15 minutes.`,
      article: 'oldest-message',
    });
  }

  private functionErrors(): OperationsAlarm {
    const { consumer, thresholds } = this.props;
    const threshold = thresholds.functionErrors;
    return consumerAlarm(this, 'FunctionErrors', this.props, {
      metric: consumer.function.metricErrors(SUM_OF_FIVE_MINUTES),
      threshold,
      meaning:
        `${atLeast(threshold, 'invocation')} failed as a whole within 5 minutes: the function crashed, timed out or ran ` +
        'out of memory.',
      article: 'function-errors',
    });
  }

  /** Nothing is dead-lettered yet: the queue's tries last for as long as the consumer's `outlast`. */
  private retrying(): OperationsAlarm {
    const { consumer, thresholds } = this.props;
    const threshold = thresholds.retries;
    return consumerAlarm(this, 'Retrying', this.props, {
      // Without a value for each period, CloudWatch looks further back where there is none, and the alarm would flap.
      metric: new MathExpression({
        expression: 'FILL(retried, 0)',
        usingMetrics: { retried: consumer.metric('Retried', SUM_OF_FIVE_MINUTES) },
        period: FIVE_MINUTES,
        label: 'Tries that failed',
      }),
      threshold,
      evaluationPeriods: 3,
      meaning:
        `${atLeast(threshold, 'try', 'tries')} failed in each of three consecutive 5-minute periods and will be repeated: ` +
        'something that the consumer depends on may be down.',
      article: 'retrying',
    });
  }

  private retentionAtRisk(): void {
    const { queue, retention } = this.props.consumer;
    const hours = retention.toHours({ integral: false }) / 4;
    consumerAlarm(this, 'RetentionAtRisk', this.props, {
      metric: oldestIn(queue),
      threshold: hours * 3_600,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      meaning:
        `the oldest message has waited for ${hours} hours, a quarter of the time after which the queue deletes it: it will ` +
        'be lost.',
      article: 'retention-at-risk',
      announce: 'pages',
    });
  }

  private queueDepth(): void {
    const { consumer, thresholds } = this.props;
    consumerAlarm(this, 'QueueDepth', this.props, {
      metric: waitingIn(consumer.queue),
      threshold: thresholds.queueDepth,
      evaluationPeriods: 5,
      meaning: `the queue has held ${atLeast(thresholds.queueDepth, 'waiting message')} for 5 minutes.`,
      article: 'queue-depth',
      announce: 'notices',
    });
  }

  private functionThrottles(): void {
    const { consumer, thresholds } = this.props;
    const threshold = thresholds.functionThrottles;
    consumerAlarm(this, 'FunctionThrottles', this.props, {
      metric: consumer.function.metricThrottles(SUM_OF_FIVE_MINUTES),
      threshold,
      meaning: `Lambda throttled ${atLeast(threshold, 'invocation')} within 5 minutes: there was no concurrency left.`,
      article: 'function-throttles',
      announce: 'notices',
    });
  }

  /** Three times in a row, because one letter that was redriven, hours old, is a percentile of its own. */
  private promiseBroken(): void {
    const { consumer, thresholds, words } = this.props;
    const seconds = thresholds.promisedSeconds;
    consumerAlarm(this, 'PromiseBroken', this.props, {
      metric: consumer.metric('SecondsToDone', { period: FIVE_MINUTES, statistic: Stats.percentile(99) }),
      threshold: seconds,
      evaluationPeriods: 3,
      meaning: `for 15 minutes, one ${words.noun} in 100 was done ${seconds} seconds or more after it was ${words.happened}.`,
      article: 'promise-broken',
      announce: 'notices',
    });
  }

  /**
   * Lambda publishes no state of an event source mapping. One that is on polls the queue all the time, while SQS reports nothing
   * where nobody polls, which a first deployment takes some minutes to change.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
   */
  private notPolled(): void {
    consumerAlarm(this, 'NotPolled', this.props, {
      metric: pollingOf(this.props.consumer.queue),
      threshold: 1,
      below: true,
      evaluationPeriods: 15,
      meaning:
        'nobody has polled the queue for 15 minutes: the event source mapping is off, or lacks permission to poll.',
      article: 'not-polled',
      announce: 'notices',
    });
  }
}
