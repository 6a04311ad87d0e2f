/** What `order.cancelled` version 1 says. */
import * as z from 'zod/mini';
import { flag, id, literal, mustBe, text, time } from '../contract/fields.ts';

export const ORDER_CANCELLED = 'order.cancelled';

/**
 * An order is cancelled as a whole and for good. Consumers may get this before the order; of several cancellations of an order,
 * whatever they say, the first to arrive stands.
 */
export const cancellationSchema = z.object(
  {
    eventType: literal(ORDER_CANCELLED),
    schemaVersion: literal(1),
    orderId: id,
    customerId: z
      .optional(id)
      .check(
        z.describe(
          "The one of the order. Where a customer's events are processed in order, it has to be there.",
        ),
      ),
    cancelledAt: time,
    reason: text.check(z.describe('For people. It is kept with the records: nothing personal.')),
    requiresShipping: z
      .optional(flag)
      .check(
        z.describe(
          'Whether some item of the order ships. Leave it out where that is not known: shipping then gets the cancellation, too.',
        ),
      ),
  },
  mustBe('an object'),
);

export type Cancellation = z.output<typeof cancellationSchema>;
