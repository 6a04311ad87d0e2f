/** The invoices, and the credit notes that void them: an invoice that was issued is never deleted. */
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { Cancellation } from '../../domain/cancellation.ts';
import {
  type Cancelled,
  cancel,
  cancelledBy,
  isCancelled,
  markerOf,
  putOverMarker,
  recordTable,
  sameOrder,
} from '../record-table.ts';
import { transact } from '../transaction.ts';
import { credit, type Invoice } from './invoice.ts';

/** `tables` are table names. */
export function invoiceTable(tables: { readonly invoices: string; readonly creditNotes: string }) {
  const invoices = recordTable<Invoice>(tables.invoices);

  return {
    /**
     * Records `invoice`, voided by its credit note if the order is cancelled already: the end is the same as if the cancellation had
     * come later. Throws PermanentError if a different order is recorded under the orderId.
     */
    async issue(invoice: Invoice, at: Date, signal: AbortSignal) {
      const existing = await invoices.put(invoice, signal);
      if (!existing) return 'created';
      const cancelled = markerOf(existing);
      if (!cancelled) return sameOrder(existing, invoice);
      const voided = { ...invoice, ...cancelled, status: 'VOIDED' } as const;
      const refused = await transact(
        [{ Put: putOverMarker(tables.invoices, voided) }, { Put: putCreditNote(invoice, cancelled, at) }],
        signal,
      );
      if (!refused) return 'cancelled';
      const found = refused.CancellationReasons?.[0]?.Item;
      if (found) return sameOrder(found, invoice);
      throw refused;
    },

    /** Voids the invoice of a cancelled order by a credit note, once; marks an order that has not come yet. */
    async void(cancellation: Cancellation, at: Date, signal: AbortSignal) {
      const existing = await invoices.mark(cancellation, signal);
      if (!existing) return 'cancelled';
      if (isCancelled(existing)) return 'duplicate';
      const invoice = unmarshall(existing) as Invoice;
      const change = { from: existing.status?.S, set: { status: 'VOIDED' } };
      const refused = await transact(
        [
          { Update: cancel(tables.invoices, cancellation, change) },
          { Put: putCreditNote(invoice, cancelledBy(cancellation), at) },
        ],
        signal,
      );
      if (!refused) return 'cancelled';
      const found = refused.CancellationReasons?.[0]?.Item;
      if (found && isCancelled(found)) return 'duplicate';
      throw refused;
    },
  };

  function putCreditNote(invoice: Invoice, cancelled: Cancelled, at: Date) {
    return {
      TableName: tables.creditNotes,
      Item: marshall(credit(invoice, cancelled, at)),
      ConditionExpression: 'attribute_not_exists(creditNoteId)',
    };
  }
}
