/** What consumers have on record of orders. */
import { setTimeout } from 'node:timers/promises';
import {
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  type DynamoDBClient,
  type KeysAndAttributes,
} from '@aws-sdk/client-dynamodb';
import { ORDER_CANCELLED } from '../../domain/cancellation.ts';
import type { OrderEvent } from '../../domain/events.ts';
import { ORDER_PLACED, orderDigest } from '../../domain/order.ts';
import { backoffDelay } from '../../contract/retries.ts';
import { type ConsumerHandles, recordsTable, type TableHandles } from '../../contract/stack-outputs.ts';
import { recordingConsumers } from '../aws/stack.ts';
import { CommandError } from '../terminal/command-error.ts';

/** What a record says about its order. */
export interface OrderRecord {
  /** Undefined where the order was cancelled before it came. */
  readonly digest: string | undefined;
  readonly isCancelled: boolean;
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
const MAX_KEYS = 100;
const PARALLEL_READS = 4;
const MAX_EMPTY_ANSWERS = 5;
const BACKOFF_MS = 400;

/** Whether an event is on record: this one, none of its kind, or another one under the same orderId. */
export function onRecord(record: OrderRecord | undefined, event: OrderEvent): 'this' | 'none' | 'another' {
  switch (event.eventType) {
    case ORDER_PLACED:
      if (record?.digest === undefined) return 'none';
      return record.digest === orderDigest(event) ? 'this' : 'another';
    case ORDER_CANCELLED:
      return record?.isCancelled ? 'this' : 'none';
  }
}

/** @throws CommandError for a consumer that keeps no records of orders */
export function requireRecordsTable(consumer: Pick<ConsumerHandles, 'name' | 'tables'>): TableHandles {
  const found = recordsTable(consumer);
  if (found) return found;
  throw new CommandError(`Cannot follow orders to ${consumer.name}: it keeps no records of orders`);
}

/** Those of the consumers that keep records. @throws CommandError where none does: nothing would show what became of an order */
export function withRecords(consumers: readonly ConsumerHandles[]): ConsumerHandles[] {
  const recording = recordingConsumers({ consumers });
  const [first] = consumers;
  if (first && recording.length === 0) requireRecordsTable(first);
  return recording;
}

/** The records of these orders, by orderId. @throws whatever the SDK throws */
export async function readRecords(
  dynamodb: DynamoDBClient,
  table: TableHandles,
  orderIds: readonly string[],
): Promise<Map<string, OrderRecord>> {
  const records = new Map<string, OrderRecord>();
  const ids = Array.from(new Set(orderIds));
  const chunks = Array.from({ length: Math.ceil(ids.length / MAX_KEYS) }, (_, index) =>
    ids.slice(index * MAX_KEYS, (index + 1) * MAX_KEYS),
  );
  const reader = async () => {
    for (let chunk = chunks.pop(); chunk; chunk = chunks.pop()) {
      for await (const item of readItems(dynamodb, table, chunk)) {
        const isCancelled = item.cancelledAt !== undefined;
        const orderId = item[table.partitionKey]?.S;
        if (orderId) records.set(orderId, { digest: item.orderDigest?.S, isCancelled });
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, reader));
  return records;
}

async function* readItems(
  dynamodb: DynamoDBClient,
  { name, partitionKey }: TableHandles,
  orderIds: readonly string[],
) {
  const all: KeysAndAttributes = {
    Keys: orderIds.map((orderId) => ({ [partitionKey]: { S: orderId } })),
    ProjectionExpression: '#key, orderDigest, cancelledAt',
    ExpressionAttributeNames: { '#key': partitionKey },
  };
  // When throttled, or past 16 MB, DynamoDB answers in part; the rest is asked for again.
  for (let left: KeysAndAttributes | undefined = all, tries = 0; left; tries++) {
    const answer: BatchGetItemCommandOutput = await dynamodb.send(
      new BatchGetItemCommand({ RequestItems: { [name]: left } }),
    );
    const items = answer.Responses?.[name] ?? [];
    yield* items;
    left = answer.UnprocessedKeys?.[name];
    if (items.length > 0) tries = 0;
    if (left && tries === MAX_EMPTY_ANSWERS) {
      throw new CommandError('DynamoDB throttles dynamodb:BatchGetItem: try again later');
    }
    if (left && tries > 0) await setTimeout(backoffDelay(tries, { first: BACKOFF_MS }));
  }
}
