import { expect, test } from '@jest/globals';
import { generateEvents } from '../../../../cli/publishing/test-events.ts';
import {
  cancellationsIn,
  reconcileCancellations,
  reconcileCreditNotes,
} from '../../../../scenarios/reconciliation/cancellations.ts';
import type { Differences } from '../../../../scenarios/reconciliation/differences.ts';
import { emptyLedger, type Ledger } from '../../../../scenarios/reconciliation/snapshot.ts';

const CONSUMERS = ['billing', 'inventory'];

/** The differences of one order, which a consumer has cancelled or not. */
function differencesOf(change: (after: Ledger, before: Ledger) => void, wanted = ['a']): Differences {
  const [before, after] = [emptyLedger(CONSUMERS), emptyLedger(CONSUMERS)];
  change(after, before);
  const found: Differences = { missing: [], unexpected: [] };
  reconcileCancellations('billing', new Set(wanted), before, after, found);
  reconcileCreditNotes(after, found);
  return found;
}

const cancelled = (ledger: Ledger, status: string) => void ledger.cancelled.get('billing')?.set('a', status);

test.each(['CANCELLED', 'TOO_LATE'])('a cancelled order that is %s is as it has to be', (status) => {
  expect(differencesOf((after) => cancelled(after, status))).toEqual({ missing: [], unexpected: [] });
});

test('a voided invoice is as it has to be with its credit note, which is missing else', () => {
  const withNote = differencesOf((after) => {
    cancelled(after, 'VOIDED');
    after.creditNotes.add('a');
  });
  const without = differencesOf((after) => cancelled(after, 'VOIDED'));

  expect(withNote).toEqual({ missing: [], unexpected: [] });
  expect(without).toEqual({
    missing: [{ consumer: 'billing', orderId: 'a', problem: 'no credit note voids the invoice' }],
    unexpected: [],
  });
});

test('a credit note without a voided invoice is unexpected', () => {
  expect(differencesOf((after) => void after.creditNotes.add('b'), []).unexpected).toEqual([
    { consumer: 'billing', orderId: 'b', problem: 'a credit note for an invoice that is not voided' },
  ]);
});

test('an order that does not know of its cancellation is missing it', () => {
  expect(differencesOf(() => {}).missing).toEqual([
    { consumer: 'billing', orderId: 'a', problem: 'the order is not cancelled' },
  ]);
});

test('an order that is cancelled and still reserved is unexpected', () => {
  expect(differencesOf((after) => cancelled(after, 'RESERVED')).unexpected).toEqual([
    { consumer: 'billing', orderId: 'a', problem: 'the order is cancelled, but still RESERVED' },
  ]);
});

test('an order that nobody cancelled is unexpected where it is cancelled, unless it was so before', () => {
  const problem = 'the order is cancelled, and nobody cancelled it';

  expect(differencesOf((after) => cancelled(after, 'CANCELLED'), []).unexpected).toEqual([
    { consumer: 'billing', orderId: 'a', problem },
  ]);
  expect(
    differencesOf((after, before) => {
      cancelled(before, 'CANCELLED');
      cancelled(after, 'CANCELLED');
    }, []).unexpected,
  ).toEqual([]);
});

test('cancellations are found among all bodies, broken ones included', () => {
  const messages = generateEvents({ count: 20, seed: 1, poison: 6, cancellations: 3 });
  const wanted = messages.filter(({ kind }) => kind === 'cancellation').map(({ orderId }) => orderId);

  expect([...cancellationsIn(messages.map(({ body }) => body))].sort()).toEqual(wanted.sort());
});
