import { Duration } from 'aws-cdk-lib';
import { AlarmRule, AlarmState, CompositeAlarm, MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { alarmText, atLeast } from '../contract/alarm-text.ts';
import { checkWithin } from './checks/settings.ts';
import type { Consumer } from './consumer.ts';
import { functionPage, queuePage } from './operations/console-links.ts';
import type { Operations } from './operations/operations.ts';
import { notify, OperationsAlarm, type OperationsAlarmProps } from './operations/operations-alarm.ts';
import { messagesIn, oldestIn, pollingOf, waitingIn } from './operations/queue-metrics.ts';

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);
const SUM_OF_FIVE_MINUTES = { period: FIVE_MINUTES, statistic: Stats.SUM };
/** Metrics of a queue that wakes from inactivity come so late: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html */
const LATENESS_MINUTES = 15;

export interface ConsumerAlarmsProps {
  readonly consumer: Consumer;
  /** The consumer's name in the alarms' descriptions. */
  readonly name: string;
  readonly operations: Operations;
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
 * The alarms of one consumer. Those that tell that it is not working are announced together, by a composite alarm that pages
 * once; what is about to be lost pages by itself; the others are notices.
 */
export class ConsumerAlarms extends Construct {
  /** Those that the composite alarm announces. */
  readonly summarized: readonly OperationsAlarm[];
  /** Those that a bad release sets off within minutes. */
  readonly release: readonly OperationsAlarm[];
  private readonly props: ConsumerAlarmsProps;

  constructor(scope: Construct, id: string, props: ConsumerAlarmsProps) {
    super(scope, id);
    this.props = props;

    const deadLettered = this.deadLettered();
    const functionErrors = this.functionErrors();
    const retrying = this.retrying();
    this.release = [deadLettered, functionErrors, retrying];
    this.summarized = [this.oldestMessage(), this.deadLetters(), deadLettered, functionErrors, retrying];
    this.summarize();

    this.retentionAtRisk();
    this.oldestDeadLetter();

    this.queueDepth();
    this.deadLettersGrowing();
    this.functionThrottles();
    this.promiseBroken();
    this.notPolled();
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
    return this.alarm('OldestMessage', {
      metric: oldestIn(consumer.queue),
      threshold: seconds,
      evaluationPeriods: 15,
      datapointsToAlarm: 10,
      meaning: `the oldest message has waited for ${seconds} seconds or more, for most of the last quarter of an hour.`,
      article: 'oldest-message',
    });
  }

  private deadLetters(): OperationsAlarm {
    return this.alarm(
      'DeadLetters',
      {
        // Not the number sent, which leaves out what SQS itself moves there. In flight included, or else
        // reading the queue would return the alarm to OK for as long as the messages are not visible.
        metric: messagesIn(this.props.consumer.deadLetterQueue),
        threshold: 1,
        meaning: 'messages lie in the dead-letter queue; they will not be tried again by themselves.',
        article: 'dead-letters',
      },
      'deadLetterQueue',
    );
  }

  /**
   * The consumer's own count is there within a minute, where the metrics of a dead-letter queue that was empty may be late.
   * It stays in ALARM until those have come, so that the composite alarm pages once.
   */
  private deadLettered(): OperationsAlarm {
    return this.alarm(
      'DeadLettered',
      {
        metric: this.props.consumer.metric('DeadLettered', { period: MINUTE, statistic: Stats.SUM }),
        threshold: 1,
        evaluationPeriods: LATENESS_MINUTES,
        datapointsToAlarm: 1,
        meaning: `messages were dead-lettered within the last ${LATENESS_MINUTES} minutes.`,
        article: 'dead-letters',
      },
      'deadLetterQueue',
    );
  }

  private functionErrors(): OperationsAlarm {
    const { consumer, functionErrors: threshold } = this.props;
    return this.alarm('FunctionErrors', {
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
    return this.alarm('Retrying', {
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
    return this.alarm('RetentionAtRisk', {
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

  /**
   * Of a letter that SQS moved, the age counts from the move, while SQS keeps it from when it was first sent: up to the
   * retention of the source queue before.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
   */
  private oldestDeadLetter(): OperationsAlarm {
    const { deadLetterQueue, retention, deadLetterRetention } = this.props.consumer;
    const [days, kept] = [deadLetterRetention.minus(retention), deadLetterRetention].map((time) =>
      time.toDays({ integral: false }),
    );
    return this.alarm(
      'OldestDeadLetter',
      {
        metric: oldestIn(deadLetterQueue),
        threshold: deadLetterRetention.minus(retention).toSeconds(),
        meaning: `the oldest dead letter has lain there for ${days} days; after ${kept} days at most it is deleted.`,
        article: 'oldest-dead-letter',
        announce: 'pages',
      },
      'deadLetterQueue',
    );
  }

  private queueDepth(): OperationsAlarm {
    const { consumer, queueDepth: threshold } = this.props;
    return this.alarm('QueueDepth', {
      metric: waitingIn(consumer.queue),
      threshold,
      evaluationPeriods: 5,
      meaning: `the queue has held ${atLeast(threshold, 'waiting message')} for 5 minutes.`,
      article: 'queue-depth',
      announce: 'notices',
    });
  }

  /** While dead letters are there, DeadLetters is in ALARM already and new ones change nothing. This one sees them. */
  private deadLettersGrowing(): OperationsAlarm {
    return this.alarm(
      'DeadLettersGrowing',
      {
        metric: new MathExpression({
          expression: 'DIFF(letters)',
          usingMetrics: { letters: messagesIn(this.props.consumer.deadLetterQueue) },
          period: MINUTE,
          label: 'New dead letters',
        }),
        threshold: 1,
        meaning: 'new messages have joined those in the dead-letter queue.',
        article: 'dead-letters-growing',
        announce: 'notices',
      },
      'deadLetterQueue',
    );
  }

  private functionThrottles(): OperationsAlarm {
    const { consumer, functionThrottles: threshold } = this.props;
    return this.alarm('FunctionThrottles', {
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
    return this.alarm('PromiseBroken', {
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
    return this.alarm('NotPolled', {
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

  private summarize(): void {
    const { name, operations, consumer } = this.props;
    const unhealthy = new CompositeAlarm(this, 'Unhealthy', {
      alarmRule: AlarmRule.anyOf(
        ...this.summarized.map((alarm) => AlarmRule.fromAlarm(alarm, AlarmState.ALARM)),
      ),
      alarmDescription: alarmText(
        `${name}: the consumer is not doing its work; at least one of its alarms is in ALARM.`,
        `${operations.runbook}#unhealthy`,
        { Queue: queuePage(consumer.queue), Function: functionPage(consumer.function) },
      ),
    });
    notify(unhealthy, operations.pages);
  }

  /** @param props without links: to the queue, unless `about` is the dead-letter queue, and to the function */
  private alarm(
    id: string,
    props: Omit<OperationsAlarmProps, 'operations' | 'links'>,
    about: 'queue' | 'deadLetterQueue' = 'queue',
  ): OperationsAlarm {
    const { name, operations, consumer } = this.props;
    return new OperationsAlarm(this, id, {
      ...props,
      meaning: `${name}: ${props.meaning}`,
      links: { Queue: queuePage(consumer[about]), Function: functionPage(consumer.function) },
      operations,
    });
  }
}
