import { digestOf } from '../../contract/event-catalogue.ts';
import type { Order } from '../../domain/order.ts';
import { PermanentError } from '../permanent-error.ts';

/** What is to be sent to whom for one order. Times in ISO 8601. */
export type Shipment = {
  readonly orderId: string;
  readonly orderDigest: string;
  /** A warehouse gives it further ones once it has left. */
  readonly status: 'READY' | 'CANCELLED';
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly address: NonNullable<Order['shippingAddress']>;
  readonly createdAt: string;
};

/**
 * The shipment for `order`: the items that ship, in the order's own lines. Throws PermanentError for an order with nothing
 * to ship, which the subscription's filter keeps away unless the attributes contradict the body.
 */
export function ship(order: Order, at: Date): Shipment {
  if (!order.shippingAddress) {
    throw new PermanentError('NothingToShip', 'no item requires shipping, yet requiresShipping was "true"');
  }
  return {
    orderId: order.orderId,
    orderDigest: digestOf(order),
    status: 'READY',
    lines: order.items
      .filter((item) => item.requiresShipping)
      .map(({ sku, quantity }) => ({ sku, quantity })),
    address: order.shippingAddress,
    createdAt: at.toISOString(),
  };
}
