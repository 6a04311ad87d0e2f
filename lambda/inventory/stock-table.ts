/** The stock and the reservations, kept in step by one transaction. */
import type { Cancellation } from '../../domain/cancellation.ts';
import { orderEvents } from '../../domain/events.ts';
import { cancellableRecords } from '../cancellable-records.ts';
import { add, CONDITION_FAILED, transact } from '../transaction.ts';
import type { Reservation } from './reservation.ts';

/** The stock, and the reservations taken from it. `tables` are table names. */
export function stockTable(tables: { readonly stock: string; readonly reservations: string }) {
  const reservations = cancellableRecords(orderEvents, tables.reservations);

  return {
    /**
     * Takes every line of `reservation` from the stock and records it; with too little stock for one of them takes nothing
     * and records it as BACKORDERED. Of an order that is cancelled already it takes nothing either. Throws PermanentError where
     * a different order is recorded under the orderId.
     */
    async take(reservation: Reservation, signal: AbortSignal) {
      const writes = [reservations.put(reservation), ...reservation.lines.map(takeLine)];
      const refused = await transact(writes, signal);
      if (!refused) return 'created';
      const [ofReservation, ...ofLines] = refused.CancellationReasons ?? [];
      if (ofReservation?.Item) {
        return reservations.meet(ofReservation.Item, reservation, nothingTaken, signal);
      }
      if (!ofLines.some(({ Code }) => Code === CONDITION_FAILED)) throw refused;
      // Another delivery of the same order may have reserved since, or a cancellation come. The put's condition tells.
      const backorder = { ...reservation, status: 'BACKORDERED' as const };
      const outcome = await reservations.create(backorder, nothingTaken, signal);
      return outcome === 'created' ? 'backordered' : outcome;
    },

    /** Gives back what the order has taken, once; marks an order that has not come yet, so that it will take nothing. */
    giveBack: (cancellation: Cancellation, signal: AbortSignal) =>
      reservations.cancel(
        cancellation,
        ({ status, lines }: Reservation) => ({
          ...nothingTaken(),
          others: status === 'RESERVED' ? lines.map(returnLine) : [],
        }),
        signal,
      ),
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

  /** Makes the item where the article was taken out of the table since. */
  function returnLine({ sku, quantity }: Reservation['lines'][number]) {
    return add(tables.stock, { sku }, { available: quantity });
  }
}

function nothingTaken() {
  return { set: { status: 'CANCELLED' }, outcome: 'cancelled' } as const;
}
