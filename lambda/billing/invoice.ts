import { digestOf } from '../../contract/event-catalogue.ts';
import type { Order } from '../../domain/order.ts';
import type { Cancelled } from '../cancellable-records.ts';

/** What a customer owes for one order. Amounts in minor units of the currency, times in ISO 8601. */
export type Invoice = {
  readonly orderId: string;
  readonly orderDigest: string;
  readonly status: 'ISSUED' | 'VOIDED';
  readonly customerId: string;
  readonly currency: string;
  readonly lines: readonly {
    readonly sku: string;
    readonly quantity: number;
    readonly unitPrice: number;
    readonly amount: number;
    /** Goods and services are taxed differently. */
    readonly requiresShipping: boolean;
  }[];
  readonly total: number;
  readonly placedAt: string;
  readonly issuedAt: string;
};

/** The invoice for `order`, issued `at`. */
export function bill(order: Order, at: Date): Invoice {
  return {
    orderId: order.orderId,
    orderDigest: digestOf(order),
    status: 'ISSUED',
    customerId: order.customerId,
    currency: order.currency,
    lines: order.items.map(({ sku, quantity, unitPrice, requiresShipping }) => ({
      sku,
      quantity,
      unitPrice,
      amount: quantity * unitPrice,
      requiresShipping,
    })),
    total: order.total,
    placedAt: order.placedAt,
    issuedAt: at.toISOString(),
  };
}

/** What voids an invoice, for its whole total. */
export type CreditNote = Pick<Invoice, 'orderId' | 'customerId' | 'currency' | 'total'> &
  Cancelled & { readonly creditNoteId: string; readonly issuedAt: string };

/** The credit note for `invoice`, issued `at`. An order is cancelled once, so there is one at most. */
export function credit(invoice: Invoice, cancelled: Cancelled, at: Date): CreditNote {
  const { orderId, customerId, currency, total } = invoice;
  return {
    creditNoteId: `CN-${orderId}`,
    orderId,
    customerId,
    currency,
    total,
    ...cancelled,
    issuedAt: at.toISOString(),
  };
}
