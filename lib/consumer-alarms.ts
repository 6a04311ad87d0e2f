import { Duration } from 'aws-cdk-lib';
import { AlarmRule, AlarmState, CompositeAlarm, MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { alarmText } from '../contract/alarm-text.ts';
import { checkWithin } from './checks/settings.ts';
import type { Consumer } from './consumer.ts';
import { notify, OperationsAlarm, type OperationsAlarmProps } from './operations/operations-alarm.ts';

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);

export interface ConsumerAlarmsProps {
  readonly consumer: Consumer;
  /** The consumer's name in the alarms' descriptions. */
  readonly name: string;
  readonly operationsTopic: ITopic;
  /** Messages waiting, for 5 minutes on end. */
  readonly queueDepth: number;
  /** Age of the oldest waiting message, in whole seconds, while the queue does not shrink. */
  readonly oldestMessage: Duration;
  /** Failed invocations within 5 minutes. */
  readonly functionErrors: number;
  /** Throttled invocations within 5 minutes. */
  readonly functionThrottles: number;
}

/** The alarms of one consumer: six, and a composite alarm that is in ALARM while any of them is. */
export class ConsumerAlarms extends Construct {
  private readonly name: string;
  private readonly operationsTopic: ITopic;

  constructor(scope: Construct, id: string, props: ConsumerAlarmsProps) {
    super(scope, id);
    this.name = props.name;
    this.operationsTopic = props.operationsTopic;
    const { queue, deadLetterQueue } = props.consumer;

    this.summarize([
      this.queueDepth(queue, props.queueDepth),
      this.notDraining(queue, props.oldestMessage),
      this.deadLetters(deadLetterQueue),
      this.deadLettersGrowing(deadLetterQueue),
      this.functionErrors(props),
      this.functionThrottles(props),
    ]);
  }

  private queueDepth(queue: IQueue, threshold: number): OperationsAlarm {
    return this.alarm('QueueDepth', {
      metric: queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: Stats.MAXIMUM }),
      threshold,
      evaluationPeriods: 5,
      meaning: `${threshold} messages or more have been waiting for 5 minutes.`,
      article: 'queue-depth',
    });
  }

  /** Depth or age alone is also high in a busy hour. Old messages in a queue that does not shrink mean a stuck consumer. */
  private notDraining(queue: IQueue, oldest: Duration): OperationsAlarm {
    const seconds = oldest.toSeconds({ integral: false });
    // SQS keeps no message longer than 14 days.
    checkWithin(this, 'threshold for the oldest message', seconds, {
      min: 1,
      max: 1_209_600,
      unit: 'seconds',
    });
    return this.alarm('NotDraining', {
      metric: new MathExpression({
        expression: `IF(age >= ${seconds} AND DIFF(backlog) >= 0, 1, 0)`,
        usingMetrics: {
          age: queue.metricApproximateAgeOfOldestMessage({ period: MINUTE, statistic: Stats.MAXIMUM }),
          backlog: messagesIn(queue),
        },
        period: MINUTE,
        label: 'Old and not draining',
      }),
      threshold: 1,
      // One minute out of five may bring a dip: even of a stuck consumer a message expires or is dead-lettered now and then.
      evaluationPeriods: 5,
      datapointsToAlarm: 4,
      meaning: `the oldest message has waited ${seconds} seconds or more, and the queue is not getting shorter.`,
      article: 'not-draining',
    });
  }

  private deadLetters(deadLetterQueue: IQueue): OperationsAlarm {
    return this.alarm('DeadLetters', {
      // Not the number sent, which leaves out what SQS itself moves there. In flight included, or else
      // reading the queue would return the alarm to OK for as long as the messages are not visible.
      metric: messagesIn(deadLetterQueue),
      threshold: 1,
      meaning: 'messages lie in the dead-letter queue; they will not be tried again by themselves.',
      article: 'dead-letters',
    });
  }

  /** While dead-letter messages are there, the alarm above is in ALARM already and new ones change nothing. This one sees them. */
  private deadLettersGrowing(deadLetterQueue: IQueue): OperationsAlarm {
    return this.alarm('DeadLettersGrowing', {
      metric: new MathExpression({
        expression: 'DIFF(letters)',
        usingMetrics: { letters: messagesIn(deadLetterQueue) },
        period: MINUTE,
        label: 'New dead letters',
      }),
      threshold: 1,
      meaning: 'new messages have joined those in the dead-letter queue.',
      article: 'dead-letters-growing',
    });
  }

  private functionErrors({ consumer, functionErrors: threshold }: ConsumerAlarmsProps): OperationsAlarm {
    return this.alarm('FunctionErrors', {
      metric: consumer.function.metricErrors({ period: FIVE_MINUTES, statistic: Stats.SUM }),
      threshold,
      meaning:
        `the function failed as a whole ${threshold} times or more within 5 minutes: it crashed, timed out or ran ` +
        'out of memory.',
      article: 'function-errors',
    });
  }

  private functionThrottles({
    consumer,
    functionThrottles: threshold,
  }: ConsumerAlarmsProps): OperationsAlarm {
    return this.alarm('FunctionThrottles', {
      metric: consumer.function.metricThrottles({ period: FIVE_MINUTES, statistic: Stats.SUM }),
      threshold,
      meaning: `Lambda refused ${threshold} invocations or more within 5 minutes for want of concurrency.`,
      article: 'function-throttles',
    });
  }

  private summarize(alarms: OperationsAlarm[]): void {
    const unhealthy = new CompositeAlarm(this, 'Unhealthy', {
      alarmRule: AlarmRule.anyOf(...alarms.map((alarm) => AlarmRule.fromAlarm(alarm, AlarmState.ALARM))),
      alarmDescription: alarmText(
        `${this.name} is unhealthy: at least one of its alarms is on.`,
        'unhealthy',
      ),
    });
    notify(unhealthy, this.operationsTopic);
  }

  private alarm(id: string, props: Omit<OperationsAlarmProps, 'operationsTopic'>): OperationsAlarm {
    return new OperationsAlarm(this, id, {
      ...props,
      meaning: `${this.name}: ${props.meaning}`,
      operationsTopic: this.operationsTopic,
    });
  }
}

/** All messages of a queue: those that wait and those that are being worked on. */
function messagesIn(queue: IQueue): MathExpression {
  return new MathExpression({
    expression: 'visible + inFlight',
    usingMetrics: {
      visible: queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: Stats.MAXIMUM }),
      inFlight: queue.metricApproximateNumberOfMessagesNotVisible({
        period: MINUTE,
        statistic: Stats.MAXIMUM,
      }),
    },
    period: MINUTE,
  });
}
