// Which datapoints of a queue reach CloudWatch, and when, where these come as late and as incomplete as AWS allows.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html

import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { mersenne } from 'pure-rand/generator/mersenne';

/** How late and incomplete the metrics of queues are; those of topics, functions and of the functions' own are not. */
export interface LateMetrics {
  /** For how long nothing arrives of a queue that was inactive; AWS says up to 15 minutes. Then all of it does at once. */
  readonly minutes: number;
  /** After how many minutes without messages and requests a queue is inactive. At the start all are. @default 360 */
  readonly inactiveAfter?: number;
  /** Share of the datapoints that never arrive, from 0 to 1. @default 0 */
  readonly missing?: number;
}

/** Value of one metric of a queue in the minute that ended so many minutes ago; 0 is the one that ends now. */
export interface QueueDatapoint {
  readonly metric: string;
  readonly value: number;
  readonly minutesAgo: number;
}

/** Of an active queue it is always reported, the others only where there is something to count. */
const ALWAYS_REPORTED = 'ApproximateNumberOfMessagesVisible';

interface QueueActivity {
  idleMinutes: number;
  /** Minutes until its datapoints arrive. */
  wait: number;
  held: QueueDatapoint[];
}

/** Holds datapoints back. */
export class LateDatapoints {
  private readonly options: Required<LateMetrics>;
  /** Its seed is any: which datapoints never arrive is the same in every run. */
  private readonly generator = mersenne(1);
  private readonly queues = new Map<string, QueueActivity>();

  constructor(options: LateMetrics) {
    this.options = { inactiveAfter: 360, missing: 0, ...options };
  }

  /**
   * The datapoints of a queue that arrive at the end of a minute. It is to be called once a minute.
   * @param isActive whether the queue held a message or was asked for anything within the minute
   * @param points its datapoints of the minute
   */
  arriving(queueName: string, isActive: boolean, points: QueueDatapoint[]): QueueDatapoint[] {
    const queue = this.activityOf(queueName);
    const { minutes, inactiveAfter } = this.options;
    if (isActive && queue.idleMinutes >= inactiveAfter) queue.wait = minutes;
    else queue.wait = Math.max(0, queue.wait - 1);
    queue.idleMinutes = isActive ? 0 : queue.idleMinutes + 1;
    queue.held = queue.held.map((point) => ({ ...point, minutesAgo: point.minutesAgo + 1 }));
    if (queue.idleMinutes < inactiveAfter) queue.held.push(...points.filter((each) => this.comes(each)));
    if (queue.wait > 0) return [];
    const arriving = queue.held;
    queue.held = [];
    return arriving;
  }

  private comes({ metric, value }: QueueDatapoint): boolean {
    return (
      (value > 0 || metric === ALWAYS_REPORTED) && uniformFloat64(this.generator) >= this.options.missing
    );
  }

  private activityOf(queueName: string): QueueActivity {
    let queue = this.queues.get(queueName);
    if (!queue) {
      queue = { idleMinutes: Number.POSITIVE_INFINITY, wait: 0, held: [] };
      this.queues.set(queueName, queue);
    }
    return queue;
  }
}
