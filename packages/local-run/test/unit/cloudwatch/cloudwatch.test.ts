import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { CloudWatch } from '../../../src/cloudwatch/cloudwatch.ts';
import { answerCloudWatch } from '../../../src/cloudwatch/cloudwatch-api.ts';
import type { LateMetrics } from '../../../src/cloudwatch/late-metrics.ts';
import type { Statistic } from '../../../src/cloudwatch/metrics.ts';
import type { MessagingSample, QueueSample } from '../../../src/fauxqs/messaging-metrics.ts';
import type { Json } from '../../../src/protocol/json.ts';

const TOPIC = 'arn:aws:sns:us-east-1:000000000000:operations';
const idle: QueueSample = {
  name: 'work',
  visible: 0,
  inFlight: 0,
  delayed: 0,
  polls: 0,
  sent: 0,
  received: 0,
  emptyReceives: 0,
  deleted: 0,
  movedToDeadLetterQueue: 0,
};

/** CloudWatch over queues and topics that hold what the test says. */
function watched(lateMetrics?: LateMetrics) {
  const sample: MessagingSample = { queues: [], topics: [] };
  const cloudWatch = new CloudWatch({
    sample: () => structuredClone(sample),
    publish: () => undefined,
    onProblem() {},
    lateMetrics,
  });
  const { metrics, alarms } = cloudWatch;
  // So that metrics are kept for an hour.
  alarms.add('MetricAlarm', 'any', {
    Namespace: 'AWS/SQS',
    MetricName: 'NumberOfMessagesSent',
    Dimensions: [{ Name: 'QueueName', Value: 'work' }],
    Statistic: 'Sum',
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 5,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    AlarmActions: [TOPIC],
  });
  const last = (
    statistic: Statistic,
    name: string,
    namespace = 'AWS/SQS',
    dimensions: Record<string, string> = { QueueName: 'work' },
  ) => metrics.statistic(statistic, namespace, name, dimensions, 1, 0);
  return { cloudWatch, sample, last, metrics };
}

beforeEach(() => {
  jest.useFakeTimers();
  jest.setSystemTime(Date.UTC(2026, 10, 11, 2, 45, 20));
});

afterEach(() => {
  jest.useRealTimers();
});

describe('a minute', () => {
  test('has what a queue holds at its end, and what it did since the last one', () => {
    const { cloudWatch, sample, last } = watched();
    sample.queues = [{ ...idle, visible: 3, inFlight: 2, delayed: 1, sent: 10, received: 8, deleted: 4 }];
    cloudWatch.endMinute();
    sample.queues = [{ ...idle, visible: 4, sent: 13, received: 8, deleted: 9 }];

    cloudWatch.endMinute();

    expect(last('Maximum', 'ApproximateNumberOfMessagesVisible')).toBe(4);
    expect(last('Maximum', 'ApproximateNumberOfMessagesNotVisible')).toBe(0);
    expect(last('Maximum', 'ApproximateNumberOfMessagesDelayed')).toBe(0);
    expect(last('Maximum', 'ApproximateAgeOfOldestMessage')).toBe(0);
    expect(last('Sum', 'NumberOfMessagesSent')).toBe(3);
    expect(last('Sum', 'NumberOfMessagesReceived')).toBe(0);
    expect(last('Sum', 'NumberOfMessagesDeleted')).toBe(5);
  });

  test('has what a topic did, and nothing of a topic that did nothing', () => {
    const { cloudWatch, sample, last } = watched();
    const published = () => last('Sum', 'NumberOfMessagesPublished', 'AWS/SNS', { TopicName: 'orders' });
    sample.topics = [{ name: 'orders', counts: { NumberOfMessagesPublished: 2 } }];
    cloudWatch.endMinute();
    const first = published();
    sample.topics = [{ name: 'orders', counts: { NumberOfMessagesPublished: 7 } }];
    cloudWatch.endMinute();
    const second = published();

    cloudWatch.endMinute();

    expect([first, second, published()]).toEqual([2, 5, undefined]);
  });

  test('makes messages older by a minute of its own clock, whatever the real one says', () => {
    const { cloudWatch, sample, last } = watched();
    const age = () => {
      cloudWatch.endMinute();
      return last('Maximum', 'ApproximateAgeOfOldestMessage');
    };
    sample.queues = [{ ...idle, visible: 1, oldestSince: Date.now() }];
    const early = [age(), age(), age()];
    jest.advanceTimersByTime(5_000);
    sample.queues = [{ ...idle, visible: 1, oldestSince: Date.now() }];

    const late = [age(), age()];

    expect(early).toEqual([60, 120, 180]);
    expect(late).toEqual([55, 115]);
  });

  test('counts the receives that returned nothing, and a poll that lasts through it where none has ended', () => {
    const { cloudWatch, sample, last } = watched();
    const emptyReceives = (queue: Partial<QueueSample>) => {
      sample.queues = [{ ...idle, ...queue }];
      cloudWatch.endMinute();
      return last('Sum', 'NumberOfEmptyReceives');
    };

    const seen = [
      emptyReceives({ emptyReceives: 3 }),
      emptyReceives({ emptyReceives: 3 }),
      emptyReceives({ emptyReceives: 3, polls: 2 }),
      emptyReceives({ emptyReceives: 5, polls: 2 }),
      emptyReceives({ emptyReceives: 5, polls: 2, received: 1 }),
    ];

    expect(seen).toEqual([3, 0, 1, 2, 0]);
  });
});

describe('late metrics', () => {
  const visible = (queue: ReturnType<typeof watched>) =>
    queue.last('Maximum', 'ApproximateNumberOfMessagesVisible');
  test('of a queue that wakes arrive together after their delay, each in its minute, and on time from there', () => {
    const queue = watched({ minutes: 1 });
    const seen = [1, 2, 3].map((count) => {
      queue.sample.queues = [{ ...idle, visible: count }];
      queue.cloudWatch.endMinute();
      return visible(queue);
    });

    const minutes = [3, 2, 1].map((from) =>
      queue.metrics.statistic(
        'Maximum',
        'AWS/SQS',
        'ApproximateNumberOfMessagesVisible',
        { QueueName: 'work' },
        from,
        from - 1,
      ),
    );

    expect(seen).toEqual([undefined, 2, 3]);
    expect(minutes).toEqual([1, 2, 3]);
  });

  test('end with a queue that is inactive, and are late again once it wakes', () => {
    const queue = watched({ minutes: 1, inactiveAfter: 2 });
    const seen = [1, 1, 0, 0, 0, 1, 1].map((count) => {
      queue.sample.queues = [{ ...idle, visible: count }];
      queue.cloudWatch.endMinute();
      return visible(queue);
    });

    expect(seen).toEqual([undefined, 1, 0, undefined, undefined, undefined, 1]);
  });

  test('keep a queue awake that is only polled', () => {
    const queue = watched({ minutes: 0, inactiveAfter: 1 });
    queue.sample.queues = [{ ...idle, polls: 1 }];

    queue.cloudWatch.endMinute();
    queue.cloudWatch.endMinute();

    expect(visible(queue)).toBe(0);
  });

  test('report of a queue no counts where there is nothing to count, but what is visible', () => {
    const queue = watched({ minutes: 0 });
    queue.sample.queues = [{ ...idle, inFlight: 1 }];

    queue.cloudWatch.endMinute();

    expect(visible(queue)).toBe(0);
    expect(queue.last('Sum', 'NumberOfMessagesReceived')).toBeUndefined();
    expect(queue.last('Sum', 'NumberOfEmptyReceives')).toBeUndefined();
    expect(queue.last('Maximum', 'ApproximateNumberOfMessagesNotVisible')).toBe(1);
  });

  test('never bring the share that is missing', () => {
    const queue = watched({ minutes: 0, missing: 0.3 });
    queue.sample.queues = [{ ...idle, visible: 1 }];

    const gaps = Array.from({ length: 1_000 }, () => {
      queue.cloudWatch.endMinute();
      return visible(queue);
    }).filter((value) => value === undefined).length;

    expect(gaps).toBeGreaterThan(250);
    expect(gaps).toBeLessThan(350);
  });

  test('leave the metrics of topics and functions alone', () => {
    const { cloudWatch, sample, metrics, last } = watched({ minutes: 15, missing: 1 });
    sample.topics = [{ name: 'orders', counts: { NumberOfMessagesPublished: 2 } }];
    metrics.add('Plant', 'Heat', {}, 7);

    cloudWatch.endMinute();

    expect(last('Sum', 'NumberOfMessagesPublished', 'AWS/SNS', { TopicName: 'orders' })).toBe(2);
    expect(last('Sum', 'Heat', 'Plant', {})).toBe(7);
  });
});

test('minutes end when the machine clock does, again and again, until it is stopped', () => {
  const { cloudWatch, sample, last } = watched();
  cloudWatch.followRealTime();
  const sentAfter = (sent: number, ms: number) => {
    sample.queues = [{ ...idle, sent }];
    jest.advanceTimersByTime(ms);
    return last('Sum', 'NumberOfMessagesSent');
  };

  const seen = [sentAfter(1, 39_999), sentAfter(1, 1), sentAfter(4, 60_000)];
  cloudWatch.stop();

  expect([...seen, sentAfter(9, 120_000)]).toEqual([undefined, 1, 3, 3]);
});

test('an alarm is described as changed at the real moment when it was, however far its clock is ahead, and for good', () => {
  const { cloudWatch, sample } = watched();
  const since = () => {
    const answer = answerCloudWatch('DescribeAlarms', {}, cloudWatch) as { MetricAlarms: Json[] };
    const { StateTransitionedTimestamp, StateUpdatedTimestamp } = answer.MetricAlarms[0];
    return [StateTransitionedTimestamp, StateUpdatedTimestamp];
  };
  cloudWatch.endMinute();
  cloudWatch.endMinute();
  sample.queues = [{ ...idle, sent: 5 }];
  const changed = Date.now() / 1000;
  cloudWatch.endMinute();
  const atOnce = since();
  jest.advanceTimersByTime(20_000);

  const later = since();

  expect(atOnce).toEqual([changed, changed]);
  expect(later).toEqual([changed, changed]);
});
