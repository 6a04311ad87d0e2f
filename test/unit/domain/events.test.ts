import { describe, expect, test } from '@jest/globals';
import { orderEvents } from '../../../domain/events.ts';
import { aCancellation, anItem, anOrder } from '../../fixtures/order-fixtures.ts';

const { reason: _, ...withoutReason } = aCancellation();
const { customerId: __, requiresShipping: ___, ...least } = aCancellation();

describe('the catalogue of orders', () => {
  test.each([
    ['an order', anOrder()],
    ['a cancellation', aCancellation()],
    ['a cancellation that says the least', least],
  ])('accepts %s', (_name, event) => {
    expect(orderEvents.check({ ...event, colour: 'red' })).toEqual({ event });
  });

  test.each([
    ['null', null, 'order must be an object'],
    ['no type', {}, 'eventType is missing, must be "order.placed" or "order.cancelled"'],
    ['another version', { ...aCancellation(), schemaVersion: 2 }, 'schemaVersion must be 1'],
    ['no version', { ...aCancellation(), schemaVersion: undefined }, 'schemaVersion is missing, must be 1'],
    ['no reason', withoutReason, 'reason is missing, must be text'],
    ['an empty reason', aCancellation({ reason: '' }), 'reason must be 1 to 200 characters'],
    [
      'no UTC',
      aCancellation({ cancelledAt: '2026-11-22T18:00:00' }),
      'cancelledAt must be an ISO 8601 date and time in UTC, like 2026-11-22T17:00:00Z',
    ],
  ])('refuses %s, naming the field', (_name, value, problem) => {
    const result = orderEvents.check(value);

    expect(
      'problems' in result && result.problems.map(({ field, message }) => `${field} ${message}`),
    ).toEqual([problem]);
  });
});

test.each([
  ['order that ships', anOrder(), 'true'],
  ['order with nothing to ship', anOrder({ items: [anItem({ requiresShipping: false })] }), 'false'],
  ['cancellation of an order that ships', aCancellation(), 'true'],
  ['cancellation of an order with nothing to ship', aCancellation({ requiresShipping: false }), 'false'],
  ['cancellation that does not say', least as ReturnType<typeof aCancellation>, 'true'],
])('the attributes of an %s let shipping hear of it: %#', (_name, event, requiresShipping) => {
  const string = (StringValue: string) => ({ DataType: 'String', StringValue });

  expect(orderEvents.attributesOf(event)).toEqual({
    eventType: string(event.eventType),
    schemaVersion: string('1'),
    requiresShipping: string(requiresShipping),
  });
});

test('an event happened when the order was placed or cancelled', () => {
  expect([orderEvents.timeOf(anOrder()), orderEvents.timeOf(aCancellation())]).toEqual([
    '2026-11-22T17:00:00.000Z',
    '2026-11-22T18:00:00.000Z',
  ]);
});
