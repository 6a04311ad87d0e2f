import { expect, test } from '@jest/globals';
import { generateEvents, type TestMessage } from '../../../../cli/publishing/test-events.ts';
import { type ChaosFindings, chaosResult } from '../../../../scenarios/chaos/report.ts';
import { readBody } from '../../../../scenarios/reconciliation/reconcile.ts';
import { emptyLedger, type Snapshot } from '../../../../scenarios/reconciliation/snapshot.ts';

const [order] = generateEvents({ count: 1, seed: 1 }) as [TestMessage];

function look(letters: Snapshot['letters'], isRecorded: boolean): Snapshot {
  const ledger = emptyLedger(['billing']);
  if (isRecorded) ledger.records.get('billing')?.set(order.id, readBody(order.body)?.digest ?? '');
  return { ledger, letters };
}

/** One order that SQS dead-lettered under faults, and that was recorded after the redrive. */
const findings = {
  ...{
    count: 1,
    seed: 1,
    messages: [order],
    takes: () => true,
    faults: { 'stack-killed': 4 },
    problems: [],
    lateCopies: [],
  },
  before: emptyLedger(['billing']),
  underFaults: look(new Map([['billing', new Map([[order.body, [undefined]]])]]), false),
  after: look(new Map(), true),
  inversions: { billing: 0 },
  isOrdered: true,
  store: 'bucket',
  orderedConsumers: new Set(['billing']),
} satisfies ChaosFindings;

test('an order after a later one of its customer is told, and a fault where the stack is ordered', () => {
  const inversions = { billing: 7 };

  const ordered = chaosResult({ ...findings, inversions });
  const standard = chaosResult({ ...findings, inversions, isOrdered: false, orderedConsumers: new Set() });

  expect(ordered).toMatchObject({ proved: false, summary: { inversions } });
  expect(ordered.report).toContain(
    'unexpected: billing, 7 orders processed after a later one of the same customer',
  );
  expect(standard).toMatchObject({ proved: true, summary: { inversions, unexpected: [] } });
  expect(standard.report).toMatch(/inversions\nbilling .* 7\n/);
  expect(standard.report).not.toContain('No order was recorded after');
});

test('a stack that is ordered, and has kept the order, is said to have', () => {
  const { proved, report } = chaosResult(findings);

  expect(proved).toBe(true);
  expect(report).toContain('No order was recorded after a later one of the same customer');
});

test('records are said to be where the stack has them', () => {
  const { report } = chaosResult(findings);

  expect(report).toContain('exactly once in every bucket where it belongs');
});

test('a fault that never happened proves nothing', () => {
  const { proved, summary } = chaosResult({ ...findings, faults: { 'stack-killed': 4, 'sns-error': 0 } });

  expect(proved).toBe(false);
  expect(summary.missing).toEqual([{ consumer: 'chaos', problem: 'it never happened: sns-error' }]);
});
