/** The invoices, and the credit notes that void them: an invoice that was issued is never deleted. */
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Cancellation } from '../../domain/cancellation.ts';
import { orderEvents } from '../../domain/events.ts';
import { type Cancelled, cancellableRecords } from '../cancellable-records.ts';
import { credit, type Invoice } from './invoice.ts';

/** `tables` are table names. */
export function invoiceTable(tables: { readonly invoices: string; readonly creditNotes: string }) {
  const invoices = cancellableRecords(orderEvents, tables.invoices);

  return {
    /**
     * Records `invoice`, voided by its credit note if the order is cancelled already: the end is the same as if the cancellation had
     * come later. Throws PermanentError if a different order is recorded under the orderId.
     */
    issue: (invoice: Invoice, at: Date, signal: AbortSignal) =>
      invoices.create(invoice, (cancelled) => voided(invoice, cancelled, at), signal),

    /** Voids the invoice of a cancelled order by a credit note, once; marks an order that has not come yet. */
    void: (cancellation: Cancellation, at: Date, signal: AbortSignal) =>
      invoices.cancel(cancellation, (invoice: Invoice, cancelled) => voided(invoice, cancelled, at), signal),
  };

  function voided(invoice: Invoice, cancelled: Cancelled, at: Date) {
    const creditNote = {
      TableName: tables.creditNotes,
      Item: marshall(credit(invoice, cancelled, at)),
      ConditionExpression: 'attribute_not_exists(creditNoteId)',
    };
    return { set: { status: 'VOIDED' }, others: [{ Put: creditNote }], outcome: 'cancelled' } as const;
  }
}
