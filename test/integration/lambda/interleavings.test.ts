// An order, its cancellation, and a copy of each: whatever comes first, fails on the way and is tried again, the end is the same.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Cancellation } from '../../../domain/cancellation.ts';
import { bill } from '../../../lambda/billing/invoice.ts';
import { reserve } from '../../../lambda/inventory/reservation.ts';
import { ship } from '../../../lambda/shipping/shipment.ts';
import { functionEnvironment } from '../../fixtures/function-environment.ts';
import { type Fate, localTables } from '../../fixtures/local-tables.ts';
import { aCancellation, anItem, anOrder } from '../../fixtures/order-fixtures.ts';

const at = new Date('2026-11-22T17:00:05.000Z');
const order = anOrder({
  items: [anItem({ sku: 'A', quantity: 3 }), anItem({ sku: 'B', quantity: 1 })],
});
const cancellation = aCancellation();
const { signal } = new AbortController();

interface Consumer {
  place(): Promise<unknown>;
  cancel(of?: Cancellation): Promise<unknown>;
  readonly stock: Record<string, number>;
  readonly tables: readonly (keyof typeof KEYS)[];
}

const KEYS = {
  invoices: 'orderId',
  'credit-notes': 'creditNoteId',
  shipments: 'orderId',
  reservations: 'orderId',
  stock: 'sku',
} as const;

let dynamodb: Awaited<ReturnType<typeof localTables<keyof typeof KEYS>>>;
let consumers: Record<string, Consumer>;

beforeAll(async () => {
  dynamodb = await localTables(KEYS);
  Object.assign(process.env, functionEnvironment(dynamodb.endpoint));
  const { invoiceTable } = await import('../../../lambda/billing/invoice-table.ts');
  const { shipmentTable } = await import('../../../lambda/shipping/shipment-table.ts');
  const { stockTable } = await import('../../../lambda/inventory/stock-table.ts');
  const invoices = invoiceTable({ invoices: 'invoices', creditNotes: 'credit-notes' });
  const shipments = shipmentTable('shipments');
  const stock = stockTable({ stock: 'stock', reservations: 'reservations' });
  const inventory = {
    place: () => stock.take(reserve(order, at), signal),
    cancel: (of = cancellation) => stock.giveBack(of, signal),
    tables: ['reservations', 'stock'],
  } as const;
  consumers = {
    billing: {
      place: () => invoices.issue(bill(order, at), at, signal),
      cancel: (of = cancellation) => invoices.void(of, at, signal),
      tables: ['invoices', 'credit-notes'],
      stock: {},
    },
    shipping: {
      place: () => shipments.prepare(ship(order, at), signal),
      cancel: (of = cancellation) => shipments.stop(of, signal),
      tables: ['shipments'],
      stock: {},
    },
    inventory: { ...inventory, stock: { A: 10, B: 10 } },
    'inventory without stock': { ...inventory, stock: { A: 10, B: 0 } },
  };
});

afterAll(async () => {
  const { dynamodb: client, sqs } = await import('../../../lambda/clients.ts');
  client.destroy();
  sqs.destroy();
  await dynamodb.close();
});

const NAMES = ['billing', 'shipping', 'inventory', 'inventory without stock'];
const consumer = (name: string) => consumers[name] as Consumer;

async function contents({ tables }: Pick<Consumer, 'tables'>) {
  const found = await Promise.all(tables.map((table) => dynamodb.items(table)));
  return Object.fromEntries(tables.map((table, index) => [table, found[index]]));
}

async function begin({ stock }: Consumer): Promise<void> {
  const items = Object.entries(stock).map(([sku, available]) => ({ sku, available }));
  await dynamodb.begin('stock', items);
}

/** What all tables hold when the order is placed and then cancelled, and nothing goes wrong. */
async function plainEnd(of: Consumer) {
  await begin(of);
  await of.place();
  await of.cancel();
  return contents(of);
}

test('the plain way: a voided invoice with its credit note, a stopped shipment, and all stock back', async () => {
  const cancelled = { cancelledAt: cancellation.cancelledAt, cancellationReason: 'changed my mind' };

  const ends = [];
  for (const name of NAMES) ends.push(await plainEnd(consumer(name)));

  expect(ends).toEqual([
    {
      invoices: [{ ...bill(order, at), ...cancelled, status: 'VOIDED' }],
      'credit-notes': [
        {
          creditNoteId: 'CN-order-1',
          orderId: 'order-1',
          customerId: 'customer-1',
          currency: 'EUR',
          total: order.total,
          ...cancelled,
          issuedAt: at.toISOString(),
        },
      ],
    },
    { shipments: [{ ...ship(order, at), ...cancelled, status: 'CANCELLED' }] },
    ...[10, 0].map((left) => ({
      reservations: [{ ...reserve(order, at), ...cancelled, status: 'CANCELLED' }],
      stock: expect.arrayContaining([
        { sku: 'A', available: 10 },
        { sku: 'B', available: left },
      ]),
    })),
  ]);
});

/** Every order in which two of one kind and two of another can come. */
const ARRIVALS = ['PPCC', 'PCPC', 'PCCP', 'CPPC', 'CPCP', 'CCPP'];
describe.each(NAMES)('at %s', (name) => {
  test.each(ARRIVALS)(
    'one after another as %s, with any one call failed and tried again, the end is the same',
    async (arrival) => {
      const of = consumer(name);
      const end = await plainEnd(of);

      for (let failing = 0, isReached = true; isReached; failing++) {
        for (const fate of ['refused', 'answer lost'] as const) {
          await begin(of);
          const fates: Fate[] = [...Array<Fate>(failing).fill('done'), fate];
          let left = Array.from(arrival, (letter) => (letter === 'P' ? of.place : () => of.cancel()));
          // What fails comes back behind all others, as its visibility timeout ends.
          while (left.length > 0) {
            const again: typeof left = [];
            for (const deliver of left)
              await dynamodb.deliver(deliver, fates).catch(() => again.push(deliver));
            left = again;
          }

          expect({ failing, fate, ...(await contents(of)) }).toEqual({ failing, fate, ...end });
          // Until a failure is planted behind the last call.
          isReached = fates.length === 0;
        }
      }
    },
  );

  test('all at the same time, call by call in any order, with any calls failed and tried again, the end is the same', async () => {
    const of = consumer(name);
    const end = await plainEnd(of);
    const turn = fc.record({
      pick: fc.nat(3),
      fate: fc.constantFrom<Fate>('done', 'done', 'done', 'refused', 'answer lost'),
    });

    await fc.assert(
      fc.asyncProperty(fc.array(turn, { maxLength: 24 }), async (turns) => {
        await begin(of);
        await dynamodb.play([of.place, of.place, () => of.cancel(), () => of.cancel()], turns);

        expect(await contents(of)).toEqual(end);
      }),
      { numRuns: 40 },
    );
  });

  test('a second cancellation that says something else changes nothing, and so does the order once more', async () => {
    const of = consumer(name);
    const end = await plainEnd(of);

    const outcomes = [
      await of.cancel(aCancellation({ reason: 'too dear', cancelledAt: '2026-11-23T00:00:00Z' })),
      await of.place(),
    ];

    expect(outcomes).toEqual(['duplicate', 'duplicate']);
    expect(await contents(of)).toEqual(end);
  });
});

test('a shipment that has left stays as it is, and the cancellation is noted as too late, once', async () => {
  const of = consumer('shipping');
  await dynamodb.begin();
  await of.place();
  const [item] = await dynamodb.items('shipments');
  await dynamodb.change('shipments', { ...item, status: 'SHIPPED' });

  const outcomes = [await of.cancel(), await of.cancel()];

  expect(outcomes).toEqual(['too late', 'duplicate']);
  expect((await contents(of)).shipments).toEqual([
    expect.objectContaining({
      status: 'SHIPPED',
      cancellationOutcome: 'TOO_LATE',
      cancelledAt: cancellation.cancelledAt,
    }),
  ]);
});
