/** What consumers have on record of events. */
import { setTimeout } from 'node:timers/promises';
import {
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  type DynamoDBClient,
  type KeysAndAttributes,
} from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { domain } from '#domain';
import { ARCHIVE } from '../../contract/archive.ts';
import type { Domain, Item, RecordView } from '../../contract/domain.ts';
import { type AnyEvent, digestOf } from '../../contract/event-catalogue.ts';
import { backoffDelay } from '../../contract/retries.ts';
import {
  type ConsumerHandles,
  recordsBucket,
  recordsTable,
  type TableHandles,
} from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { recordingConsumers } from '../aws/stack.ts';
import { CommandError } from '../terminal/command-error.ts';
import { NOUNS } from '../terminal/words.ts';
import { readObjectRecords } from './object-records.ts';

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
const MAX_KEYS = 100;
const PARALLEL_READS = 4;
const MAX_EMPTY_ANSWERS = 5;
const BACKOFF_MS = 400;

const { endState }: Domain = domain;

/** Why a consumer's records cannot be read. */
export const NO_RECORDS: string = endState
  ? `it keeps no records of ${NOUNS}`
  : 'it keeps no records that can be read without an end state in the domain';

/** Whether an event leaves a record at a consumer that took it. */
export function leavesRecord(consumer: string, event: AnyEvent): boolean {
  return endState?.leavesRecord?.(consumer, event) ?? true;
}

/** Whether an event is on record: this one, none of its kind, or another one with its ID. */
export function onRecord(record: RecordView | undefined, event: AnyEvent): 'this' | 'none' | 'another' {
  if (domain.events.effectOf(event.eventType) === 'changes')
    return record?.changed === undefined ? 'none' : 'this';
  if (record?.digest === undefined) return 'none';
  return record.digest === digestOf(event) ? 'this' : 'another';
}

/** @throws CommandError for a consumer that keeps no records */
export function requireRecords(consumer: ConsumerHandles): void {
  if (recordingConsumers({ consumers: [consumer] }).length > 0) return;
  throw new CommandError(`Cannot follow ${NOUNS} to ${consumer.name}: ${NO_RECORDS}`);
}

/** Those of the consumers that keep records. @throws CommandError where none does: nothing would show what became of an event */
export function withRecords(consumers: readonly ConsumerHandles[]): ConsumerHandles[] {
  const recording = recordingConsumers({ consumers });
  const first = consumers.find(({ name }) => name !== ARCHIVE);
  if (first && recording.length === 0) requireRecords(first);
  return recording;
}

/**
 * The consumer's records with these IDs.
 * @returns ID → record; nothing of a consumer that keeps none
 * @throws whatever the SDK throws
 */
export async function readRecords(
  { dynamodb, s3 }: Pick<Clients, 'dynamodb' | 's3'>,
  consumer: Pick<ConsumerHandles, 'tables' | 'buckets'>,
  ids: readonly string[],
): Promise<Map<string, RecordView>> {
  const records = new Map<string, RecordView>();
  const table = recordsTable(consumer);
  const bucket = recordsBucket(consumer);
  if (!endState) return records;
  if (bucket) {
    const objects = await readObjectRecords(s3, bucket, ids);
    for (const [id, item] of objects) records.set(id, endState.read(item));
  }
  if (!table) return records;
  const distinct = Array.from(new Set(ids));
  const chunks = Array.from({ length: Math.ceil(distinct.length / MAX_KEYS) }, (_, index) =>
    distinct.slice(index * MAX_KEYS, (index + 1) * MAX_KEYS),
  );
  const reader = async () => {
    for (let chunk = chunks.pop(); chunk; chunk = chunks.pop()) {
      for await (const item of readItems(dynamodb, table, chunk)) {
        records.set(String(item[table.partitionKey]), endState.read(item));
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, reader));
  return records;
}

async function* readItems(
  dynamodb: DynamoDBClient,
  { name, partitionKey }: TableHandles,
  ids: readonly string[],
): AsyncGenerator<Item> {
  const all: KeysAndAttributes = {
    Keys: ids.map((id) => ({ [partitionKey]: { S: id } })),
    // A record that was written before this is found.
    ConsistentRead: true,
  };
  // When throttled, or past 16 MB, DynamoDB answers in part; the rest is asked for again.
  for (let left: KeysAndAttributes | undefined = all, tries = 0; left; tries++) {
    const answer: BatchGetItemCommandOutput = await dynamodb.send(
      new BatchGetItemCommand({ RequestItems: { [name]: left } }),
    );
    const items = answer.Responses?.[name] ?? [];
    for (const item of items) yield unmarshall(item);
    left = answer.UnprocessedKeys?.[name];
    if (items.length > 0) tries = 0;
    if (left && tries === MAX_EMPTY_ANSWERS) {
      throw new CommandError('DynamoDB throttles dynamodb:BatchGetItem: try again later');
    }
    if (left && tries > 0) await setTimeout(backoffDelay(tries, { first: BACKOFF_MS }));
  }
}
