import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf } from '../../../contract/event-catalogue.ts';
import { bill } from '../../../lambda/billing/invoice.ts';
import { reserve } from '../../../lambda/inventory/reservation.ts';
import { ship } from '../../../lambda/shipping/shipment.ts';
import { anItem, anOrder, orders } from '../../fixtures/order-fixtures.ts';

const at = new Date('2026-11-22T17:00:05.000Z');
const download = anItem({ sku: 'EBOOK', requiresShipping: false });

describe('an invoice', () => {
  test('bills each line and the total', () => {
    const order = anOrder({ items: [anItem({ sku: 'A', quantity: 3, unitPrice: 250 }), download] });

    expect(bill(order, at)).toEqual({
      orderId: 'order-1',
      orderDigest: digestOf(order),
      status: 'ISSUED',
      customerId: 'customer-1',
      currency: 'EUR',
      lines: [
        { sku: 'A', quantity: 3, unitPrice: 250, amount: 750, requiresShipping: true },
        { sku: 'EBOOK', quantity: 2, unitPrice: 1250, amount: 2500, requiresShipping: false },
      ],
      total: 3250,
      placedAt: '2026-11-22T17:00:00.000Z',
      issuedAt: '2026-11-22T17:00:05.000Z',
    });
  });

  test('has lines that add up to its total, for every order', () => {
    fc.assert(
      fc.property(orders, (order) => {
        const { lines, total } = bill(order, at);
        expect(lines.reduce((sum, { amount }) => sum + amount, 0)).toBe(total);
      }),
    );
  });

  test('knows nothing of the address', () => {
    expect(JSON.stringify(bill(anOrder(), at))).not.toContain('Ada Lovelace');
  });
});

describe('a shipment', () => {
  test('holds the items that ship, and the address', () => {
    const order = anOrder({ items: [anItem({ sku: 'A', quantity: 3 }), download] });

    expect(ship(order, at)).toEqual({
      orderId: 'order-1',
      orderDigest: digestOf(order),
      status: 'READY',
      lines: [{ sku: 'A', quantity: 3 }],
      address: order.shippingAddress,
      createdAt: '2026-11-22T17:00:05.000Z',
    });
  });

  test('cannot be made of an order with nothing to ship', () => {
    expect(() => ship(anOrder({ items: [download] }), at)).toThrow(
      expect.objectContaining({ name: 'NothingToShip' }),
    );
  });
});

describe('a reservation', () => {
  test('has one line a SKU, with the quantities of all its items', () => {
    const order = anOrder({
      items: [
        anItem({ sku: 'A', quantity: 3 }),
        anItem({ sku: 'B', quantity: 1 }),
        anItem({ sku: 'A', quantity: 4 }),
      ],
    });

    expect(reserve(order, at)).toEqual({
      orderId: 'order-1',
      orderDigest: digestOf(order),
      status: 'RESERVED',
      lines: [
        { sku: 'A', quantity: 7 },
        { sku: 'B', quantity: 1 },
      ],
      reservedAt: '2026-11-22T17:00:05.000Z',
    });
  });

  test('names no SKU twice and takes as much as was ordered, for every order', () => {
    fc.assert(
      fc.property(orders, (order) => {
        const { lines } = reserve(order, at);
        const quantity = (rows: readonly { quantity: number }[]) =>
          rows.reduce((sum, row) => sum + row.quantity, 0);
        expect(new Set(lines.map(({ sku }) => sku)).size).toBe(lines.length);
        expect(quantity(lines)).toBe(quantity(order.items));
      }),
    );
  });
});
