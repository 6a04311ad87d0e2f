import { expect, test } from '@jest/globals';
import type { Finding, Item, Ledger } from '../../../contract/domain.ts';
import { orderEndState } from '../../../domain/end-state.ts';

/** Table → items, all at one consumer: the check finds tables wherever they are. */
function ledger(tables: Record<string, Item[]>): Ledger {
  return new Map([['billing', new Map(Object.entries(tables))]]);
}

const check = (before: Record<string, Item[]>, after: Record<string, Item[]>): Finding[] | undefined =>
  orderEndState.check?.(ledger(before), ledger(after));

const cancelled = (status: string) => ({ orderId: 'a', status, cancelledAt: '2026-11-22T18:00:00Z' });
const creditNote = { creditNoteId: 'CN-a', orderId: 'a', cancelledAt: '2026-11-22T18:00:00Z' };

test.each<[string, Record<string, Item[]>, string[]]>([
  ['a cancelled shipment', { shipments: [cancelled('CANCELLED')] }, []],
  ['one that had left', { shipments: [{ ...cancelled('SENT'), cancellationOutcome: 'TOO_LATE' }] }, []],
  [
    'a voided invoice with its credit note',
    { invoices: [cancelled('VOIDED')], 'credit-notes': [creditNote] },
    [],
  ],
  ['a voided invoice without one', { invoices: [cancelled('VOIDED')] }, ['no credit note voids the invoice']],
  [
    'a credit note for an invoice that stands',
    { invoices: [{ orderId: 'a', status: 'ISSUED' }], 'credit-notes': [creditNote] },
    ['a credit note for an invoice that is not voided'],
  ],
  [
    'a reservation that was cancelled and still holds its pieces',
    { reservations: [{ ...cancelled('RESERVED'), lines: [] }] },
    ['the order is cancelled, but still RESERVED'],
  ],
])('%s', (_, after, problems) => {
  expect(check({}, after)?.map(({ problem }) => problem)).toEqual(problems);
});

test.each([
  ['that adds up', 5, 3, []],
  ['of which a piece went twice', 5, 2, ['CUP, 2 left of 5 with 2 reserved in this run']],
  ['below nothing', 1, -1, ['CUP, -1 left of 1 with 2 reserved in this run']],
])('a stock %s', (_, before, after, problems) => {
  const reserved = { orderId: 'a', status: 'RESERVED', lines: [{ sku: 'CUP', quantity: 2 }] };
  const waiting = { orderId: 'b', status: 'BACKORDERED', lines: [{ sku: 'CUP', quantity: 9 }] };

  const found = check(
    { stock: [{ sku: 'CUP', available: before }] },
    { stock: [{ sku: 'CUP', available: after }], reservations: [reserved, waiting] },
  );

  expect(found?.map(({ problem }) => problem)).toEqual(problems);
});

test('a stock that is gone is found', () => {
  expect(check({ stock: [{ sku: 'CUP', available: 1 }] }, {})).toHaveLength(1);
});

test('a record tells what happened, and an invoice whether anything ships', () => {
  const placedAt = '2026-11-22T17:00:00.000Z';
  const issuedAt = '2026-11-22T17:00:02.000Z';
  const cancelledAt = '2026-11-22T18:00:00.000Z';
  const lines = [
    { sku: 'CUP', requiresShipping: false },
    { sku: 'BAG', requiresShipping: true },
  ];
  const invoice = { orderDigest: 'd1', status: 'VOIDED', placedAt, issuedAt, cancelledAt, lines };

  expect(orderEndState.read({ ...invoice, cancellationReason: 'too late' })).toEqual({
    digest: 'd1',
    status: 'VOIDED',
    at: new Date(issuedAt),
    changed: 'VOIDED',
    events: [
      { event: 'placed', at: new Date(placedAt) },
      { event: 'cancelled', at: new Date(cancelledAt), reason: 'too late' },
    ],
    attributes: { requiresShipping: 'true' },
  });
  expect(orderEndState.read({ status: 'CANCELLED', cancelledAt })).toMatchObject({
    digest: undefined,
    changed: 'CANCELLED',
  });
});
