// A table that is away: for almost as long as a consumer outlasts, for longer, and with five tries. An hour takes as long as the
// functions work on what becomes visible within it.

import fs from 'node:fs';
import path from 'node:path';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { queueDepth } from '../../cli/aws/queue-depth.ts';
import { lookAtDeadLetters } from '../../cli/dead-letters/look.ts';
import { generateEvents } from '../../cli/publishing/test-events.ts';
import { shortestTimeOf, triesToOutlast } from '../../contract/retries.ts';
import { fillTables } from '../../scenarios/fill-tables.ts';
import { PROJECT } from '../fixtures/project.ts';
import { startStack } from '../fixtures/running-stack.ts';

const ORDERS = 40;
const MINUTE = 60;
/** What lib/config.ts has consumers outlast. */
const OUTLAST = 6 * 60 * MINUTE;
const ALMOST = OUTLAST - 5 * MINUTE;
/** So long time passes minute by minute: by then the delays are longer than that. */
const SHORT_STEPS = 20 * MINUTE;
/** So often the alarms are looked at. */
const LOOK = 5 * MINUTE;

/** What has happened in the course of an outage. Times are in seconds from its beginning. */
interface Course {
  /** While the table was away. */
  readonly during: { readonly dead: number; readonly reserved: number };
  /** When the first and the last dead letter was there. */
  readonly deadAt: readonly [number, number] | undefined;
  /** When each alarm of the consumer was first in ALARM. */
  readonly alarmAt: ReadonlyMap<string, number>;
  /** Once the table was back, and nothing left to do. */
  readonly billed: number;
  readonly reasons: readonly string[];
}

const folder = temporaryFolder('outage-');

/** Synthesized once for each context. */
async function assemblyOf(context: Record<string, string>): Promise<string> {
  const assembly = path.join(folder, ['cdk.out', ...Object.values(context)].join('-'));
  if (!fs.existsSync(assembly)) await synthesize(PROJECT, assembly, context);
  return assembly;
}

/**
 * The course of an outage of so many seconds.
 * @param context of the synth
 */
async function outage(seconds: number, context: Record<string, string> = {}): Promise<Course> {
  const running = await startStack(await assemblyOf(context));
  const { run, clients, stack } = running;
  const { queueUrl, deadLetterQueueUrl } = running.consumer('billing');
  const alarmAt = new Map<string, number>();
  let now = 0;

  const hasMessages = async () => {
    const { waiting, inFlight } = await queueDepth(clients.sqs, queueUrl);
    return waiting + inFlight > 0;
  };
  const records = async (table: string) => {
    const TableName = stack.consumers.map(({ tables }) => tables[table]?.name).find(Boolean);
    const { Count = 0 } = await clients.dynamodb.send(new ScanCommand({ TableName, Select: 'COUNT' }));
    return Count;
  };
  /** Some time, which is longer once delays are. */
  const pass = async () => {
    const minutes = now < SHORT_STEPS ? 1 : 5;
    now += minutes * MINUTE;
    await running.pass(minutes);
    for (let minute = 0; minute < minutes; minute += 1) await run.cloudWatch.endMinute();
    if (now % LOOK !== 0) return;
    for (const [name, state] of Object.entries(await run.cloudWatch.alarmStates())) {
      const [, kind] = /BillingAlarms(\w+)[0-9A-F]{8}$/.exec(name) ?? [];
      if (kind && state === 'ALARM' && !alarmAt.has(kind)) alarmAt.set(kind, now);
    }
  };

  try {
    await fillTables(clients, stack);
    await run.cloudWatch.endMinute();
    run.consume();
    await running.breakBilling();
    await running.publish(generateEvents({ count: ORDERS, seed: 1, duplicates: 0, poison: 0 }));
    const deaths: number[] = [];
    while (now < seconds && (await hasMessages())) {
      await pass();
      const dead = await running.deadLetters('billing');
      while (deaths.length < dead) deaths.push(now);
    }
    const during = { dead: deaths.length, reserved: await records('reservations') };
    await running.mendBilling();
    while (await hasMessages()) await pass();
    const reasons: string[] = [];
    await lookAtDeadLetters(clients.sqs, deadLetterQueueUrl, ({ MessageAttributes = {} }) => {
      const { attempts } = JSON.parse(MessageAttributes.DeadLetterContext?.StringValue ?? '{}');
      reasons.push(`${MessageAttributes.DeadLetterError?.StringValue} at try ${attempts}`);
    });
    const [first, last] = [deaths[0], deaths.at(-1)];
    const deadAt = first === undefined || last === undefined ? undefined : ([first, last] as const);
    return { during, deadAt, alarmAt, billed: await records('invoices'), reasons };
  } finally {
    await running.stop();
  }
}

const dead = (error: string) => Array.from({ length: ORDERS }, () => error);

describe('a table that is away for five minutes less than the six hours that a consumer outlasts', () => {
  let course: Course;

  beforeAll(async () => {
    course = await outage(ALMOST);
  });

  test('costs no order, and the other consumers nothing', () => {
    expect(course).toMatchObject({ during: { dead: 0, reserved: ORDERS }, billed: ORDERS, reasons: [] });
  });

  test('raises an alarm within a quarter of an hour, when nothing is dead yet', () => {
    expect(course.alarmAt.get('Retrying')).toBeLessThanOrEqual(15 * MINUTE);
    expect(course.alarmAt.get('Unhealthy')).toBe(course.alarmAt.get('Retrying'));
    expect(course.alarmAt.has('DeadLettered')).toBe(false);
  });
});

test('a table that is away for longer costs orders their tries: then each is dead-lettered with its reason', async () => {
  const tries = triesToOutlast(OUTLAST);

  const { deadAt = [0, 0], billed, reasons, alarmAt } = await outage(3 * shortestTimeOf(tries));

  expect(deadAt[0]).toBeGreaterThanOrEqual(OUTLAST);
  expect(reasons).toEqual(dead(`ResourceNotFoundException at try ${tries}`));
  expect(billed).toBe(0);
  expect(alarmAt.get('DeadLettered')).toBeGreaterThanOrEqual(OUTLAST);
});

test('with five tries, as two minutes take, a quarter of an hour is enough to kill all', async () => {
  const { deadAt = [0, 0], during, reasons } = await outage(15 * MINUTE, { outlastMinutes: '2' });

  expect(during.dead).toBe(ORDERS);
  expect(deadAt[1]).toBeLessThanOrEqual(10 * MINUTE);
  expect(reasons).toEqual(dead('ResourceNotFoundException at try 5'));
});
