/** The stock and the reservations, kept in step by one transaction. */
import { setTimeout } from 'node:timers/promises';
import { TransactionCanceledException, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { fullJitter } from '../backoff.ts';
import { dynamodb } from '../clients.ts';
import { putOnce, recordTable, sameOrder } from '../record-table.ts';
import type { Reservation } from './reservation.ts';

/** Waits of 2.6 s in all at most, 1.3 s on average: enough for a hot SKU, and far from the function's 30 s. */
const MAX_TRIES = 10;
const RETRY_BASE_MS = 20;
const RETRY_CAP_MS = 500;

const CONDITION_FAILED = 'ConditionalCheckFailed';

/** The stock, and the reservations taken from it. `tables` are table names. */
export function stockTable(tables: { readonly stock: string; readonly reservations: string }) {
  const reservations = recordTable<Reservation>(tables.reservations);

  return {
    /**
     * Takes every line of `reservation` from the stock and records it; with too little stock for one of them takes nothing
     * and records it as BACKORDERED. Throws PermanentError where a different order is recorded under the orderId.
     */
    async take(
      reservation: Reservation,
      signal: AbortSignal,
    ): Promise<'created' | 'duplicate' | 'backordered'> {
      for (let tries = 1; ; tries++) {
        try {
          await dynamodb.send(transaction(reservation), { abortSignal: signal });
          return 'created';
        } catch (error) {
          if (!(error instanceof TransactionCanceledException)) throw error;
          // One reason an item, in the order of the items. Several may have failed, each for its own reason.
          const [reservationReason, ...stockReasons] = error.CancellationReasons ?? [];
          if (reservationReason?.Item) return sameOrder(reservationReason.Item, reservation);
          if (stockReasons.some(({ Code }) => Code === CONDITION_FAILED))
            return backorder(reservation, signal);
          if (!isConflict(error) || tries === MAX_TRIES) throw error;
        }
        await setTimeout(fullJitter(tries, RETRY_BASE_MS, RETRY_CAP_MS), undefined, { signal });
      }
    },
  };

  function transaction(reservation: Reservation): TransactWriteItemsCommand {
    const takeLine = ({ sku, quantity }: Reservation['lines'][number]) => ({
      Update: {
        TableName: tables.stock,
        Key: { sku: { S: sku } },
        UpdateExpression: 'SET available = available - :quantity',
        // Also fails for a SKU that is not in the table.
        ConditionExpression: 'available >= :quantity',
        ExpressionAttributeValues: { ':quantity': { N: String(quantity) } },
      },
    });
    return new TransactWriteItemsCommand({
      TransactItems: [{ Put: putOnce(tables.reservations, reservation) }, ...reservation.lines.map(takeLine)],
    });
  }

  /** Another delivery of the same order may have reserved since. The put's condition then makes this one the duplicate. */
  async function backorder(
    reservation: Reservation,
    signal: AbortSignal,
  ): Promise<'backordered' | 'duplicate'> {
    const put = await reservations.putOnce({ ...reservation, status: 'BACKORDERED' }, signal);
    return put === 'created' ? 'backordered' : put;
  }
}

/**
 * Whether nothing but other transactions stood in the way, which the SDK does not retry. Anything else, throttling say, is
 * left to the queue's longer backoff.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 */
function isConflict({ CancellationReasons: reasons = [] }: TransactionCanceledException): boolean {
  return reasons.length > 0 && reasons.every(({ Code }) => Code === 'None' || Code === 'TransactionConflict');
}
