/** The health of a stack: what its queues hold, whether consumers are on and what they have done lately, and alarms in ALARM. */

import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type MetricAlarm,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { readAlarmText } from '../../contract/alarm-text.ts';
import type { MetricName } from '../../contract/metrics.ts';
import { alarmsId } from '../../contract/names.ts';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from './clients.ts';
import { isEnabled } from './event-source-mapping.ts';
import { queueDepth } from './queue-depth.ts';
import type { StackHandles } from './stack.ts';
import { logicalIdOf, readMetricAlarms } from './stack-alarms.ts';

export interface Health {
  readonly at: Date;
  /** As the stack lists them. */
  readonly consumers: readonly ConsumerHealth[];
  /** Messages that no consumer's subscription asks for, in flight or not. */
  readonly unrouted: number;
  /** Alarms in ALARM that belong to no consumer: the topic's. */
  readonly alarms: readonly AlarmOn[];
}

export interface ConsumerHealth {
  readonly name: string;
  /** Whether it takes messages from its queue; undefined where that may not be read. */
  readonly enabled: boolean | undefined;
  /** Messages in the queue that are not in flight, delayed ones included. */
  readonly waiting: number;
  /** Messages that are being processed, or wait for their next try. */
  readonly inFlight: number;
  /** All messages in the dead-letter queue, in flight or not. */
  readonly deadLetters: number;
  /** Age of the oldest message in the last minute with a data point; undefined for an empty queue, or without one. */
  readonly oldestSeconds: number | undefined;
  /** Messages in the last five minutes. */
  readonly processed: number;
  /** Messages in each of the last minutes, oldest first; the last one is not over. */
  readonly processedByMinute: readonly number[];
  /** Those in ALARM. */
  readonly alarms: readonly AlarmOn[];
}

/** An alarm in the state ALARM. */
export interface AlarmOn {
  readonly name: string;
  readonly since: Date | undefined;
  /** What it means, in a sentence. */
  readonly description: string;
  /** Its article: `docs/runbook.md#dead-letters`. */
  readonly article: string | undefined;
}

type HealthClients = Pick<Clients, 'sqs' | 'cloudWatch' | 'lambda'>;

const MINUTE = 60_000;
/** Of which the last five are summed up. */
const MINUTES = 15;
const LATELY = 5;

/** @throws whatever the SDK throws */
export async function lookAtHealth(clients: HealthClients, stack: StackHandles): Promise<Health> {
  const at = new Date();
  const [figures, enabled, unrouted, metrics, alarms] = await Promise.all([
    Promise.all(stack.consumers.map((consumer) => queueFigures(clients.sqs, consumer))),
    Promise.all(stack.consumers.map((consumer) => isEnabled(clients.lambda, consumer))),
    messagesIn(clients.sqs, stack.unroutedQueueUrl),
    readMetrics(clients.cloudWatch, stack, at),
    readAlarms(clients.cloudWatch, stack),
  ]);
  const consumers = stack.consumers.map(({ name }, index) => {
    const { waiting = 0, inFlight = 0, deadLetters = 0 } = figures[index] ?? {};
    const { ages = [], processed = [] } = metrics[index] ?? {};
    const processedByMinute = processed.map((each) => each ?? 0);
    return {
      name,
      enabled: enabled[index],
      waiting,
      inFlight,
      deadLetters,
      // The metric is a minute old; the depth of the queue is not.
      oldestSeconds:
        waiting + inFlight === 0 ? undefined : ages.slice(-LATELY).findLast((age) => age !== undefined),
      processed: processedByMinute.slice(-LATELY).reduce((sum, each) => sum + each, 0),
      processedByMinute,
      alarms: alarms(name),
    };
  });
  return { at, consumers, unrouted, alarms: alarms(undefined) };
}

/** Whether there is nothing to do. */
export function isWell({ consumers, unrouted, alarms }: Health): boolean {
  return (
    alarms.length === 0 &&
    unrouted === 0 &&
    consumers.every((each) => each.enabled !== false && each.deadLetters === 0 && each.alarms.length === 0)
  );
}

async function queueFigures(sqs: SQSClient, { queueUrl, deadLetterQueueUrl }: ConsumerHandles) {
  const [queue, deadLetters] = await Promise.all([
    queueDepth(sqs, queueUrl),
    messagesIn(sqs, deadLetterQueueUrl),
  ]);
  return { ...queue, deadLetters };
}

async function messagesIn(sqs: SQSClient, queueUrl: string): Promise<number> {
  const { waiting, inFlight } = await queueDepth(sqs, queueUrl);
  return waiting + inFlight;
}

type Series = (number | undefined)[];

/** For each consumer the last minutes of its metrics, oldest first. Consumers' own metrics are in the namespace of their stack's name. */
async function readMetrics(
  cloudWatch: CloudWatchClient,
  { name: stack, consumers }: StackHandles,
  at: Date,
): Promise<{ ages: Series; processed: Series }[]> {
  const start = Math.floor(at.getTime() / MINUTE) * MINUTE - (MINUTES - 1) * MINUTE;
  const queries = consumers.flatMap(({ name, queueUrl }, index): MetricDataQuery[] => [
    query(`age${index}`, 'Maximum', 'AWS/SQS', 'ApproximateAgeOfOldestMessage', {
      QueueName: queueUrl.split('/').at(-1) ?? '',
    }),
    query(`processed${index}`, 'Sum', stack, 'Processed' satisfies MetricName, { service: name }),
  ]);
  const { MetricDataResults = [] } = await cloudWatch.send(
    new GetMetricDataCommand({
      MetricDataQueries: queries,
      StartTime: new Date(start),
      EndTime: new Date(start + MINUTES * MINUTE),
      ScanBy: 'TimestampAscending',
    }),
  );
  const series = (id: string, join: (one: number, other: number) => number): Series => {
    const values: Series = Array.from({ length: MINUTES }, () => undefined);
    const { Timestamps = [], Values = [] } = MetricDataResults.find(({ Id }) => Id === id) ?? {};
    for (const [index, time] of Timestamps.entries()) {
      // If AWS's clock is ahead of this one, its newest data points count for the last minute.
      const minute = Math.min(MINUTES - 1, Math.floor((time.getTime() - start) / MINUTE));
      const value = Values[index] ?? 0;
      if (minute >= 0) values[minute] = join(values[minute] ?? 0, value);
    }
    return values;
  };
  return consumers.map((_, index) => ({
    ages: series(`age${index}`, Math.max),
    processed: series(`processed${index}`, (one, other) => one + other),
  }));
}

function query(
  Id: string,
  Stat: string,
  Namespace: string,
  MetricName: string,
  dimensions: Record<string, string>,
): MetricDataQuery {
  const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
  return { Id, MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Period: 60, Stat } };
}

/** The stack's alarms in ALARM: those of a consumer, or of none. A composite alarm says nothing that others do not. */
async function readAlarms(
  cloudWatch: CloudWatchClient,
  { name: stackName, consumers }: StackHandles,
): Promise<(consumer: string | undefined) => AlarmOn[]> {
  const alarms = (await readMetricAlarms(cloudWatch, stackName, 'ALARM')).map((alarm) => {
    const id = logicalIdOf(alarm.AlarmName ?? '', stackName);
    const owner = consumers.find(({ name }) => id?.startsWith(alarmsId(name)))?.name;
    return { owner, alarm: alarmOn(alarm) };
  });
  return (consumer) => alarms.filter(({ owner }) => owner === consumer).map(({ alarm }) => alarm);
}

function alarmOn({
  AlarmName = '',
  AlarmDescription = '',
  StateTransitionedTimestamp,
}: MetricAlarm): AlarmOn {
  const { meaning: description, article } = readAlarmText(AlarmDescription);
  return { name: AlarmName, since: StateTransitionedTimestamp, description, article };
}
