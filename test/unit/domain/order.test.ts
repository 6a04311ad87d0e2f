import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf } from '../../../contract/event-catalogue.ts';
import { eventJsonSchemas } from '../../../domain/event-schemas.ts';
import { orderEvents } from '../../../domain/events.ts';
import { COUNTRIES, CURRENCIES } from '../../../domain/iso-codes.ts';
import { requiresShipping } from '../../../domain/order.ts';
import { anItem, anOrder, orders } from '../../fixtures/order-fixtures.ts';

const address = anOrder().shippingAddress;
const download = anItem({ requiresShipping: false });

const check = (value: unknown) => orderEvents.check(value, ['order.placed']);

const accepted: [string, object][] = [
  ['one item that ships', anOrder()],
  ['nothing to ship and no address', anOrder({ items: [download] })],
  ['50 items', anOrder({ items: Array(50).fill(anItem()) })],
  ['quantity 1', anOrder({ items: [anItem({ quantity: 1 })] })],
  ['quantity 1000', anOrder({ items: [anItem({ quantity: 1000 })] })],
  ['a free item', anOrder({ items: [anItem({ unitPrice: 0 })] })],
  ['an id of 64 characters', anOrder({ orderId: 'a'.repeat(64) })],
  ['a SKU with a dot', anOrder({ items: [anItem({ sku: 'A.b_c-1' })] })],
  ['a time without fraction', anOrder({ placedAt: '2026-11-22T17:00:00Z' })],
  ['a time in nanoseconds', anOrder({ placedAt: '2026-11-22T17:00:00.123456789Z' })],
  ['29 February of a leap year', anOrder({ placedAt: '2028-02-29T00:00:00Z' })],
  [
    'an address with region and second line',
    anOrder({ shippingAddress: { ...address, line2: 'b', region: 'c' } as never }),
  ],
];

const refused: [string, unknown, string][] = [
  ['another event', { ...anOrder(), eventType: 'order.cancelled' }, 'eventType'],
  ['another version', { ...anOrder(), schemaVersion: 2 }, 'schemaVersion'],
  ['a version as text', { ...anOrder(), schemaVersion: '1' }, 'schemaVersion'],
  ['half a version', { ...anOrder(), schemaVersion: 1.5 }, 'schemaVersion'],
  ['an eventType as a number', { ...anOrder(), eventType: 1 }, 'eventType'],
  ['an orderId as a number', { ...anOrder(), orderId: 5 }, 'orderId'],
  ['a customerId in a list', { ...anOrder(), customerId: ['customer-1'] }, 'customerId'],
  ['a time in milliseconds', { ...anOrder(), placedAt: 1_795_366_800_000 }, 'placedAt'],
  ['a currency as an object', { ...anOrder(), currency: { toString: 'EUR' } }, 'currency'],
  ['a quantity as text', { ...anOrder(), items: [{ ...anItem(), quantity: '2' }] }, 'items[0].quantity'],
  ['a total as text', { ...anOrder(), total: '2500' }, 'total'],
  ['no orderId', { ...anOrder(), orderId: undefined }, 'orderId'],
  ['an empty orderId', anOrder({ orderId: '' }), 'orderId'],
  ['an orderId of 65 characters', anOrder({ orderId: 'a'.repeat(65) }), 'orderId'],
  ['an orderId with a space', anOrder({ orderId: 'a b' }), 'orderId'],
  ['an orderId ending in a line break', anOrder({ orderId: 'a\n' }), 'orderId'],
  ['a customerId with a dot', anOrder({ customerId: 'a.b' }), 'customerId'],
  ['local time', anOrder({ placedAt: '2026-11-22T17:00:00' }), 'placedAt'],
  ['a time with an offset', anOrder({ placedAt: '2026-11-22T17:00:00+01:00' }), 'placedAt'],
  ['a day that is none', anOrder({ placedAt: '2026-02-29T00:00:00Z' }), 'placedAt'],
  ['a withdrawn currency', anOrder({ currency: 'HRK' }), 'currency'],
  ['a currency in lower case', anOrder({ currency: 'eur' }), 'currency'],
  ['no items', anOrder({ items: [], total: 0 }), 'items'],
  ['51 items', anOrder({ items: Array(51).fill(anItem()) }), 'items'],
  ['a SKU with a slash', anOrder({ items: [anItem({ sku: 'a/b' })] }), 'items[0].sku'],
  ['quantity 0', anOrder({ items: [anItem(), anItem({ quantity: 0 })] }), 'items[1].quantity'],
  ['quantity 1001', anOrder({ items: [anItem({ quantity: 1001 })] }), 'items[0].quantity'],
  ['half a quantity', anOrder({ items: [anItem({ quantity: 0.5 })] }), 'items[0].quantity'],
  ['a negative price', anOrder({ items: [anItem({ unitPrice: -1 })] }), 'items[0].unitPrice'],
  ['a price in cents and a half', anOrder({ items: [anItem({ unitPrice: 0.5 })] }), 'items[0].unitPrice'],
  ['a price beyond 2^53', anOrder({ items: [anItem({ unitPrice: 2 ** 53 })] }), 'items[0].unitPrice'],
  [
    'shipping as text',
    anOrder({ items: [anItem({ requiresShipping: 'true' as never })] }),
    'items[0].requiresShipping',
  ],
  ['a total that is not the sum', anOrder({ total: 2501 }), 'total'],
  [
    'a sum beyond 2^53',
    anOrder({ items: Array(2).fill(anItem({ quantity: 1, unitPrice: 2 ** 53 - 1 })) }),
    'total',
  ],
  ['no address for an order that ships', { ...anOrder(), shippingAddress: undefined }, 'shippingAddress'],
  [
    'an address for nothing',
    { ...anOrder({ items: [download] }), shippingAddress: address },
    'shippingAddress',
  ],
  ['an address as text', { ...anOrder(), shippingAddress: 'London' }, 'shippingAddress'],
  ['an empty name', { ...anOrder(), shippingAddress: { ...address, name: '' } }, 'shippingAddress.name'],
  [
    'a line of 201 characters',
    { ...anOrder(), shippingAddress: { ...address, line1: 'a'.repeat(201) } },
    'shippingAddress.line1',
  ],
  [
    'half a surrogate pair',
    { ...anOrder(), shippingAddress: { ...address, city: '\ud800' } },
    'shippingAddress.city',
  ],
  [
    'a region outside ISO 3166-1',
    { ...anOrder(), shippingAddress: { ...address, country: 'UK' } },
    'shippingAddress.country',
  ],
];

describe('an order', () => {
  test.each(accepted)('accepts %s', (_name, order) => {
    expect(check(order)).toEqual({ event: order });
  });

  test.each(refused)('refuses %s, naming the field', (_name, order, field) => {
    const result = check(order);

    expect('problems' in result && result.problems.map((problem) => problem.field)).toContain(field);
  });

  test('says of each field what it must be', () => {
    const nothing = check({ eventType: 'order.placed', items: [{}], shippingAddress: {} });
    const wrong = check({
      ...anOrder(),
      items: [],
      shippingAddress: { ...address, name: '' },
      total: 1,
    });
    const wordsOf = (result: ReturnType<typeof check>) =>
      'problems' in result && result.problems.map(({ field, message }) => `${field} ${message}`);

    expect(wordsOf(nothing)).toEqual([
      'schemaVersion is missing, must be 1',
      'orderId is missing, must be 1 to 64 letters, digits, "-" or "_"',
      'placedAt is missing, must be an ISO 8601 date and time in UTC, like 2026-11-22T17:00:00Z',
      'customerId is missing, must be 1 to 64 letters, digits, "-" or "_"',
      'currency is missing, must be an ISO 4217 currency code',
      'items[0].sku is missing, must be 1 to 64 letters, digits, "-", "_" or "."',
      'items[0].quantity is missing, must be a whole number from 1 to 1000',
      'items[0].unitPrice is missing, must be a whole number from 0 to 9007199254740991',
      'items[0].requiresShipping is missing, must be true or false',
      'total is missing, must be a whole number from 0 to 9007199254740991',
      'shippingAddress.name is missing, must be text',
      'shippingAddress.line1 is missing, must be text',
      'shippingAddress.city is missing, must be text',
      'shippingAddress.postalCode is missing, must be text',
      'shippingAddress.country is missing, must be an ISO 3166-1 alpha-2 country code',
    ]);
    expect(wordsOf(wrong)).toEqual([
      'items must be a list of 1 to 50 items',
      'shippingAddress.name must be 1 to 200 characters',
      'total must equal the sum of quantity × unitPrice over the items',
      'shippingAddress must be present exactly when some item requires shipping',
    ]);
    expect(wordsOf(check(anOrder({ total: 1 })))).toEqual([
      'total must equal the sum of quantity × unitPrice over the items',
    ]);
    expect(wordsOf(check({ ...anOrder(), shippingAddress: undefined }))).toEqual([
      'shippingAddress must be present exactly when some item requires shipping',
    ]);
    expect(wordsOf(check({ ...anOrder(), items: Array(51).fill(anItem()) }))).toContain(
      'items must be a list of 1 to 50 items',
    );
    const bad = { ...address, name: 'a'.repeat(201), city: '\ud800' };
    expect(wordsOf(check({ ...anOrder(), shippingAddress: bad }))).toEqual([
      'shippingAddress.name must be 1 to 200 characters',
      'shippingAddress.city must be well-formed Unicode',
    ]);
    expect(wordsOf(check({ ...anOrder(), items: 7 }))).toEqual(['items must be a list of 1 to 50 items']);
    expect(wordsOf(check({ ...anOrder(), items: [7], shippingAddress: 7 }))).toEqual([
      'items[0] must be an object',
      'shippingAddress must be an object',
    ]);
  });

  test('drops unknown fields, at every level', () => {
    const order = anOrder();

    const result = check({
      ...order,
      coupon: 'X',
      items: order.items.map((item) => ({ ...item, colour: 'red' })),
      shippingAddress: { ...order.shippingAddress, floor: 3 },
    });

    expect(result).toEqual({ event: order });
  });

  test('takes no field from a __proto__ key', () => {
    const body = JSON.stringify({ ...anOrder(), total: undefined }).replace(
      '{',
      '{"__proto__":{"total":2500},',
    );

    expect(check(JSON.parse(body))).toEqual({
      problems: [expect.objectContaining({ field: 'total' })],
    });
  });

  test('accepts every generated order, as it is', () => {
    fc.assert(fc.property(orders, (order) => expect(check(order)).toEqual({ event: order })));
  });

  test('never repeats a value of the order in a problem', () => {
    const secret = 'Secret/Value';
    const paths = [
      'orderId',
      'placedAt',
      'currency',
      'total',
      'items',
      'shippingAddress',
      'eventType',
      'schemaVersion',
    ];

    fc.assert(
      fc.property(orders, fc.constantFrom(...paths), (order, path) => {
        expect(JSON.stringify(check({ ...order, [path]: secret }))).not.toContain(secret);
        expect(JSON.stringify(check({ ...order, shippingAddress: { country: secret } }))).not.toContain(
          secret,
        );
        expect(JSON.stringify(check({ ...order, items: [{ sku: secret, quantity: secret }] }))).not.toContain(
          secret,
        );
      }),
    );
  });

  test('takes any JSON value without throwing', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void check(value)));
  });
});

describe('the digest of an order', () => {
  test.each([
    ['a total', { total: 2501 }],
    ['a quantity', { items: [anItem({ quantity: 3 })] }],
    ['a city', { shippingAddress: { ...address, city: 'Paris' } as never }],
  ])('differs by %s', (_name, change) => {
    expect(digestOf({ ...anOrder(), ...change })).not.toBe(digestOf(anOrder()));
  });

  // Stored with every record: another digest for the same order would turn duplicates into conflicts.
  test('stays what it was in the first release', () => {
    expect(digestOf(anOrder())).toBe('85e5e00e3018b25f6226bfd8843a78ff0d65c7706a7e5a7b8154422be29e1e1b');
  });
});

test('an order ships where one item of several does', () => {
  expect(requiresShipping(anOrder({ items: [download, anItem()] }))).toBe(true);
  expect(requiresShipping(anOrder({ items: [download] }))).toBe(false);
});

describe('the code lists', () => {
  test('hold each code once, all of them known to Intl', () => {
    const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
    const currencies = new Intl.DisplayNames('en', { type: 'currency', fallback: 'none' });

    expect(new Set(COUNTRIES).size).toBe(COUNTRIES.length);
    expect(COUNTRIES.filter((code) => !regions.of(code))).toEqual([]);
    expect(new Set(CURRENCIES).size).toBe(CURRENCIES.length);
    expect(CURRENCIES.filter((code) => !currencies.of(code))).toEqual([]);
  });

  test('hold all 249 countries of ISO 3166-1', () => {
    expect(COUNTRIES).toHaveLength(249);
  });
});

test.each(Array.from(eventJsonSchemas()))(
  '%s is current: `node domain/event-schemas.ts && npx biome check --write docs` writes it',
  (file, schema) => {
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(schema)));
  },
);
