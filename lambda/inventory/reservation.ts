import { digestOf } from '../../contract/event-catalogue.ts';
import type { Order } from '../../domain/order.ts';

/** The stock one order takes: all of its lines, or, as BACKORDERED or CANCELLED, none of them. Times in ISO 8601. */
export type Reservation = {
  readonly orderId: string;
  readonly orderDigest: string;
  readonly status: 'RESERVED' | 'BACKORDERED' | 'CANCELLED';
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly reservedAt: string;
};

/** The reservation `order` asks for, one line a SKU: a transaction may touch an item only once. */
export function reserve(order: Order, at: Date): Reservation {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of order.items) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  return {
    orderId: order.orderId,
    orderDigest: digestOf(order),
    status: 'RESERVED',
    lines: Array.from(quantities, ([sku, quantity]) => ({ sku, quantity })),
    reservedAt: at.toISOString(),
  };
}
