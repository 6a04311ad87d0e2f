/** What consumers must have made of orders: an invoice, a shipment and a reservation each, and a stock that adds up. */
import type { EndState, Finding, Item, Ledger } from '../contract/domain.ts';
import { catalogue } from './articles.ts';

/** In which states the record of a cancelled order may end. */
const ENDED = ['VOIDED', 'CANCELLED', 'TOO_LATE'];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

export const orderEndState: EndState = {
  recorded: ['created', 'backordered'],
  initial: { stock: catalogue.map(({ sku, stock }) => ({ sku, available: stock })) },
  read(item) {
    const { placedAt, cancelledAt, ...own } = timesIn(item);
    const { orderDigest, status, cancellationOutcome, cancellationReason } = item;
    return {
      digest: orderDigest === undefined ? undefined : String(orderDigest),
      status: typeof status === 'string' ? status : undefined,
      // A record has one time of its own beside those of the events: issuedAt, createdAt, reservedAt.
      at: Object.values(own)[0],
      changed: item.cancelledAt === undefined ? undefined : String(cancellationOutcome ?? status),
      events: [
        ...(placedAt ? [{ event: 'placed', at: placedAt }] : []),
        ...(cancelledAt ? [{ event: 'cancelled', at: cancelledAt, reason: String(cancellationReason) }] : []),
      ],
      attributes: attributesIn(item),
    };
  },
  check: (before, after) => [...wrongCancellations(after), ...wrongStock(before, after)],
  shown: (after) => {
    const waiting = itemsIn(after, 'reservations').filter(({ status }) => status === 'BACKORDERED').length;
    return `the stock adds up (${waiting} ${waiting === 1 ? 'order' : 'orders'} on backorder)`;
  },
  shownOfChanged: 'voided by a credit note, stopped, and back in stock, whichever message came first',
};

function timesIn(item: Item): Record<string, Date> {
  const times = Object.entries(item).filter(([, value]) => typeof value === 'string' && TIME.test(value));
  return Object.fromEntries(times.map(([field, value]) => [field, new Date(String(value))]));
}

/** Of the records, only an invoice tells which of its lines ship. */
function attributesIn({ lines }: Item): Record<string, string> {
  const ships = (Array.isArray(lines) ? lines : []).map((line) => line?.requiresShipping);
  const tells = ships.length > 0 && ships.every((each) => typeof each === 'boolean');
  return tells ? { requiresShipping: String(ships.includes(true)) } : {};
}

/** A cancelled order is in an end state everywhere; an invoice is voided by a credit note, and by nothing else. */
function wrongCancellations(after: Ledger): Finding[] {
  const findings: Finding[] = [];
  for (const [consumer, tables] of after) {
    for (const item of [...tables.values()].flat()) {
      const { cancelledAt, orderId, creditNoteId } = item;
      if (cancelledAt === undefined || creditNoteId !== undefined) continue;
      const state = String(item.cancellationOutcome ?? item.status);
      if (ENDED.includes(state)) continue;
      findings.push({ consumer, id: String(orderId), problem: `the order is cancelled, but still ${state}` });
    }
  }
  const voided = idsIn(itemsIn(after, 'invoices').filter(({ status }) => status === 'VOIDED'));
  const credited = idsIn(itemsIn(after, 'credit-notes'));
  const finding = (id: string, problem: string) => findings.push({ consumer: 'billing', id, problem });
  for (const id of voided.difference(credited)) finding(id, 'no credit note voids the invoice');
  for (const id of credited.difference(voided)) {
    finding(id, 'a credit note for an invoice that is not voided');
  }
  return findings;
}

/** SKUs of which the stock is not what it was before, less what was reserved since. */
function wrongStock(before: Ledger, after: Ledger): Finding[] {
  const left = new Map(itemsIn(after, 'stock').map(({ sku, available }) => [sku, Number(available)]));
  const [reservedBefore, reservedAfter] = [reservedIn(before), reservedIn(after)];
  return itemsIn(before, 'stock').flatMap(({ sku, available }) => {
    const reserved = (reservedAfter.get(String(sku)) ?? 0) - (reservedBefore.get(String(sku)) ?? 0);
    const now = left.get(sku);
    if (now !== undefined && now === Number(available) - reserved && now >= 0) return [];
    const problem = `${sku}, ${now} left of ${available} with ${reserved} reserved in this run`;
    return [{ consumer: 'inventory', problem }];
  });
}

/** SKU → pieces reserved by all orders. */
function reservedIn(ledger: Ledger): Map<string, number> {
  const reserved = new Map<string, number>();
  for (const { status, lines } of itemsIn(ledger, 'reservations')) {
    if (status !== 'RESERVED') continue;
    for (const { sku, quantity } of lines as { sku: string; quantity: number }[]) {
      reserved.set(sku, (reserved.get(sku) ?? 0) + quantity);
    }
  }
  return reserved;
}

function itemsIn(ledger: Ledger, table: string): readonly Item[] {
  return Array.from(ledger.values(), (tables) => tables.get(table) ?? []).flat();
}

function idsIn(items: readonly Item[]): Set<string> {
  return new Set(items.map(({ orderId }) => String(orderId)));
}
