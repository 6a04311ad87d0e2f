// What `npm start` does with a local stack: stock, test orders, and the books at the end.
import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { type Clients, createClients } from '../cli/aws/clients.ts';
import { queueDepth } from '../cli/aws/queue-depth.ts';
import { findStack, type StackHandles } from '../cli/aws/stack.ts';
import { initialStock } from '../cli/orders/catalogue.ts';
import { readSubscriptions } from '../cli/orders/subscriptions.ts';
import { generateOrders, type TestMessage } from '../cli/orders/test-orders.ts';
import type { Progress } from '../cli/terminal/progress.ts';
import { count, table } from '../cli/terminal/text.ts';
import { readAlarmText } from '../contract/alarm-text.ts';
import type { AlarmStatus } from '../local/cloudwatch/alarm.ts';
import type { LocalRun } from '../local/run.ts';
import { type Balance, balance, type ConsumerBooks, readLedger } from './books.ts';
import { differenceLines } from './difference-lines.ts';
import { drained } from './drained.ts';
import { publishAll } from './publish-all.ts';

/** What comes on top of the orders: copies, as SNS and SQS may deliver them, and messages that nobody can process. */
const DUPLICATE_SHARE = 0.05;
const POISON_SHARE = 0.01;
/** Longer than the longest wait of a message that is tried again. */
const PATIENCE_MS = 240_000;

export interface LocalOrdersOptions {
  readonly run: LocalRun;
  readonly orders: number;
  readonly seed: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** The outcome, for programs. */
interface Summary extends Balance {
  readonly orders: number;
  readonly consumers: Record<string, ConsumerBooks>;
  /** State of each alarm, by name. */
  readonly alarms: Record<string, string>;
}

export interface LocalOrdersResult {
  readonly summary: Summary;
  /** The same for people: several lines of plain text. */
  readonly report: string;
  /** Nothing is missing, and nothing is there that should not be. */
  readonly balanced: boolean;
}

/**
 * Publishes test orders to a local stack, waits until its queues are empty, and compares what its consumers made of them
 * with what was published.
 * @throws Error if not all could be published
 */
export async function runLocalOrders(options: LocalOrdersOptions): Promise<LocalOrdersResult> {
  const { run, orders, seed } = options;
  const clients = createClients(run.client);
  try {
    const stack = await findStack(clients.cloudFormation, run.endpoint.stackName);
    const takes = await readSubscriptions(clients.sns, stack);
    await fillStock(clients.dynamodb, stack);
    const before = await readLedger(clients.dynamodb, stack);
    const lettersBefore = await deadLetters(clients.sqs, stack);
    // Before the first order: whether dead letters become more shows against what lies there already.
    await run.cloudWatch.endMinute();
    await run.cloudWatch.followRealTime();
    run.consume();

    const messages = generateOrders({
      count: orders,
      seed,
      duplicates: Math.ceil(orders * DUPLICATE_SHARE),
      poison: Math.ceil(orders * POISON_SHARE),
    });
    await sendThrough(messages, clients, stack, options);

    const after = await readLedger(clients.dynamodb, stack);
    const letters = await deadLetters(clients.sqs, stack);
    const consumers = await countMessages(run, stack, lettersBefore, letters);
    const differences = balance(messages, takes, consumers, before, after);
    for (const problem of run.problems) differences.unexpected.push({ consumer: 'local run', problem });
    await run.cloudWatch.endMinute();
    const alarms = await run.cloudWatch.alarms();
    const states = Object.fromEntries(alarms.map(({ name, state }) => [name, state]));
    const summary = { orders, consumers, alarms: states, ...differences };
    const backordered = await metric(run, 'inventory', 'Backordered');
    return {
      summary,
      report: `${reportOf(summary, backordered)}\n\n${alarmLines(alarms, messages)}`,
      balanced: differences.missing.length === 0 && differences.unexpected.length === 0,
    };
  } finally {
    for (const client of Object.values(clients)) client.destroy();
  }
}

/** Publishes the messages and waits until the consumers' queues are empty. */
async function sendThrough(
  messages: TestMessage[],
  { sns, sqs }: Clients,
  stack: StackHandles,
  { progress, signal }: LocalOrdersOptions,
): Promise<void> {
  const started = performance.now();
  const publishing = progress.step('Publishing');
  const published = await publishAll({
    sns,
    topicArn: stack.topicArn,
    messages,
    signal,
    onProgress: (sent) => publishing.bar(sent.published, messages.length),
  });
  publishing.done(`Published ${published} messages: ${kindsOf(messages)}`);

  const processing = progress.step('Processing');
  let most = 1;
  const queueUrls = stack.consumers.map(({ queueUrl }) => queueUrl);
  const isEmpty = await drained(sqs, queueUrls, {
    patienceMs: PATIENCE_MS,
    signal,
    onLook(left) {
      most = Math.max(most, left);
      processing.bar(most - left, most);
    },
  });
  const seconds = (performance.now() - started) / 1000;
  if (isEmpty) processing.done(`Processed them in ${seconds.toFixed(1)} s: the queues are empty`);
  else processing.fail(`Nothing has moved for ${PATIENCE_MS / 1000} s, and the queues are not empty`);
}

/** Gives every article its stock, but leaves alone what a kept state already holds. */
export async function fillStock(dynamodb: DynamoDBClient, stack: StackHandles): Promise<void> {
  const TableName = stack.consumers.map(({ tables }) => tables.stock).find((name) => name !== undefined);
  for (const [sku, available] of initialStock()) {
    await dynamodb
      .send(
        new PutItemCommand({
          TableName,
          Item: { sku: { S: sku }, available: { N: String(available) } },
          ConditionExpression: 'attribute_not_exists(sku)',
        }),
      )
      .catch((error: Error) => {
        if (error.name !== 'ConditionalCheckFailedException') throw error;
      });
  }
}

/** Dead letters by consumer. */
async function deadLetters(sqs: SQSClient, stack: StackHandles): Promise<Record<string, number>> {
  const depths = stack.consumers.map(async ({ name, deadLetterQueueUrl }) => {
    const { waiting, inFlight } = await queueDepth(sqs, deadLetterQueueUrl);
    return [name, waiting + inFlight] as const;
  });
  return Object.fromEntries(await Promise.all(depths));
}

async function countMessages(
  run: LocalRun,
  stack: StackHandles,
  lettersBefore: Record<string, number>,
  letters: Record<string, number>,
): Promise<Record<string, ConsumerBooks>> {
  const books = stack.consumers.map(async ({ name, queueUrl }) => {
    const ofConsumer = {
      delivered: await run.delivered(queueUrl),
      processed: await metric(run, name, 'Processed'),
      duplicates: await metric(run, name, 'Duplicates'),
      deadLettered: (letters[name] ?? 0) - (lettersBefore[name] ?? 0),
    };
    return [name, ofConsumer] as const;
  });
  return Object.fromEntries(await Promise.all(books));
}

function metric(run: LocalRun, consumer: string, name: string): Promise<number> {
  return run.cloudWatch.metricSum(run.endpoint.stackName, name, { service: consumer });
}

/** `1000 orders, 50 duplicates, 10 poison`. */
function kindsOf(messages: TestMessage[]): string {
  const number = (kind: TestMessage['kind']) => messages.filter((message) => message.kind === kind).length;
  return `${number('order')} orders, ${number('duplicate')} duplicates, ${number('poison')} poison`;
}

function reportOf({ consumers, missing, unexpected, orders }: Summary, backordered: number): string {
  const rows = Object.entries(consumers).map(([name, { delivered, processed, duplicates, deadLettered }]) => [
    name,
    ...[delivered, processed, duplicates, deadLettered].map(String),
  ]);
  const figures = table([['consumer', 'delivered', 'processed', 'duplicates', 'dead-lettered'], ...rows]);
  if (missing.length + unexpected.length === 0) {
    return `
${figures}

Each of the ${orders} orders is exactly once in every table where it belongs, each poison message in the
dead-letter queues, and the stock adds up (${count(backordered, 'order')} on backorder).`;
  }
  return `
${figures}

The books do not balance:
${differenceLines('missing', missing)}${differenceLines('unexpected', unexpected)}`;
}

/** How many alarms are in which state; those in ALARM with the article of the runbook that their text names, and why they are. */
function alarmLines(alarms: AlarmStatus[], messages: TestMessage[]): string {
  const byState = Map.groupBy(alarms, ({ state }) => state);
  const on = (byState.get('ALARM') ?? []).map(({ name, description = '' }) => {
    const { article } = readAlarmText(description);
    return `\n  ${[name, article].filter(Boolean).join(': ')}`;
  });
  const summary = [...byState].sort().map(([state, of]) => `${of.length} in ${state}`);
  const poison = messages.filter(({ kind }) => kind === 'poison').length;
  const why = `
${count(poison, 'poison message')} sent on purpose, now in dead-letter queues: that is what these alarms are for.
On AWS they would tell an operator, and name the article that says what to do:`;
  return `Alarms: ${summary.join(', ')}.${on.length > 0 && poison > 0 ? why : ''}${on.join('')}`;
}
