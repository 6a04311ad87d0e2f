import { environment } from '../environment.ts';
import { orderConsumer } from '../order-consumer.ts';
import { recordTable } from '../record-table.ts';
import { bill, type Invoice } from './invoice.ts';

const invoices = recordTable<Invoice>(environment('INVOICES_TABLE'));

export const handler = orderConsumer((order, at, signal) => invoices.putOnce(bill(order, at), signal));
