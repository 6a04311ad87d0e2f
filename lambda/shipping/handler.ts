import { orderEvents } from '../../domain/events.ts';
import { environment } from '../environment.ts';
import { eventConsumer } from '../event-consumer.ts';
import { ship } from './shipment.ts';
import { shipmentTable } from './shipment-table.ts';

const shipments = shipmentTable(environment('SHIPMENTS_TABLE'));

export const handler = eventConsumer(orderEvents, {
  'order.placed': (order, at, signal) => shipments.prepare(ship(order, at), signal),
  'order.cancelled': (cancellation, _at, signal) => shipments.stop(cancellation, signal),
});
