/** The shipments. A cancellation stops those that have not left. */
import type { Cancellation } from '../../domain/cancellation.ts';
import { isCancelled, markerOf, recordTable, sameOrder } from '../record-table.ts';
import type { Shipment } from './shipment.ts';

export function shipmentTable(table: string) {
  const shipments = recordTable<Shipment>(table);

  return {
    /**
     * Records a shipment to be sent, or, of an order that is cancelled already, one that never will be. Throws PermanentError
     * where a different order is recorded under the orderId.
     */
    async prepare(shipment: Shipment, signal: AbortSignal) {
      const existing = await shipments.put(shipment, signal);
      if (!existing) return 'created';
      const cancelled = markerOf(existing);
      if (!cancelled) return sameOrder(existing, shipment);
      return shipments.putOverMarker({ ...shipment, ...cancelled, status: 'CANCELLED' }, signal);
    },

    /**
     * Stops the shipment. One that has left, whatever status the warehouse has given it since, keeps that status, and is noted
     * as TOO_LATE: somebody has to take the goods back.
     */
    async stop(cancellation: Cancellation, signal: AbortSignal) {
      const existing = await shipments.mark(cancellation, signal);
      if (!existing) return 'cancelled';
      if (isCancelled(existing)) return 'duplicate';
      const stop = { from: 'READY', set: { status: 'CANCELLED' } };
      const found = await shipments.cancel(cancellation, stop, signal);
      if (!found) return 'cancelled';
      if (isCancelled(found)) return 'duplicate';
      const tooLate = { from: found.status?.S, set: { cancellationOutcome: 'TOO_LATE' } };
      const changed = await shipments.cancel(cancellation, tooLate, signal);
      if (!changed) return 'too late';
      if (isCancelled(changed)) return 'duplicate';
      throw new Error('the shipment has changed meanwhile');
    },
  };
}
