import { orderEvents } from '../../domain/events.ts';
import { environment } from '../environment.ts';
import { eventConsumer } from '../event-consumer.ts';
import { bill } from './invoice.ts';
import { invoiceTable } from './invoice-table.ts';

const invoices = invoiceTable({
  invoices: environment('INVOICES_TABLE'),
  creditNotes: environment('CREDIT_NOTES_TABLE'),
});

export const handler = eventConsumer(orderEvents, {
  'order.placed': (order, at, signal) => invoices.issue(bill(order, at), at, signal),
  'order.cancelled': (cancellation, at, signal) => invoices.void(cancellation, at, signal),
});
