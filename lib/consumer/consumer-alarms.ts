import { Duration } from 'aws-cdk-lib';
import { MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { atLeast } from '../../contract/alarm-text.ts';
import { RELEASE_ALARM } from '../../contract/names.ts';
import type { OperationsAlarm } from '../alarms/operations-alarm.ts';
import { oldestIn, pollingOf, waitingIn } from '../messaging/queue-metrics.ts';
import { checkWithin } from '../settings/validation.ts';
import { type AlarmedConsumer, consumerAlarm } from './consumer-alarm.ts';
import { deadLetterAlarms } from './dead-letter-alarms.ts';
import { SummaryAlarm } from './summary-alarm.ts';

const FIVE_MINUTES = Duration.minutes(5);
const SUM_OF_FIVE_MINUTES = { period: FIVE_MINUTES, statistic: Stats.SUM };

export interface ConsumerAlarmsProps extends AlarmedConsumer {
  /** Messages waiting, for 5 minutes on end. */
  readonly queueDepth: number;
  /** Age of the oldest waiting message, in whole seconds, for 10 of 15 minutes. */
  readonly oldestMessage: Duration;
  /** Time from the placing of an order until it is done, for 99 of 100. */
  readonly promised: Duration;
  /** Tries that failed and will be repeated, within 5 minutes, three times in a row. */
  readonly retries: number;
  /** Failed invocations within 5 minutes. */
  readonly functionErrors: number;
  /** Throttled invocations within 5 minutes. */
  readonly functionThrottles: number;
}

/**
 * The alarms of one consumer. Those that tell that it does not work are announced together, by a composite alarm that pages once,
 * and so are those on its dead letters; what is about to be lost pages by itself; the others are notices.
 */
export class ConsumerAlarms extends Construct {
  /** Told to nobody but CodeDeploy; there where releases are gradual. */
  releaseRetrying?: OperationsAlarm;
  private readonly setOffByRelease: readonly OperationsAlarm[];
  private readonly props: ConsumerAlarmsProps;

  constructor(scope: Construct, id: string, props: ConsumerAlarmsProps) {
    super(scope, id);
    this.props = props;

    const functionErrors = this.functionErrors();
    new SummaryAlarm(this, 'Unhealthy', {
      of: props,
      alarms: [this.oldestMessage(), functionErrors, this.retrying()],
      meaning: 'the consumer does not do its work.',
      article: 'unhealthy',
      about: 'queue',
    });
    const [deadLettered] = deadLetterAlarms(this, props);
    this.setOffByRelease = [deadLettered, functionErrors];
    this.retentionAtRisk();

    this.queueDepth();
    this.functionThrottles();
    this.promiseBroken();
    this.notPolled();
  }

  /**
   * What takes a release back: that the consumer dead-letters, that it crashes, and that it fails for now. For the last there is an
   * alarm of its own, since `Retrying` takes longer than a release.
   */
  takingReleasesBack(): readonly OperationsAlarm[] {
    const { consumer, retries: threshold } = this.props;
    this.releaseRetrying ??= consumerAlarm(this, RELEASE_ALARM, this.props, {
      metric: consumer.metric('Retried', SUM_OF_FIVE_MINUTES),
      threshold,
      meaning: `${atLeast(threshold, 'try', 'tries')} failed within 5 minutes: CodeDeploy takes a release back.`,
      article: 'retrying',
    });
    return [...this.setOffByRelease, this.releaseRetrying];
  }

  /** Age for most of a quarter of an hour: bench/alarm-rules.ts shows what shorter and longer ones miss or cry out about. */
  private oldestMessage(): OperationsAlarm {
    const { consumer, oldestMessage } = this.props;
    const seconds = oldestMessage.toSeconds({ integral: false });
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
      meaning: `the oldest message has waited for ${seconds} seconds or more, for most of the last quarter of an hour.`,
      article: 'oldest-message',
    });
  }

  private functionErrors(): OperationsAlarm {
    const { consumer, functionErrors: threshold } = this.props;
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
    const { consumer, retries: threshold } = this.props;
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
        `${atLeast(threshold, 'try', 'tries')} failed in each of the last three times 5 minutes, and will be repeated: ` +
        'something that the consumer depends on may be down.',
      article: 'retrying',
    });
  }

  private retentionAtRisk(): OperationsAlarm {
    const { queue, retention } = this.props.consumer;
    const hours = retention.toHours({ integral: false }) / 4;
    return consumerAlarm(this, 'RetentionAtRisk', this.props, {
      metric: oldestIn(queue),
      threshold: hours * 3_600,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      meaning:
        `the oldest message has waited for ${hours} hours, a quarter of the time after which the queue deletes it, and will ` +
        'be lost.',
      article: 'retention-at-risk',
      announce: 'pages',
    });
  }

  private queueDepth(): OperationsAlarm {
    const { consumer, queueDepth: threshold } = this.props;
    return consumerAlarm(this, 'QueueDepth', this.props, {
      metric: waitingIn(consumer.queue),
      threshold,
      evaluationPeriods: 5,
      meaning: `the queue has held ${atLeast(threshold, 'waiting message')} for 5 minutes.`,
      article: 'queue-depth',
      announce: 'notices',
    });
  }

  private functionThrottles(): OperationsAlarm {
    const { consumer, functionThrottles: threshold } = this.props;
    return consumerAlarm(this, 'FunctionThrottles', this.props, {
      metric: consumer.function.metricThrottles(SUM_OF_FIVE_MINUTES),
      threshold,
      meaning: `Lambda refused ${atLeast(threshold, 'invocation')} within 5 minutes for want of concurrency.`,
      article: 'function-throttles',
      announce: 'notices',
    });
  }

  /** Three times in a row, because one letter that was redriven, hours old, is a percentile of its own. */
  private promiseBroken(): OperationsAlarm {
    const { consumer, promised } = this.props;
    const seconds = promised.toSeconds();
    return consumerAlarm(this, 'PromiseBroken', this.props, {
      metric: consumer.metric('SecondsToDone', { period: FIVE_MINUTES, statistic: Stats.percentile(99) }),
      threshold: seconds,
      evaluationPeriods: 3,
      meaning: `for 15 minutes, one order in 100 was done ${seconds} seconds or more after it was placed.`,
      article: 'promise-broken',
      announce: 'notices',
    });
  }

  /**
   * Lambda publishes no state of an event source mapping. One that is on asks the queue for messages all the time, while SQS
   * reports nothing where nobody asks, which a first deployment takes some minutes to change.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
   */
  private notPolled(): OperationsAlarm {
    return consumerAlarm(this, 'NotPolled', this.props, {
      metric: pollingOf(this.props.consumer.queue),
      threshold: 1,
      below: true,
      evaluationPeriods: 15,
      meaning:
        'nobody has asked the queue for messages for 15 minutes: the event source mapping is off, or may not poll.',
      article: 'not-polled',
      announce: 'notices',
    });
  }
}
