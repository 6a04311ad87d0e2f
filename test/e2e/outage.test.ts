// A table that is away: for almost as long as a consumer outlasts, for longer, and with five tries. An hour takes as long as the
// functions work on what becomes visible within it.

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { LocalRun } from '@order-fan-out/local-run/run';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { type Clients, createClients, destroyClients } from '../../cli/aws/clients.ts';
import { queueDepth } from '../../cli/aws/queue-depth.ts';
import { findStack, type StackHandles } from '../../cli/aws/stack.ts';
import { generateOrders } from '../../cli/orders/test-orders.ts';
import { shortestTimeOf, triesToOutlast } from '../../contract/retries.ts';
import { publishAll } from '../../scenarios/publish-all.ts';
import { fillStock } from '../../scenarios/start/local-orders.ts';
import { passMinutes } from '../fixtures/passing-time.ts';
import { PROJECT } from '../fixtures/project.ts';

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

class Outage {
  private readonly run: LocalRun;
  private readonly clients: Clients;
  private readonly stack: StackHandles;
  private readonly alarmAt = new Map<string, number>();
  private now = 0;

  private constructor(run: LocalRun, clients: Clients, stack: StackHandles) {
    this.run = run;
    this.clients = clients;
    this.stack = stack;
  }

  /**
   * The course of an outage of so many seconds.
   * @param context of the synth
   */
  static async of(seconds: number, context: Record<string, string> = {}): Promise<Course> {
    const assembly = await assemblyOf(context);
    const run = await LocalRun.start({ assembly, port: 0, logDirectory: path.join(assembly, 'logs') });
    const clients = createClients(run.client);
    try {
      const stack = await findStack(clients.cloudFormation, run.endpoint.stackName);
      await fillStock(clients.dynamodb, stack);
      return await new Outage(run, clients, stack).last(seconds);
    } finally {
      destroyClients(clients);
      await run.stop();
    }
  }

  private async last(seconds: number): Promise<Course> {
    const { dynamodb, sns } = this.clients;
    await this.run.cloudWatch.endMinute();
    this.run.consume();
    await dynamodb.send(new DeleteTableCommand({ TableName: this.table }));
    const messages = generateOrders({ count: ORDERS, seed: 1, duplicates: 0, poison: 0 });
    await publishAll({ sns, topicArn: this.stack.topicArn, messages });
    const deaths: number[] = [];
    while (this.now < seconds && (await this.hasMessages())) {
      await this.pass();
      const dead = await this.deadLetters();
      while (deaths.length < dead) deaths.push(this.now);
    }
    const during = { dead: deaths.length, reserved: await this.records('reservations') };
    await this.createTable();
    while (await this.hasMessages()) await this.pass();
    const [first, last] = [deaths[0], deaths.at(-1)];
    return {
      during,
      deadAt: first === undefined || last === undefined ? undefined : [first, last],
      alarmAt: this.alarmAt,
      billed: await this.records('invoices'),
      reasons: await this.reasons(),
    };
  }

  /** Some time, which is longer once delays are, and the work of whatever becomes visible in it. */
  private async pass(): Promise<void> {
    const minutes = this.now < SHORT_STEPS ? 1 : 5;
    this.now += minutes * MINUTE;
    await passMinutes(minutes, this.run, this.clients.sqs, [this.billing.queueUrl]);
    for (let minute = 0; minute < minutes; minute += 1) await this.run.cloudWatch.endMinute();
    if (this.now % LOOK !== 0) return;
    for (const [name, state] of Object.entries(await this.run.cloudWatch.alarmStates())) {
      const [, kind] = /BillingAlarms(\w+)[0-9A-F]{8}$/.exec(name) ?? [];
      if (kind && state === 'ALARM' && !this.alarmAt.has(kind)) this.alarmAt.set(kind, this.now);
    }
  }

  private async hasMessages(): Promise<boolean> {
    const { waiting, inFlight } = await queueDepth(this.clients.sqs, this.billing.queueUrl);
    return waiting + inFlight > 0;
  }

  private async deadLetters(): Promise<number> {
    return (await this.run.messagesIn(this.billing.deadLetterQueueUrl)).length;
  }

  /** Error and tries of each dead letter. */
  private async reasons(): Promise<string[]> {
    const reasons: string[] = [];
    while (reasons.length < (await this.deadLetters())) {
      const { Messages = [] } = await this.clients.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: this.billing.deadLetterQueueUrl,
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ['All'],
        }),
      );
      for (const { MessageAttributes = {} } of Messages) {
        const { attempts } = JSON.parse(MessageAttributes.DeadLetterContext?.StringValue ?? '{}');
        reasons.push(`${MessageAttributes.DeadLetterError?.StringValue} at try ${attempts}`);
      }
    }
    return reasons;
  }

  private async records(table: string): Promise<number> {
    const TableName = this.stack.consumers.map(({ tables }) => tables[table]?.name).find(Boolean);
    const { Count = 0 } = await this.clients.dynamodb.send(new ScanCommand({ TableName, Select: 'COUNT' }));
    return Count;
  }

  private async createTable(): Promise<void> {
    const { dynamodb } = this.clients;
    await dynamodb.send(
      new CreateTableCommand({
        TableName: this.table,
        KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'orderId', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
    const describe = new DescribeTableCommand({ TableName: this.table });
    while ((await dynamodb.send(describe)).Table?.TableStatus !== 'ACTIVE') await pause(5);
  }

  private get billing() {
    const found = this.stack.consumers.find(({ name }) => name === 'billing');
    if (!found) throw new Error('the stack has no billing');
    return found;
  }

  private get table(): string {
    return this.billing.tables.invoices?.name ?? '';
  }
}

const dead = (error: string) => Array.from({ length: ORDERS }, () => error);

describe('a table that is away for five minutes less than the six hours that a consumer outlasts', () => {
  let course: Course;

  beforeAll(async () => {
    course = await Outage.of(ALMOST);
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

  const { deadAt = [0, 0], billed, reasons, alarmAt } = await Outage.of(3 * shortestTimeOf(tries));

  expect(deadAt[0]).toBeGreaterThanOrEqual(OUTLAST);
  expect(reasons).toEqual(dead(`ResourceNotFoundException at try ${tries}`));
  expect(billed).toBe(0);
  expect(alarmAt.get('DeadLettered')).toBeGreaterThanOrEqual(OUTLAST);
});

test('with five tries, as two minutes take, a quarter of an hour is enough to kill all', async () => {
  const { deadAt = [0, 0], during, reasons } = await Outage.of(15 * MINUTE, { outlastMinutes: '2' });

  expect(during.dead).toBe(ORDERS);
  expect(deadAt[1]).toBeLessThanOrEqual(10 * MINUTE);
  expect(reasons).toEqual(dead('ResourceNotFoundException at try 5'));
});
