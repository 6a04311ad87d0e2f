// CloudWatch of the local run: takes a minute's datapoints off the emulators and evaluates the alarms with them.
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Alarms } from './alarms.ts';
import type { Emulators } from './emulators.ts';
import type { MessagingSample } from './fauxqs/messaging-metrics.ts';
import type { Metrics } from './metrics.ts';

const MINUTE = 60_000;
/** What a queue did within a minute, by the name of its CloudWatch metric. */
const QUEUE_COUNTS = {
  NumberOfMessagesSent: 'sent',
  NumberOfMessagesReceived: 'received',
  NumberOfMessagesDeleted: 'deleted',
} as const;

export interface CloudWatchOptions {
  metrics: Metrics;
  alarms: Alarms;
  emulators: Emulators;
  sns: SNSClient;
  /** Called with what goes wrong: an announcement that is refused. */
  onProblem(problem: string): void;
}

/**
 * Metrics and alarms on a clock of their own, which goes on a minute whenever it is told to. All that happens between two
 * such moments counts to one minute, however long it really took.
 */
export class LocalCloudWatch {
  readonly alarms: Alarms;
  private readonly options: CloudWatchOptions;
  private last: MessagingSample = { queues: [], topics: [] };
  /** The clock's time at the end of the last minute, and the real time then; the latest is at the end. */
  private readonly turns: { real: number; time: number }[];
  private ending: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(options: CloudWatchOptions) {
    this.options = options;
    this.alarms = options.alarms;
    const now = Date.now();
    this.turns = [{ real: now, time: now - (now % MINUTE) }];
  }

  /** Ends the present minute: its datapoints are taken, alarms change their states, and announce it on their topics. */
  endMinute(): Promise<void> {
    // One that could not be ended is no reason to end none ever after.
    this.ending = this.ending.catch(() => {}).then(() => this.end());
    return this.ending;
  }

  /** From here on minutes also end by the machine's own clock. */
  followRealTime(): void {
    this.endMinuteIn(this.untilNextMinute());
  }

  /** Lets a minute that is ending come to its end. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.ending.catch(() => {});
  }

  private get now(): { real: number; time: number } {
    return this.turns.at(-1) as { real: number; time: number };
  }

  private endMinuteIn(milliseconds: number): void {
    const next = async () => {
      const pause = await this.endMinute().then(
        () => this.untilNextMinute(),
        (error: Error) => {
          this.options.onProblem(`ending a minute: ${error.message}`);
          return MINUTE;
        },
      );
      if (this.timer) this.endMinuteIn(pause);
    };
    this.timer = setTimeout(() => void next(), milliseconds).unref();
  }

  private untilNextMinute(): number {
    return Math.max(0, this.now.time + MINUTE - Date.now());
  }

  private async end(): Promise<void> {
    const { emulators, metrics, sns, onProblem } = this.options;
    const sample = await emulators.sample();
    const time = this.now.time + MINUTE;
    this.record(sample, time);
    this.turns.push({ real: Date.now(), time });
    this.last = sample;
    metrics.endMinute(this.alarms.minutes);
    for (const { alarmArn, topicArn, subject, message } of this.alarms.evaluate(metrics, time)) {
      const caller = { service: 'cloudwatch.amazonaws.com', source: alarmArn };
      const denial = await emulators.denial(caller, [{ action: 'sns:Publish', resource: topicArn }]);
      if (denial) onProblem(`alarm notification "${subject}" was refused: ${denial}`);
      else await sns.send(new PublishCommand({ TopicArn: topicArn, Subject: subject, Message: message }));
    }
  }

  private record(sample: MessagingSample, time: number): void {
    const { metrics } = this.options;
    for (const queue of sample.queues) {
      const before = this.last.queues.find(({ name }) => name === queue.name);
      const add = (metric: string, value: number) =>
        metrics.add('AWS/SQS', metric, { QueueName: queue.name }, value);
      add('ApproximateNumberOfMessagesVisible', queue.visible);
      add('ApproximateNumberOfMessagesNotVisible', queue.inFlight);
      add('ApproximateNumberOfMessagesDelayed', queue.delayed);
      const age = queue.oldestSince === undefined ? 0 : time - this.timeOf(queue.oldestSince);
      add('ApproximateAgeOfOldestMessage', Math.floor(age / 1000));
      for (const [metric, count] of Object.entries(QUEUE_COUNTS)) {
        add(metric, queue[count] - (before?.[count] ?? 0));
      }
    }
    for (const { name, counts } of sample.topics) {
      const before = this.last.topics.find((topic) => topic.name === name)?.counts ?? {};
      for (const [metric, count] of Object.entries(counts)) {
        const added = count - (before[metric] ?? 0);
        if (added > 0) metrics.add('AWS/SNS', metric, { TopicName: name }, added);
      }
    }
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
}
