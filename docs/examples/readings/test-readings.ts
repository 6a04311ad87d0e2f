import type { TestEvents } from '../../../contract/domain.ts';
import type { Random } from '../../../contract/random.ts';
import type { Reading } from './readings.ts';

/** Few enough to have several readings an hour. */
const MAX_DEVICES = 50;
const HOT_SHARE = 0.2;
/** Of those in a run, some were taken in the hour before. */
const MAX_AGE_MS = 20 * 60_000;

export const testReadings: TestEvents<Reading> = {
  create: newReading,
  conflictWith: (reading) => ({ ...reading, milliCelsius: 100_000 - reading.milliCelsius }),
  poison: {
    'not-json': { error: 'NotJson', body: (reading) => JSON.stringify(reading).slice(0, -1) },
    'below-absolute-zero': {
      error: 'SchemaViolation',
      body: (reading) => JSON.stringify({ ...reading, milliCelsius: -300_000 }),
    },
    'missing-field': {
      error: 'SchemaViolation',
      body: ({ deviceId: _, ...reading }) => JSON.stringify(reading),
    },
    'unknown-version': {
      error: 'UnknownVersion',
      body: (reading) => JSON.stringify({ ...reading, schemaVersion: 2 }),
    },
  },
};

function newReading(readingId: string, now: Date, devices: number, random: Random): Reading {
  const [least, range] = random() < HOT_SHARE ? [60_001, 30_000] : [15_000, 30_000];
  return {
    eventType: 'reading.taken',
    schemaVersion: 1,
    readingId,
    deviceId: `device-${Math.floor(random() * Math.min(devices, MAX_DEVICES))}`,
    takenAt: new Date(now.getTime() - Math.floor(random() * MAX_AGE_MS)).toISOString(),
    milliCelsius: least + Math.floor(random() * range),
  };
}
