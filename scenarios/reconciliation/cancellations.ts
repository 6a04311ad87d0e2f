// Compares the cancelled orders with their cancellations: each is in its end state at every consumer, whatever came first.
import { eventIn } from '../../cli/outcomes/follow.ts';
import type { EventType } from '../../domain/events.ts';
import type { Differences } from './differences.ts';
import type { Ledger } from './snapshot.ts';

/** In which states the record of a cancelled order may end. */
const ENDED = ['VOIDED', 'CANCELLED', 'TOO_LATE'];

/** What an event leaves behind at a consumer. */
const EFFECTS: Record<EventType, 'record' | 'cancellation'> = {
  'order.placed': 'record',
  'order.cancelled': 'cancellation',
};

/** The orderIds of the valid cancellations among bodies. */
export function cancellationsIn(bodies: Iterable<string>): Set<string> {
  const events = Array.from(bodies, eventIn).filter((event) => event !== undefined);
  const cancellations = events.filter(({ eventType }) => EFFECTS[eventType] === 'cancellation');
  return new Set(cancellations.map(({ orderId }) => orderId));
}

/**
 * Compares the records of a consumer with the cancellations that it got: each has had its effect, and nothing else is cancelled.
 * An invoice is voided by a credit note, and by nothing else.
 * @param wanted orderIds of the cancellations
 */
export function reconcileCancellations(
  consumer: string,
  wanted: ReadonlySet<string>,
  before: Ledger,
  after: Ledger,
  { missing, unexpected }: Differences,
): void {
  const cancelled = after.cancelled.get(consumer) ?? new Map<string, string>();
  for (const orderId of wanted) {
    if (!cancelled.has(orderId)) missing.push({ consumer, orderId, problem: 'the order is not cancelled' });
  }
  for (const [orderId, status] of cancelled) {
    const problem = (text: string) => unexpected.push({ consumer, orderId, problem: text });
    if (!wanted.has(orderId) && !before.cancelled.get(consumer)?.has(orderId)) {
      problem('the order is cancelled, and nobody cancelled it');
    }
    if (!ENDED.includes(status)) problem(`the order is cancelled, but still ${status}`);
    if (status === 'VOIDED' && !after.creditNotes.has(orderId)) {
      missing.push({ consumer, orderId, problem: 'no credit note voids the invoice' });
    }
  }
}

/** Credit notes for invoices that are not voided. */
export function reconcileCreditNotes({ cancelled, creditNotes }: Ledger, { unexpected }: Differences): void {
  const voided = new Set(
    Array.from(cancelled.values(), (orders) => [...orders].filter(([, status]) => status === 'VOIDED'))
      .flat()
      .map(([orderId]) => orderId),
  );
  for (const orderId of creditNotes) {
    if (voided.has(orderId)) continue;
    unexpected.push({
      consumer: 'billing',
      orderId,
      problem: 'a credit note for an invoice that is not voided',
    });
  }
}
