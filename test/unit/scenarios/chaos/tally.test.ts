import { expect, test } from '@jest/globals';
import { generateEvents, type TestMessage } from '../../../../cli/publishing/test-events.ts';
import { rewritten, tallyOf } from '../../../../scenarios/chaos/tally.ts';
import { readBody, reconcile } from '../../../../scenarios/reconciliation/reconcile.ts';
import { emptyLedger, type Ledger, type Letters } from '../../../../scenarios/reconciliation/snapshot.ts';

const messages = generateEvents({ count: 30, seed: 5, duplicates: 4, poison: 6 });
const takes = (consumer: string, { attributes }: Pick<TestMessage, 'attributes'>) =>
  consumer !== 'shipping' || attributes.requiresShipping?.StringValue === 'true';
const CONSUMERS = ['billing', 'shipping'];
const ERRORS: Record<string, string> = { 'not-json': 'NotJson', 'unknown-version': 'UnknownVersion' };

interface State {
  ledger: Ledger;
  letters: Letters;
}

/** What is there in the end if nothing went wrong: orders recorded, poison and the later of two rivals dead-lettered. */
function settled(): State {
  const ledger = emptyLedger(CONSUMERS);
  const letters: Letters = new Map();
  for (const consumer of CONSUMERS) {
    const records = ledger.records.get(consumer) ?? new Map();
    const bodies = new Map<string, string[]>();
    for (const message of messages.filter((each) => takes(consumer, each))) {
      const digest = readBody(message.body)?.digest;
      const recorded = records.get(message.id);
      if (!digest) bodies.set(message.body, [ERRORS[message.poison ?? ''] ?? 'SchemaViolation']);
      else if (recorded && recorded !== digest) bodies.set(message.body, ['OrderConflict']);
      else records.set(message.id, digest);
    }
    for (const [id, digest] of records) ledger.contents.get(consumer)?.set(id, digest);
    letters.set(consumer, bodies);
  }
  return { ledger, letters };
}

function changed(change: (state: State) => void): State {
  const state = settled();
  change(state);
  return state;
}

const plain = messages.find(
  ({ kind, id, attributes }) =>
    kind === 'event' &&
    attributes.requiresShipping?.StringValue === 'true' &&
    messages.filter((each) => each.id === id).length === 1,
) as TestMessage;
const poison = messages.find((message) => message.poison === 'not-json') as TestMessage;
const tally = ({ ledger, letters }: State) => tallyOf(messages, takes, ledger, letters);
const open = (after: State) =>
  reconcile({ messages, takes, waiting: new Map(), before: emptyLedger(CONSUMERS), after });

test('what is settled is accounted for, and nothing is left open', () => {
  const { consumers, missing, unexpected } = tally(settled());

  // 30 orders, and 6 poison ones; copies do not count.
  expect(consumers.billing).toEqual({ published: 36, filtered: 0, processed: 30, deadLettered: 6, both: 0 });
  const { shipping } = consumers;
  expect(shipping?.published).toBe(36);
  expect(shipping?.filtered).toBeGreaterThan(0);
  expect((shipping?.filtered ?? 0) + (shipping?.processed ?? 0) + (shipping?.deadLettered ?? 0)).toBe(36);
  expect({ missing, unexpected }).toEqual({ missing: [], unexpected: [] });
  expect(open(settled())).toEqual({ missing: [], unexpected: [] });
});

test('under faults an order may be dead-lettered, or recorded and dead-lettered; after the redrive neither', () => {
  const lettered = changed(({ ledger, letters }) => {
    ledger.records.get('billing')?.delete(plain.id);
    letters.get('billing')?.set(plain.body, [undefined]);
    letters.get('shipping')?.set(plain.body, ['TimeoutError']);
  });

  const { consumers, missing, unexpected } = tally(lettered);
  expect(consumers.billing).toMatchObject({ processed: 29, deadLettered: 7, both: 0 });
  expect(consumers.shipping).toMatchObject({ both: 1 });
  expect({ missing, unexpected }).toEqual({ missing: [], unexpected: [] });
  expect(open(lettered)).toEqual({
    missing: [{ consumer: 'billing', id: plain.id, problem: 'no record of the order' }],
    unexpected: [
      {
        consumer: 'billing',
        id: plain.id,
        problem: 'in the dead-letter queue as moved by SQS, with nothing wrong with it',
      },
      {
        consumer: 'shipping',
        id: plain.id,
        problem: 'in the dead-letter queue as TimeoutError, with nothing wrong with it',
      },
    ],
  });
});

test('an order that is nowhere is missing', () => {
  const { missing } = tally(changed(({ ledger }) => void ledger.records.get('shipping')?.delete(plain.id)));

  expect(missing).toEqual([
    { consumer: 'shipping', id: plain.id, problem: 'neither recorded nor dead-lettered' },
  ]);
});

test('poison must be in the dead-letter queue, however often, and for its own reason', () => {
  const twice = changed(({ letters }) => letters.get('billing')?.set(poison.body, ['NotJson', 'NotJson']));
  expect(open(twice)).toEqual({ missing: [], unexpected: [] });
  const lost = open(changed(({ letters }) => void letters.get('billing')?.delete(poison.body)));
  const odd = open(
    changed(({ letters }) => letters.get('billing')?.set(poison.body, ['NotJson', undefined])),
  );

  expect(lost.missing).toEqual([
    {
      consumer: 'billing',
      id: poison.id,
      problem: '0 times in the dead-letter queue, 1 expected, as NotJson',
    },
  ]);
  expect(odd.unexpected).toEqual([
    {
      consumer: 'billing',
      id: poison.id,
      problem: 'in the dead-letter queue as moved by SQS, but must be there 1 time as NotJson',
    },
  ]);
});

test('a record or a dead letter of what was never published is unexpected', () => {
  const { unexpected } = tally(
    changed(({ ledger, letters }) => {
      ledger.records.get('billing')?.set(plain.id, 'another digest');
      letters.get('billing')?.set(plain.body, ['OrderConflict']);
      letters.get('shipping')?.set('never published', [undefined]);
    }),
  );

  expect(unexpected).toEqual([
    {
      consumer: 'billing',
      id: plain.id,
      problem: 'a record of no order that was published to it',
    },
    { consumer: 'shipping', problem: 'a dead letter that was not published to it: never published' },
  ]);
});

test('a record that a duplicate has changed, or that is gone, is told', () => {
  const before = settled().ledger;

  const { ledger: after } = changed(({ ledger }) => {
    ledger.contents.get('billing')?.set(plain.id, 'issued anew');
    ledger.contents.get('shipping')?.delete(plain.id);
    ledger.contents.get('shipping')?.set('new', 'a record that was not there');
  });

  const problem = 'the record has changed since it was first written';
  expect(rewritten(before, after)).toEqual([
    { consumer: 'billing', id: plain.id, problem },
    { consumer: 'shipping', id: plain.id, problem },
  ]);
  expect(rewritten(before, settled().ledger)).toEqual([]);
});
