import { environment } from '../environment.ts';
import { orderConsumer } from '../order-consumer.ts';
import { ship } from './shipment.ts';
import { shipmentTable } from './shipment-table.ts';

const shipments = shipmentTable(environment('SHIPMENTS_TABLE'));

export const handler = orderConsumer({
  'order.placed': (order, at, signal) => shipments.prepare(ship(order, at), signal),
  'order.cancelled': (cancellation, _at, signal) => shipments.stop(cancellation, signal),
});
