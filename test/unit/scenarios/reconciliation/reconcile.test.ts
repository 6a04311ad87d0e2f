import { describe, expect, test } from '@jest/globals';
import { generateEvents, type TestMessage } from '../../../../cli/publishing/test-events.ts';
import { digestOf } from '../../../../contract/event-catalogue.ts';
import { orderEvents } from '../../../../domain/events.ts';
import { ORDER_PLACED, type Order, requiresShipping } from '../../../../domain/order.ts';
import { type ConsumerCounts, reconcile } from '../../../../scenarios/reconciliation/reconcile.ts';
import { emptyLedger, type Ledger, type Letters } from '../../../../scenarios/reconciliation/snapshot.ts';

const messages = generateEvents({ count: 30, seed: 5, duplicates: 4, poison: 6 });
const takes = (consumer: string, { attributes }: Pick<TestMessage, 'attributes'>) =>
  consumer !== 'shipping' || attributes.requiresShipping?.StringValue === 'true';

const REASONS: Record<string, string> = {
  'not-json': 'NotJson',
  'wrong-total': 'SchemaViolation',
  'unknown-version': 'UnknownVersion',
  'missing-field': 'SchemaViolation',
  'zero-quantity': 'SchemaViolation',
  conflict: 'OrderConflict',
};

function orderOf(message: TestMessage): Order | undefined {
  const event = orderEvents.eventIn(message.body);
  return event?.eventType === ORDER_PLACED ? event : undefined;
}

const CONSUMERS = ['billing', 'shipping', 'inventory'];

function recordsOf({ records }: Ledger, consumer: string): Map<string, string> {
  return records.get(consumer) ?? new Map();
}

/** What faultless consumers leave behind: the first order of an orderId is recorded, later other ones are refused. */
function faultless() {
  const before: Ledger = emptyLedger(CONSUMERS);
  const after: Ledger = emptyLedger(CONSUMERS);
  const counted: Record<string, ConsumerCounts> = {};
  const letters: Letters = new Map();
  const waiting = new Map<string, string[]>();
  for (const consumer of CONSUMERS) {
    const records = recordsOf(after, consumer);
    const refused = new Map<string, string[]>();
    letters.set(consumer, refused);
    const books = { delivered: 0, processed: 0, duplicates: 0, deadLettered: 0 };
    for (const message of messages.filter((each) => takes(consumer, each))) {
      books.delivered += 1;
      const order = orderOf(message);
      const recorded = records.get(message.id);
      if (!order || (recorded && recorded !== digestOf(order))) {
        books.deadLettered += 1;
        refused.set(message.body, [order ? 'OrderConflict' : (REASONS[message.poison ?? ''] ?? '')]);
      } else if (recorded) books.duplicates += 1;
      else {
        books.processed += 1;
        records.set(message.id, digestOf(order));
      }
    }
    counted[consumer] = books;
  }
  return { before, after, counted, letters, waiting };
}

function result(change: (state: ReturnType<typeof faultless>) => void = () => {}) {
  const state = faultless();
  change(state);
  const { counted, before, after: ledger, letters, waiting } = state;
  return reconcile({ messages, takes, waiting, counted, before, after: { ledger, letters } });
}

const valid = messages.find(
  (message) => message.kind === 'event' && requiresShipping(orderOf(message) as Order),
) as TestMessage;
const notShipped = messages.find(
  (message) => message.kind === 'event' && !requiresShipping(orderOf(message) as Order),
) as TestMessage;

test('faultless consumers leave no difference, whichever of two conflicting orders came first', () => {
  expect(result()).toEqual({ missing: [], unexpected: [] });

  messages.reverse();
  const reversed = result();
  messages.reverse();

  expect(reversed).toEqual({ missing: [], unexpected: [] });
});

const at = (consumer: string, id: string, problem: string) => ({ consumer, id, problem });

type Case = [
  string,
  (state: ReturnType<typeof faultless>) => void,
  { readonly missing?: unknown[]; readonly unexpected?: unknown[] },
];

test.each<Case>([
  ...CONSUMERS.map(
    (consumer): Case => [
      `a record that ${consumer} does not have is missing`,
      ({ after }) => after.records.get(consumer)?.delete(valid.id),
      { missing: [at(consumer, valid.id, 'no record of the order')] },
    ],
  ),
  [
    'a record at a consumer that the order is not for is unexpected',
    ({ after }) => after.records.get('shipping')?.set(notShipped.id, digestOf(orderOf(notShipped) as Order)),
    { unexpected: [at('shipping', notShipped.id, 'a record of no order that was published to it')] },
  ],
  [
    'a record of another content than the one published is unexpected',
    ({ after }) => after.records.get('billing')?.set(valid.id, 'other'),
    { unexpected: [at('billing', valid.id, 'the record is not of the order that was published')] },
  ],
  [
    'a record that was there before the run is neither missing nor unexpected',
    ({ before, after }) => {
      recordsOf(before, 'billing').set('earlier', 'digest');
      after.records.get('billing')?.set('earlier', 'digest');
    },
    {},
  ],
  [
    'a record of an earlier run that is gone is missing',
    ({ before }) => recordsOf(before, 'billing').set('earlier', 'digest'),
    { missing: [at('billing', 'earlier', 'no record of the order')] },
  ],
  [
    'what the domain finds wrong in the tables is unexpected',
    ({ after }) => after.tables.get('billing')?.set('credit-notes', [{ orderId: 'a', creditNoteId: 'CN-a' }]),
    { unexpected: [at('billing', 'a', 'a credit note for an invoice that is not voided')] },
  ],
  [
    'a change that nobody published is unexpected',
    ({ after }) => after.changed.get('billing')?.set(valid.id, 'VOIDED'),
    { unexpected: [at('billing', valid.id, 'the order is cancelled, and no message said so')] },
  ],
  [
    'a change that was there before is not',
    ({ before, after }) =>
      [before, after].map(({ changed }) => changed.get('billing')?.set(valid.id, 'VOIDED')),
    {},
  ],
  [
    'a record whose answer was lost, and that is found as a duplicate at the next try, is no difference',
    ({ counted }) => {
      const counts = counted.billing as ConsumerCounts;
      counts.processed -= 1;
      counts.duplicates += 1;
    },
    {},
  ],
])('%s', (_, change, { missing = [], unexpected = [] }) => {
  const found = result(change);

  expect(found.missing).toEqual(missing.length > 0 ? expect.arrayContaining(missing) : []);
  // A record too few or too many shows in the counts as well.
  expect(found.unexpected.filter(({ problem }) => !problem.includes('processed'))).toEqual(unexpected);
});

test.each<keyof ConsumerCounts>(['delivered', 'processed'])(
  'one message too few or too many %s is told',
  (column) => {
    const of = (by: number) =>
      result(({ counted }) => {
        const books = counted.billing as ConsumerCounts;
        books[column] += by;
      });

    expect(of(-1)).toMatchObject({ missing: [{ consumer: 'billing' }], unexpected: [] });
    expect(of(1)).toMatchObject({ missing: [], unexpected: [{ consumer: 'billing' }] });
  },
);

describe('of a consumer without a table of records', () => {
  const withoutRecords = (change: (counts: ConsumerCounts, letters: Letters) => void = () => {}) =>
    result(({ after, counted, letters }) => {
      (after.records as Map<string, unknown>).delete('billing');
      const [rival = ''] =
        [...(letters.get('billing') ?? [])].find(([, [reason]]) => reason === 'OrderConflict') ?? [];
      letters.get('billing')?.delete(rival);
      (counted.billing as ConsumerCounts).processed += 1;
      change(counted.billing as ConsumerCounts, letters);
    });

  test('what it counted and its dead letters are enough', () => {
    expect(withoutRecords()).toEqual({ missing: [], unexpected: [] });
  });

  test.each<[string, Parameters<typeof withoutRecords>[0], string]>([
    ['lost message', (counts) => void counts.processed--, 'processed or found to be duplicates'],
    [
      'lost dead letter',
      (_, letters) => void letters.get('billing')?.clear(),
      'in the dead-letter queue, 1 expected',
    ],
  ])('a %s is missing', (_, change, problem) => {
    expect(withoutRecords(change).missing).toContainEqual(
      expect.objectContaining({ consumer: 'billing', problem: expect.stringContaining(problem) }),
    );
  });
});

describe('a dead letter', () => {
  const poison = messages.find((message) => message.poison === 'not-json') as TestMessage;
  const letter = (body: string, ...reasons: (string | undefined)[]) =>
    result(({ letters }) => letters.get('billing')?.set(body, reasons));
  const told = (what: string) =>
    expect.objectContaining({ consumer: 'billing', problem: expect.stringContaining(what) });

  test('that should be there and is not is missing', () => {
    expect(letter(poison.body)).toEqual({
      missing: [told('0 times in the dead-letter queue, 1 expected, as NotJson')],
      unexpected: [],
    });
  });

  test.each([
    ['without its reason', poison.body, [undefined], 'as moved by SQS, but must be there 1 time as NotJson'],
    ['for another reason', poison.body, ['SchemaViolation'], 'as SchemaViolation, but must be'],
    ['twice', poison.body, ['NotJson', 'NotJson'], 'as NotJson, but must be there 1 time'],
    ['of a valid order', valid.body, ['OrderConflict'], 'as OrderConflict, with nothing wrong with it'],
    [
      'of nobody',
      'what is this?',
      ['NotJson'],
      'a dead letter that was not published to it, as NotJson: what is this?',
    ],
  ])('%s is unexpected', (_, body, reasons, problem) => {
    expect(letter(body, ...reasons).unexpected).toEqual([told(problem)]);
  });

  test('of a message that lay in the queue before is expected, but for a valid order or without a reason', () => {
    const leftOver = (body: string, reason: string | undefined) =>
      result(({ letters, waiting, after }) => {
        waiting.set('billing', [body]);
        letters.get('billing')?.set(body, [reason]);
        const order = orderOf({ body } as TestMessage);
        if (order) after.records.get('billing')?.set(order.orderId, digestOf(order));
      }).unexpected;
    const [old] = generateEvents({ count: 1, seed: 77 });

    expect(leftOver('junk', 'NotJson')).toEqual([]);
    expect(leftOver('junk', undefined)).toEqual([told('not published to it, as moved by SQS: junk')]);
    expect(leftOver(old?.body ?? '', 'SchemaViolation')).toContainEqual(told('as SchemaViolation'));
  });
});

test('the record of an order that lay in the queue before is expected, and missed where it is not there', () => {
  const [old] = generateEvents({ count: 1, seed: 77 });
  const order = orderOf(old as TestMessage) as Order;
  const found = (isRecorded: boolean) =>
    result(({ waiting, after, counted }) => {
      waiting.set('billing', [old?.body ?? '']);
      if (!isRecorded) return;
      after.records.get('billing')?.set(order.orderId, digestOf(order));
      (counted.billing as ConsumerCounts).processed += 1;
    });

  expect(found(true)).toEqual({ missing: [], unexpected: [] });
  expect(found(false).missing).toEqual([
    { consumer: 'billing', id: order.orderId, problem: 'no record of the order' },
  ]);
});

test('a cancellation must have had its effect at each consumer that got it, in whatever sequence they came', () => {
  const [order, cancellation] = generateEvents({ count: 1, seed: 3, changes: 1 }).toSorted((one) =>
    one.kind === 'event' ? -1 : 1,
  ) as [TestMessage, TestMessage];
  const found = (isChanged: boolean) => {
    const ledger = emptyLedger(['billing']);
    recordsOf(ledger, 'billing').set(order.id, digestOf(orderOf(order) as Order));
    if (isChanged) ledger.changed.get('billing')?.set(order.id, 'VOIDED');
    const after = { ledger, letters: new Map([['billing', new Map()]]) };
    const run = {
      messages: [cancellation, order],
      takes,
      waiting: new Map(),
      before: emptyLedger(['billing']),
      after,
    };
    return reconcile(run);
  };

  expect(found(true)).toEqual({ missing: [], unexpected: [] });
  expect(found(false).missing).toEqual([at('billing', order.id, 'the order is not cancelled')]);
});
