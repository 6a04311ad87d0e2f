import { orderEvents } from '../../domain/events.ts';
import { environment } from '../environment.ts';
import { eventConsumer } from '../event-consumer.ts';
import { reserve } from './reservation.ts';
import { stockTable } from './stock-table.ts';

const stock = stockTable({
  stock: environment('STOCK_TABLE'),
  reservations: environment('RESERVATIONS_TABLE'),
});

export const handler = eventConsumer(orderEvents, {
  'order.placed': (order, at, signal) => stock.take(reserve(order, at), signal),
  'order.cancelled': (cancellation, _at, signal) => stock.giveBack(cancellation, signal),
});
