import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf } from '../../../contract/event-catalogue.ts';
import { aReading, aRetraction, readingEvents } from '../../fixtures/readings.ts';

const second = { ...aReading(), schemaVersion: 2, place: { room: 'cellar' } };

describe('a catalogue', () => {
  test.each([
    ['an event', aReading()],
    ['a later version', second],
    ['another type', aRetraction()],
  ])('accepts %s, and drops unknown fields at every level', (_name, event) => {
    const more = 'place' in event ? { place: { ...event.place, floor: 3 } } : {};

    expect(readingEvents.check({ ...event, ...more, colour: 'red' })).toEqual({ event });
  });

  const types = '"reading.taken" or "reading.retracted"';

  test.each<[string, unknown, string[]]>([
    ['text', 'reading', ['reading must be an object']],
    ['null', null, ['reading must be an object']],
    ['a list', [aReading()], ['reading must be an object']],
    ['no type', {}, [`eventType is missing, must be ${types}`]],
    ['a type that it lacks', { ...aReading(), eventType: 'reading.lost' }, [`eventType must be ${types}`]],
    ['a type that every object has', { eventType: 'toString' }, [`eventType must be ${types}`]],
    ['a version of another type', { ...aRetraction(), schemaVersion: 2 }, ['schemaVersion must be 1']],
    ['a version every object has', { ...aRetraction(), schemaVersion: 'at' }, ['schemaVersion must be 1']],
    [
      'a version that it lacks, by the newest that it has',
      { ...aReading(), schemaVersion: 3 },
      ['schemaVersion must be 2', 'place is missing, must be an object'],
    ],
    [
      'the first version by its own fields',
      aReading({ celsius: '20' as never }),
      ['celsius must be a number'],
    ],
    ['an empty part', { ...second, place: {} }, ['place.room is missing, must be text']],
  ])('refuses %s, naming each field', (_name, value, expected) => {
    const result = readingEvents.check(value);

    expect(
      'problems' in result && result.problems.map(({ field, message }) => `${field} ${message}`),
    ).toEqual(expected);
  });

  test('refuses a type that is not asked for', () => {
    expect(readingEvents.check(aRetraction(), ['reading.taken'])).toEqual({
      problems: [{ field: 'eventType', message: 'must be "reading.taken"' }],
    });
  });

  test('takes any JSON value without throwing', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void readingEvents.check(value)));
  });

  test('knows the versions of its types, and none of others', () => {
    const asked = ['reading.taken', 'reading.retracted', 'reading.lost', 'toString', 7, undefined];

    expect(asked.map((type) => readingEvents.versionsOf(type))).toEqual([[1, 2], [1], [], [], [], []]);
  });

  test.each([
    ['an event', JSON.stringify(aReading()), aReading()],
    ['no JSON', '{', undefined],
    ['no event', '{}', undefined],
  ])('finds in a body with %s what is there', (_name, body, expected) => {
    expect(readingEvents.eventIn(body)).toEqual(expected);
  });

  test('says of an event its ID, its time, its effect, and the attributes by which filters see it', () => {
    const string = (StringValue: string) => ({ DataType: 'String', StringValue });
    const about = (event: Parameters<typeof readingEvents.idOf>[0]) => [
      readingEvents.idOf(event),
      readingEvents.timeOf(event),
      readingEvents.effectOf(event.eventType),
      readingEvents.attributesOf(event),
    ];

    expect([about(second), about(aRetraction())]).toEqual([
      [
        'reading-1',
        '2026-11-22T17:20:00.000Z',
        'creates',
        { eventType: string('reading.taken'), schemaVersion: string('2'), frost: string('false') },
      ],
      [
        'reading-1',
        '2026-11-22T18:00:00.000Z',
        'changes',
        { eventType: string('reading.retracted'), schemaVersion: string('1') },
      ],
    ]);
  });

  test('tells which attributes hide an event that has to be seen', () => {
    const frost = aReading({ celsius: -1 });

    expect([
      readingEvents.hiddenBy(frost, () => 'false'),
      readingEvents.hiddenBy(frost, (attribute) => (attribute === 'frost' ? 'true' : undefined)),
      readingEvents.hiddenBy(aReading(), () => undefined),
      readingEvents.hiddenBy(aRetraction(), () => undefined),
    ]).toEqual(['it freezes, yet frost was not "true"', undefined, undefined, undefined]);
  });

  test('throws for an event of a type that it lacks', () => {
    const event = { eventType: 'toString', schemaVersion: 1 };

    expect(() => readingEvents.timeOf(event)).toThrow('no event type toString');
  });
});

describe('the digest of an event', () => {
  test('is the same however keys are sorted', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (more) => {
        const event = { ...aReading(), more };

        expect(digestOf(reversed(event) as typeof event)).toBe(digestOf(event));
      }),
    );
  });

  test.each([
    ['a number', { celsius: 21.6 }],
    ['a field deep inside', { place: { room: 'attic' } }],
    ['a version', { schemaVersion: 3 }],
  ])('differs by %s', (_name, change) => {
    expect(digestOf({ ...second, ...change })).not.toBe(digestOf(second));
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, reversed(inner)] as const);
  return Object.fromEntries(entries.reverse());
}
