import { digestOf } from '../../../../contract/event-catalogue.ts';
import { environment } from '../../../../lambda/environment.ts';
import { eventConsumer } from '../../../../lambda/event-consumer.ts';
import { recordTable } from '../../../../lambda/record-table.ts';
import { isHot, readingEvents } from '../readings.ts';

const alerts = recordTable(readingEvents, environment('ALERTS_TABLE'));

export const handler = eventConsumer(readingEvents, {
  'reading.taken': async (reading, at, signal) => {
    if (!isHot(reading)) return 'normal';
    return await alerts.create(
      { ...reading, digest: digestOf(reading), recordedAt: at.toISOString() },
      signal,
    );
  },
});
