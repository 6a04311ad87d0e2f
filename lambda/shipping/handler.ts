import { environment } from '../environment.ts';
import { orderConsumer } from '../order-consumer.ts';
import { recordTable } from '../record-table.ts';
import { type Shipment, ship } from './shipment.ts';

const shipments = recordTable<Shipment>(environment('SHIPMENTS_TABLE'));

export const handler = orderConsumer((order, at, signal) => shipments.putOnce(ship(order, at), signal));
