import { type Order, orderDigest } from '../../contract/order.ts';

/** What a customer owes for one order. Amounts in minor units of the currency, times in ISO 8601. */
export type Invoice = {
  readonly orderId: string;
  readonly orderDigest: string;
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
    orderDigest: orderDigest(order),
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
