// What tables and dead-letter queues of a stack hold at one moment.
import { DescribeTableCommand, type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { queueDepth } from '../cli/aws/queue-depth.ts';
import type { StackHandles } from '../cli/aws/stack.ts';
import { lookAtDeadLetters } from '../cli/dead-letters/look.ts';

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

/**
 * Consumer → body → why the messages with that body are in its dead-letter queue: the name of the error, or undefined for one
 * without a reason, which SQS itself moved.
 */
export type Letters = Map<string, Map<string, (string | undefined)[]>>;

/** What a run has left behind. */
export interface Look {
  readonly ledger: Ledger;
  readonly letters: Letters;
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
 * Reads every dead-letter queue, and leaves all messages there.
 * @param known IDs of messages that are left out; grows by those that are read
 */
export async function readLetters(
  sqs: SQSClient,
  stack: StackHandles,
  known: Set<string> = new Set(),
): Promise<Letters> {
  const letters: Letters = new Map();
  await Promise.all(
    stack.consumers.map(async ({ name, deadLetterQueueUrl }) => {
      const bodies = new Map<string, (string | undefined)[]>();
      letters.set(name, bodies);
      // Here the count is exact, and a look at nothing takes a long poll.
      const { waiting, inFlight } = await queueDepth(sqs, deadLetterQueueUrl);
      if (waiting + inFlight === 0) return;
      await lookAtDeadLetters(sqs, deadLetterQueueUrl, ({ MessageId = '', Body = '', MessageAttributes }) => {
        if (known.has(MessageId)) return;
        known.add(MessageId);
        const reason = MessageAttributes?.DeadLetterError?.StringValue;
        bodies.set(Body, [...(bodies.get(Body) ?? []), reason]);
      });
    }),
  );
  return letters;
}
