// What a stack's tables and dead-letter queues hold at one moment.
import { type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { LocalRun } from '@order-fan-out/local-run/run';
import { recordingConsumers, type StackHandles } from '../../cli/aws/stack.ts';

/** What the tables of all consumers hold at one moment. */
export interface Ledger {
  /** Consumer → orderId → digest of the order that was recorded. */
  records: Map<string, Map<string, string>>;
  /** Consumer → orderId → the whole record, to be compared with a later look at it. */
  contents: Map<string, Map<string, string>>;
  /** Consumer → orderId → the status of the record of a cancelled order, or TOO_LATE. Orders that have not come yet are among them. */
  cancelled: Map<string, Map<string, string>>;
  /** orderIds of the invoices that a credit note voids. */
  creditNotes: Set<string>;
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
export interface Snapshot {
  readonly ledger: Ledger;
  readonly letters: Letters;
}

/**
 * Reads the tables of all consumers with records, the stock among them.
 */
export async function readLedger(dynamodb: DynamoDBClient, stack: StackHandles): Promise<Ledger> {
  const consumers = recordingConsumers(stack);
  const ledger = emptyLedger(consumers.map(({ name }) => name));
  for (const { name, tables } of consumers) {
    for (const [table, { name: TableName, holds }] of Object.entries(tables)) {
      const pages = paginateScan({ client: dynamodb }, { TableName, ConsistentRead: true });
      for await (const { Items = [] } of pages) {
        for (const item of Items.map((each) => unmarshall(each))) {
          if (holds === 'stock') ledger.stock.set(item.sku, item.available);
          if (table === 'credit-notes') ledger.creditNotes.add(item.orderId);
          if (holds === 'records') enter(ledger, name, item);
        }
      }
    }
  }
  return ledger;
}

/** The ledger of a stack whose tables are empty. */
export function emptyLedger(consumers: readonly string[]): Ledger {
  const byConsumer = () => new Map(consumers.map((name) => [name, new Map<string, string>()]));
  return {
    records: byConsumer(),
    contents: byConsumer(),
    cancelled: byConsumer(),
    creditNotes: new Set(),
    stock: new Map(),
    reserved: new Map(),
  };
}

function enter(
  { records, contents, cancelled, reserved }: Ledger,
  consumer: string,
  item: Record<string, unknown>,
): void {
  const { orderId, orderDigest, cancelledAt, cancellationOutcome, status } = item;
  const id = String(orderId);
  // Without it the cancellation of an order is all there is.
  if (orderDigest !== undefined) records.get(consumer)?.set(id, String(orderDigest));
  if (cancelledAt !== undefined) cancelled.get(consumer)?.set(id, String(cancellationOutcome ?? status));
  contents.get(consumer)?.set(id, JSON.stringify(item));
  if (status !== 'RESERVED') return;
  for (const { sku, quantity } of item.lines as { sku: string; quantity: number }[]) {
    reserved.set(sku, (reserved.get(sku) ?? 0) + quantity);
  }
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
