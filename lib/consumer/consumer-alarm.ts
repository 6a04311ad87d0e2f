import type { Construct } from 'constructs';
import { functionPage, queuePage } from '../alarms/console-links.ts';
import type { Operations } from '../alarms/operations.ts';
import { OperationsAlarm, type OperationsAlarmProps } from '../alarms/operations-alarm.ts';
import type { Consumer } from './consumer.ts';

/** A consumer whose alarms are announced. */
export interface AlarmedConsumer {
  readonly consumer: Consumer;
  /** Its name in the alarms' descriptions. */
  readonly name: string;
  readonly operations: Operations;
}

/** Which of the consumer's queues an alarm is about. */
export type About = 'queue' | 'deadLetterQueue';

interface ConsumerAlarmProps extends Omit<OperationsAlarmProps, 'operations' | 'links'> {
  /** @default - the queue */
  readonly about?: About | undefined;
}

/** Makes an alarm of a consumer, whose text begins with its name and leads to the pages of its queue and its function. */
export function consumerAlarm(
  scope: Construct,
  id: string,
  of: AlarmedConsumer,
  { about = 'queue', ...props }: ConsumerAlarmProps,
): OperationsAlarm {
  return new OperationsAlarm(scope, id, {
    ...props,
    meaning: `${of.name}: ${props.meaning}`,
    links: pagesOf(of, about),
    operations: of.operations,
  });
}

/** Name → address in the AWS console. */
export function pagesOf({ consumer }: AlarmedConsumer, about: About): Record<string, string> {
  return { Queue: queuePage(consumer[about]), Function: functionPage(consumer.function) };
}
