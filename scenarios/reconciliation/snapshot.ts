// What a stack's tables and dead-letter queues hold at one moment.
import { paginateScan } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { LocalRun } from '@order-fan-out/local-run/run';
import { domain } from '#domain';
import type { Clients } from '../../cli/aws/clients.ts';
import { recordingConsumers, type StackHandles } from '../../cli/aws/stack.ts';
import { allObjectRecords } from '../../cli/outcomes/object-records.ts';
import { ID_FIELD } from '../../cli/terminal/words.ts';
import type { Domain, Item } from '../../contract/domain.ts';
import { recordsBucket, recordsTable } from '../../contract/stack-outputs.ts';

/** What all consumers hold at one moment. */
export interface Ledger {
  /** Consumer → ID → digest of the event that was recorded. */
  readonly records: ReadonlyMap<string, Map<string, string>>;
  /** Consumer → ID → the whole record, to be compared with a later look at it. */
  readonly contents: ReadonlyMap<string, Map<string, string>>;
  /** Consumer → ID → the state of a record that was changed, before or after the event that it is about came. */
  readonly changed: ReadonlyMap<string, Map<string, string>>;
  /** Everything as it is stored, for the domain to check. */
  readonly tables: Map<string, Map<string, Item[]>>;
}

/**
 * Consumer → body → why the messages with that body are in its dead-letter queue: the name of the error, or undefined for one
 * without a reason, which SQS itself moved.
 */
export type Letters = Map<string, Map<string, (string | undefined)[]>>;

/** What a run has left behind. */
export interface Snapshot {
  readonly ledger: Ledger;
  readonly letters: Letters;
}

/** Reads the tables, and the records in buckets, of all consumers with records: nothing in a domain without an end state. */
export async function readLedger(
  { dynamodb, s3 }: Pick<Clients, 'dynamodb' | 's3'>,
  stack: StackHandles,
): Promise<Ledger> {
  const consumers = recordingConsumers(stack);
  const ledger = emptyLedger(consumers.map(({ name }) => name));
  for (const { name, tables, buckets } of consumers) {
    for (const [id, bucket] of Object.entries(buckets)) {
      if (bucket.holds !== 'records') continue;
      const items = await allObjectRecords(s3, bucket);
      ledger.tables.get(name)?.set(id, items);
      for (const item of items) enter(ledger, name, String(item[ID_FIELD]), item);
    }
    for (const [table, { name: TableName, holds, partitionKey }] of Object.entries(tables)) {
      const items: Item[] = [];
      const pages = paginateScan({ client: dynamodb }, { TableName, ConsistentRead: true });
      for await (const { Items = [] } of pages) items.push(...Items.map((each) => unmarshall(each)));
      ledger.tables.get(name)?.set(table, items);
      if (holds !== 'records') continue;
      for (const item of items) enter(ledger, name, String(item[partitionKey]), item);
    }
  }
  return ledger;
}

/** What records are in, as a word for reports: `table`, `bucket`, or both where consumers differ. */
export function recordStore({ consumers }: Pick<StackHandles, 'consumers'>): string {
  const inBucket = consumers.some(recordsBucket) ? ['bucket'] : [];
  const inTable = consumers.some(recordsTable) ? ['table'] : [];
  return [...inTable, ...inBucket].join(' or ');
}

/** The ledger of a stack whose tables are empty. */
export function emptyLedger(consumers: readonly string[]): Ledger {
  const byConsumer = <T>() => new Map(consumers.map((name) => [name, new Map<string, T>()]));
  return { records: byConsumer(), contents: byConsumer(), changed: byConsumer(), tables: byConsumer() };
}

function enter({ records, contents, changed }: Ledger, consumer: string, id: string, item: Item): void {
  const { endState }: Domain = domain;
  const view = endState?.read(item);
  // Without it, what changes the event is all there is.
  if (view?.digest !== undefined) records.get(consumer)?.set(id, view.digest);
  if (view?.changed !== undefined) changed.get(consumer)?.set(id, view.changed);
  contents.get(consumer)?.set(id, JSON.stringify(item));
}

/**
 * Reads every dead-letter queue of a local run, without receiving: of a group of a FIFO queue, SQS hands out ten messages and no
 * more until these are dealt with.
 * @param known IDs of messages that are left out; grows by those that are read
 */
export async function readLetters(
  run: Pick<LocalRun, 'messagesIn'>,
  stack: StackHandles,
  known: Set<string> = new Set(),
): Promise<Letters> {
  const letters: Letters = new Map();
  for (const { name, deadLetterQueueUrl } of stack.consumers) {
    const bodies = new Map<string, (string | undefined)[]>();
    letters.set(name, bodies);
    for (const { messageId, body, attributes } of await run.messagesIn(deadLetterQueueUrl)) {
      if (known.has(messageId)) continue;
      known.add(messageId);
      bodies.set(body, [...(bodies.get(body) ?? []), attributes.DeadLetterError]);
    }
  }
  return letters;
}
