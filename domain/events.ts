/** The catalogue: every event that the topic carries. Publishers and consumers use these schemas and no other. */
import { EventCatalogue, type EventOf, eventDefinition } from '../contract/event-catalogue.ts';
import { type Cancellation, cancellationSchema, ORDER_CANCELLED } from './cancellation.ts';
import { ORDER_PLACED, type Order, orderSchema, requiresShipping } from './order.ts';
import { words } from './words.ts';

export const orderEvents = new EventCatalogue({
  noun: words.noun,
  idField: words.idField,
  digestField: 'orderDigest',
  groupField: 'customerId',
  conflictError: 'OrderConflict',
  // Recorded as waiting for stock; recorded as cancelled, or cancelled since; cancelled too late to have its effect.
  outcomes: { backordered: 'Backordered', cancelled: undefined, 'too late': 'TooLate' },
  types: {
    [ORDER_PLACED]: eventDefinition<Order>({
      versions: { 1: orderSchema },
      time: 'placedAt',
      effect: 'creates',
      attributes: (order) => ({ requiresShipping: String(requiresShipping(order)) }),
      hiddenBy: (order, told) => hiddenFromShipping(requiresShipping(order), 'an item requires', told),
    }),
    [ORDER_CANCELLED]: eventDefinition<Cancellation>({
      versions: { 1: cancellationSchema },
      time: 'cancelledAt',
      effect: 'changes',
      attributes: (cancellation) => ({ requiresShipping: String(mayShip(cancellation)) }),
      hiddenBy: (cancellation, told) =>
        hiddenFromShipping(mayShip(cancellation), 'an item may require', told),
    }),
  },
});

export type OrderEvent = EventOf<typeof orderEvents>;

/** Who cancels may not know: better a marker that shipping never needs than goods of a cancelled order on their way. */
function mayShip({ requiresShipping = true }: Cancellation): boolean {
  return requiresShipping;
}

/** An order that ships would be billed and never sent; a cancelled one would be sent. */
function hiddenFromShipping(
  ships: boolean,
  claim: string,
  told: (attribute: string) => string | undefined,
): string | undefined {
  if (!ships || told('requiresShipping') === 'true') return undefined;
  return `${claim} shipping, yet the message attribute requiresShipping was not "true"`;
}
