/** The shipments. A cancellation stops those that have not left. */
import type { Cancellation } from '../../domain/cancellation.ts';
import { orderEvents } from '../../domain/events.ts';
import { cancellableRecords } from '../cancellable-records.ts';
import type { Shipment } from './shipment.ts';

export function shipmentTable(table: string) {
  const shipments = cancellableRecords(orderEvents, table);

  return {
    /**
     * Records a shipment to be sent, or, of an order that is cancelled already, one that never will be. Throws PermanentError
     * where a different order is recorded under the orderId.
     */
    prepare: (shipment: Shipment, signal: AbortSignal) =>
      shipments.create(shipment, () => stopped(shipment), signal),

    /**
     * Stops the shipment. One that has left, whatever status the warehouse has given it since, keeps that status, and is noted
     * as TOO_LATE: somebody has to take the goods back.
     */
    stop: (cancellation: Cancellation, signal: AbortSignal) =>
      shipments.cancel(cancellation, stopped, signal),
  };
}

function stopped({ status }: Shipment) {
  return status === 'READY'
    ? ({ set: { status: 'CANCELLED' }, outcome: 'cancelled' } as const)
    : ({ set: { cancellationOutcome: 'TOO_LATE' }, outcome: 'too late' } as const);
}
