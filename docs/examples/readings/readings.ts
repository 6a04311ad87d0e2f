/** What a reading is, and what both consumers and the end state know of it. */
import * as z from 'zod/mini';
import { EventCatalogue, eventDefinition } from '../../../contract/event-catalogue.ts';
import { id, literal, time, wholeNumber } from '../../../contract/fields.ts';
import { words } from './words.ts';

/** Alerts are for what is hotter, in thousandths of a degree Celsius. */
const HOT = 60_000;

const readingSchema = z.object({
  eventType: literal('reading.taken'),
  schemaVersion: literal(1),
  readingId: id,
  deviceId: id,
  takenAt: time,
  /** Whole numbers add up exactly. The least is absolute zero. */
  milliCelsius: wholeNumber(-273_150, 1_000_000),
});

export type Reading = z.output<typeof readingSchema>;

export const readingEvents = new EventCatalogue({
  noun: words.noun,
  idField: words.idField,
  digestField: 'digest',
  groupField: 'deviceId',
  conflictError: 'ReadingConflict',
  // Not hot: no alert.
  outcomes: { normal: undefined },
  types: {
    'reading.taken': eventDefinition<Reading>({
      versions: { 1: readingSchema },
      time: 'takenAt',
      effect: 'creates',
    }),
  },
});

export function isHot({ milliCelsius }: Pick<Reading, 'milliCelsius'>): boolean {
  return milliCelsius > HOT;
}

/** Device and hour, in UTC: `device-7/2026-11-22T17`. */
export function deviceHour({ deviceId, takenAt }: Pick<Reading, 'deviceId' | 'takenAt'>): string {
  return `${deviceId}/${takenAt.slice(0, 'yyyy-mm-ddThh'.length)}`;
}
