// CloudWatch of the local run: takes a minute's datapoints off queues and topics and evaluates the alarms with them.
import type { MessagingSample, QueueSample } from '../fauxqs/messaging-metrics.ts';
import type { AlarmState } from './alarm.ts';
import type { Notification } from './alarm-notification.ts';
import { Alarms } from './alarms.ts';
import { LateDatapoints, type LateMetrics, type QueueDatapoint } from './late-metrics.ts';
import { Metrics } from './metrics.ts';

const MINUTE = 60_000;
/** What a queue did within a minute, by the name of its CloudWatch metric. */
const QUEUE_COUNTS = {
  NumberOfMessagesSent: 'sent',
  NumberOfMessagesReceived: 'received',
  NumberOfEmptyReceives: 'emptyReceives',
  NumberOfMessagesDeleted: 'deleted',
} as const;

/** What CloudWatch takes its datapoints from, and what it does with notifications. */
export interface CloudWatchOptions {
  /** What queues hold, and what they and the topics did since the start. */
  sample(): MessagingSample;
  /** Publishes a notification, or says in AWS's sentence why it may not be published. */
  publish(notification: Notification): string | undefined;
  /** Called with each notification that is refused. */
  onProblem(problem: string): void;
  /** How late and incomplete the metrics of queues are. @default - they are neither */
  lateMetrics?: LateMetrics | undefined;
}

/**
 * Metrics and alarms on a clock of their own, which each call of `endMinute` sets forward by a minute. All that happens
 * between two calls counts to one minute, however long it really took.
 */
export class CloudWatch {
  readonly metrics = new Metrics();
  readonly alarms = new Alarms();
  private readonly options: CloudWatchOptions;
  private readonly late: LateDatapoints | undefined;
  private last: MessagingSample = { queues: [], topics: [] };
  /** The clock's time at the end of the last minute, and the real time then; the latest is at the end. */
  private readonly turns: { real: number; time: number }[];
  private timer: NodeJS.Timeout | undefined;

  constructor(options: CloudWatchOptions) {
    this.options = options;
    this.late = options.lateMetrics && new LateDatapoints(options.lateMetrics);
    const now = Date.now();
    this.turns = [{ real: now, time: now - (now % MINUTE) }];
  }

  /** Ends the current minute: takes its datapoints, evaluates the alarms and publishes their notifications. */
  endMinute(): void {
    const taken = this.options.sample();
    const time = this.now.time + MINUTE;
    this.record(taken, time);
    this.turns.push({ real: Date.now(), time });
    this.last = taken;
    this.metrics.endMinute(this.alarms.lookBackMinutes);
    this.publish(this.alarms.evaluate(this.metrics, time));
  }

  /** Sets the clock forward by so many minutes in which nothing is measured and nothing evaluated: days need not be waited for. */
  skipMinutes(count: number): void {
    for (let minute = 0; minute < Math.min(count, this.alarms.lookBackMinutes); minute += 1) {
      this.metrics.endMinute(this.alarms.lookBackMinutes);
    }
    this.turns.push({ real: Date.now(), time: this.now.time + count * MINUTE });
  }

  /** Sets an alarm to a state, as SetAlarmState does. @returns whether there is such an alarm */
  setAlarmState(name: string, state: AlarmState, reason: string): boolean {
    const notifications = this.alarms.set(name, state, reason, this.timeOf(Date.now()));
    this.publish(notifications ?? []);
    return notifications !== undefined;
  }

  /** From here on minutes also end by the machine's own clock. */
  followRealTime(): void {
    clearTimeout(this.timer);
    this.endMinuteIn(this.untilNextMinute());
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** What this clock shows at the end of the last whole minute, in milliseconds since the epoch. */
  get lastMinute(): number {
    return this.now.time;
  }

  /** The time that this clock showed at a real moment; what was there before it started is as old as it really is. */
  timeOf(real: number): number {
    const turn = this.turns.findLast((each) => each.real < real);
    if (!turn) return Math.min(real, this.turns[0]?.time ?? real);
    return turn.time + Math.min(MINUTE, real - turn.real);
  }

  private get now(): { real: number; time: number } {
    return this.turns.at(-1) as { real: number; time: number };
  }

  private endMinuteIn(milliseconds: number): void {
    const next = () => {
      this.endMinute();
      this.endMinuteIn(this.untilNextMinute());
    };
    this.timer = setTimeout(next, milliseconds).unref();
  }

  private untilNextMinute(): number {
    return Math.max(0, this.now.time + MINUTE - Date.now());
  }

  private publish(notifications: Notification[]): void {
    for (const notification of notifications) {
      const denial = this.options.publish(notification);
      this.alarms.history.action(notification, denial);
      if (denial) {
        this.options.onProblem(`alarm notification "${notification.subject}" was refused: ${denial}`);
      }
    }
  }

  private record(sample: MessagingSample, time: number): void {
    const { metrics } = this;
    for (const queue of sample.queues) this.recordQueue(queue, time);
    for (const { name, counts } of sample.topics) {
      const before = this.last.topics.find((topic) => topic.name === name)?.counts ?? {};
      for (const [metric, count] of Object.entries(counts)) {
        const added = count - (before[metric] ?? 0);
        if (added > 0) metrics.add('AWS/SNS', metric, { TopicName: name }, added);
      }
    }
  }

  private recordQueue(queue: QueueSample, time: number): void {
    const before = this.last.queues.find(({ name }) => name === queue.name);
    const counts = Object.entries(QUEUE_COUNTS).map(([metric, count]): [string, number] => [
      metric,
      queue[count] - (before?.[count] ?? 0),
    ]);
    const isIdle = counts.every(([, count]) => count === 0);
    const age = queue.oldestSince === undefined ? 0 : time - this.timeOf(queue.oldestSince);
    const values = Object.entries({
      ApproximateNumberOfMessagesVisible: queue.visible,
      ApproximateNumberOfMessagesNotVisible: queue.inFlight,
      ApproximateNumberOfMessagesDelayed: queue.delayed,
      ApproximateAgeOfOldestMessage: Math.floor(age / 1000),
      ...Object.fromEntries(counts),
      // Minutes here may be shorter than a poll: one that lasts through a minute counts to it.
      ...(isIdle && queue.polls > 0 && { NumberOfEmptyReceives: 1 }),
    });
    const points = values.map(([metric, value]): QueueDatapoint => ({ metric, value, minutesAgo: 0 }));
    const isActive = !isIdle || queue.polls + queue.visible + queue.inFlight + queue.delayed > 0;
    for (const { metric, value, minutesAgo } of this.late?.arriving(queue.name, isActive, points) ?? points) {
      this.metrics.add('AWS/SQS', metric, { QueueName: queue.name }, value, minutesAgo);
    }
  }
}
