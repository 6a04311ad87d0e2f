// The books of a run: what was published against what every consumer's tables and dead-letter queue hold.
import { DescribeTableCommand, type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { StackHandles } from '../cli/aws/stack.ts';
import { digestOf } from '../cli/orders/follow.ts';
import type { TestMessage } from '../cli/orders/test-orders.ts';

/** What the tables of all consumers hold at one moment. */
export interface Ledger {
  /** Consumer → orderId → digest of the order that was recorded. */
  records: Map<string, Map<string, string>>;
  /** Consumer → orderId → the whole record, to be compared with a later look at it. */
  contents: Map<string, Map<string, string>>;
  /** SKU → pieces that can still be reserved. */
  stock: Map<string, number>;
  /** SKU → pieces reserved by all orders. */
  reserved: Map<string, number>;
}

/** Messages of one consumer: what came, and what became of it. */
export interface ConsumerBooks {
  delivered: number;
  processed: number;
  duplicates: number;
  deadLettered: number;
}

/** Something that is not as it has to be; `consumer` and, where it is about one, the order or SKU. */
export interface Difference {
  consumer: string;
  orderId?: string;
  sku?: string;
  problem: string;
}

export interface Balance {
  /** What should be there and is not. */
  missing: Difference[];
  /** What is there and should not be. */
  unexpected: Difference[];
}

/**
 * Reads every table of the stack. A table keyed by orderId holds its consumer's records, one keyed by sku the stock.
 */
export async function readLedger(dynamodb: DynamoDBClient, stack: StackHandles): Promise<Ledger> {
  const ledger: Ledger = { records: new Map(), contents: new Map(), stock: new Map(), reserved: new Map() };
  for (const { name, tables } of stack.consumers) {
    const records = new Map<string, string>();
    const contents = new Map<string, string>();
    for (const TableName of Object.values(tables)) {
      const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName }));
      const key = Table?.KeySchema?.[0]?.AttributeName;
      for await (const { Items = [] } of paginateScan(
        { client: dynamodb },
        { TableName, ConsistentRead: true },
      )) {
        for (const item of Items.map((each) => unmarshall(each))) {
          if (key === 'sku') ledger.stock.set(item.sku, item.available);
          if (key !== 'orderId') continue;
          records.set(item.orderId, item.orderDigest);
          contents.set(item.orderId, JSON.stringify(item));
          if (item.status !== 'RESERVED') continue;
          for (const { sku, quantity } of item.lines) {
            ledger.reserved.set(sku, (ledger.reserved.get(sku) ?? 0) + quantity);
          }
        }
      }
    }
    ledger.records.set(name, records);
    ledger.contents.set(name, contents);
  }
  return ledger;
}

/**
 * Compares what a run published with what it left behind.
 * @param messages everything that was published
 * @param takes whether a consumer's subscription lets a message through
 * @param counted each consumer's messages, as counted while the run went on
 */
export function balance(
  messages: TestMessage[],
  takes: (consumer: string, message: TestMessage) => boolean,
  counted: Record<string, ConsumerBooks>,
  before: Ledger,
  after: Ledger,
): Balance {
  const missing: Difference[] = [];
  const unexpected: Difference[] = [];
  const digests = new Map(messages.map((message) => [message, digestOf(message.body)]));

  for (const [consumer, books] of Object.entries(counted)) {
    const taken = messages.filter((message) => takes(consumer, message));
    const records = after.records.get(consumer) ?? new Map<string, string>();
    const earlier = before.records.get(consumer) ?? new Map<string, string>();

    const allowed = new Map<string, Set<string | undefined>>();
    for (const message of taken) {
      if (message.kind === 'poison' && message.poison !== 'conflict') continue;
      allowed.set(message.orderId, (allowed.get(message.orderId) ?? new Set()).add(digests.get(message)));
    }
    for (const [orderId, digest] of earlier) allowed.set(orderId, new Set([digest]));
    for (const [orderId, ofOrder] of allowed) {
      const digest = records.get(orderId);
      if (digest === undefined) missing.push({ consumer, orderId, problem: 'no record of the order' });
      else if (!ofOrder.has(digest)) {
        unexpected.push({ consumer, orderId, problem: 'the record is of an order that was not published' });
      }
    }
    for (const orderId of records.keys()) {
      if (!allowed.has(orderId))
        unexpected.push({ consumer, orderId, problem: 'a record of no order of this run' });
    }

    // Where two orders share an orderId, the one that came first is recorded and the other one has to be refused.
    const refused = taken.filter((message) => {
      const digest = digests.get(message);
      return digest === undefined || digest !== records.get(message.orderId);
    }).length;
    compare(consumer, 'delivered', taken.length, books.delivered);
    compare(consumer, 'dead-lettered', refused, books.deadLettered);
    compare(consumer, 'processed', records.size - earlier.size, books.processed);
  }

  unexpected.push(...stockDifferences(before, after));
  return { missing, unexpected };

  function compare(consumer: string, what: string, expected: number, actual: number): void {
    const difference = { consumer, problem: `${actual} messages ${what}, ${expected} expected` };
    if (actual < expected) missing.push(difference);
    if (actual > expected) unexpected.push(difference);
  }
}

/** SKUs of which there is not left what was there before without what was reserved since. */
export function stockDifferences(before: Ledger, after: Ledger): Difference[] {
  const differences: Difference[] = [];
  for (const [sku, available] of before.stock) {
    const reserved = (after.reserved.get(sku) ?? 0) - (before.reserved.get(sku) ?? 0);
    const left = after.stock.get(sku);
    if (left === available - reserved && left >= 0) continue;
    differences.push({
      consumer: 'inventory',
      sku,
      problem: `${left} left of ${available} with ${reserved} reserved in this run`,
    });
  }
  return differences;
}
