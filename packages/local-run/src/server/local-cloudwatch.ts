import type { AlarmState, AlarmStatus, AlarmType } from '../cloudwatch/alarm.ts';
import type { Dimensions } from '../cloudwatch/metrics.ts';
import type { Json } from '../json.ts';
import type { Question } from '../pending-answers.ts';
import type { EmulatorRequest } from './messages.ts';

type Ask = <T>(question: Question<EmulatorRequest>) => Promise<T>;

/** CloudWatch as the main thread reaches it; metrics, alarms and their clock are in the emulators' thread. */
export class LocalCloudWatch {
  private readonly ask: Ask;

  constructor(ask: Ask) {
    this.ask = ask;
  }

  /**
   * @param properties of AWS::CloudWatch::Alarm or AWS::CloudWatch::CompositeAlarm, resolved
   * @returns its ARN
   * @throws Error naming what the local run does not know
   */
  addAlarm(type: AlarmType, name: string, properties: Record<string, Json>): Promise<string> {
    return this.ask({ ask: 'add-alarm', type, name, properties });
  }

  /** Ends the current minute: takes its datapoints, evaluates the alarms and publishes their notifications. */
  endMinute(): Promise<void> {
    return this.ask({ ask: 'end-minute' });
  }

  /** Sets the clock forward by so many minutes in which nothing is measured and nothing evaluated. */
  skipMinutes(count: number): Promise<void> {
    return this.ask({ ask: 'skip-minutes', count });
  }

  /** From here on minutes also end by the machine's own clock. */
  followRealTime(): Promise<void> {
    return this.ask({ ask: 'follow-real-time' });
  }

  alarms(): Promise<AlarmStatus[]> {
    return this.ask({ ask: 'alarms' });
  }

  /** State of each alarm, by name. */
  async alarmStates(): Promise<Record<string, AlarmState>> {
    return Object.fromEntries((await this.alarms()).map(({ name, state }) => [name, state]));
  }

  /** The sum of a metric's values since the start, 0 where there are none. */
  metricSum(namespace: string, name: string, dimensions: Dimensions): Promise<number> {
    return this.ask({ ask: 'metric-sum', namespace, name, dimensions });
  }
}
