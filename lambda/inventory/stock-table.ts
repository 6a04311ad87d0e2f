/** The stock and the reservations, kept in step by one transaction. */
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { Cancellation } from '../../domain/cancellation.ts';
import { cancel, type Item, isCancelled, markerOf, putNew, recordTable, sameOrder } from '../record-table.ts';
import { CONDITION_FAILED, transact } from '../transaction.ts';
import type { Reservation } from './reservation.ts';

/** The stock, and the reservations taken from it. `tables` are table names. */
export function stockTable(tables: { readonly stock: string; readonly reservations: string }) {
  const reservations = recordTable<Reservation>(tables.reservations);

  return {
    /**
     * Takes every line of `reservation` from the stock and records it; with too little stock for one of them takes nothing
     * and records it as BACKORDERED. Of an order that is cancelled already it takes nothing either. Throws PermanentError where
     * a different order is recorded under the orderId.
     */
    async take(reservation: Reservation, signal: AbortSignal) {
      const { lines } = reservation;
      const refused = await transact(
        [{ Put: putNew(tables.reservations, reservation) }, ...lines.map(takeLine)],
        signal,
      );
      if (!refused) return 'created';
      const [ofReservation, ...ofLines] = refused.CancellationReasons ?? [];
      if (ofReservation?.Item) return settle(ofReservation.Item, reservation, signal);
      if (ofLines.some(({ Code }) => Code === CONDITION_FAILED)) return backorder(reservation, signal);
      throw refused;
    },

    /** Gives back what the order has taken, once; marks an order that has not come yet, so that it will take nothing. */
    async giveBack(cancellation: Cancellation, signal: AbortSignal) {
      const existing = await reservations.mark(cancellation, signal);
      if (!existing) return 'cancelled';
      if (isCancelled(existing)) return 'duplicate';
      const { status, lines } = unmarshall(existing) as Reservation;
      const refused = await transact(
        [
          {
            Update: cancel(tables.reservations, cancellation, { from: status, set: { status: 'CANCELLED' } }),
          },
          ...(status === 'RESERVED' ? lines.map(returnLine) : []),
        ],
        signal,
      );
      if (!refused) return 'cancelled';
      const item = refused.CancellationReasons?.[0]?.Item;
      if (item && isCancelled(item)) return 'duplicate';
      throw refused;
    },
  };

  function takeLine({ sku, quantity }: Reservation['lines'][number]) {
    return {
      Update: {
        TableName: tables.stock,
        Key: { sku: { S: sku } },
        UpdateExpression: 'SET available = available - :quantity',
        // Also fails for a SKU that is not in the table.
        ConditionExpression: 'available >= :quantity',
        ExpressionAttributeValues: { ':quantity': { N: String(quantity) } },
      },
    };
  }

  function returnLine({ sku, quantity }: Reservation['lines'][number]) {
    return {
      Update: {
        TableName: tables.stock,
        Key: { sku: { S: sku } },
        // Makes the item where the article was taken out of the table since.
        UpdateExpression: 'ADD available :quantity',
        ExpressionAttributeValues: { ':quantity': { N: String(quantity) } },
      },
    };
  }

  /** Another delivery of the same order may have reserved since, or a cancellation come. The put's condition tells. */
  async function backorder(reservation: Reservation, signal: AbortSignal) {
    const existing = await reservations.put({ ...reservation, status: 'BACKORDERED' }, signal);
    return existing ? settle(existing, reservation, signal) : 'backordered';
  }

  /** A reservation under whose orderId there is something already: a duplicate, a conflict, or the marker of a cancellation. */
  async function settle(existing: Item, reservation: Reservation, signal: AbortSignal) {
    const cancelled = markerOf(existing);
    if (!cancelled) return sameOrder(existing, reservation);
    return reservations.putOverMarker({ ...reservation, ...cancelled, status: 'CANCELLED' }, signal);
  }
}
