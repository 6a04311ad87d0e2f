import { digestOf } from '../../../../contract/event-catalogue.ts';
import { environment } from '../../../../lambda/environment.ts';
import { eventConsumer } from '../../../../lambda/event-consumer.ts';
import { recordTable, write } from '../../../../lambda/record-table.ts';
import { add } from '../../../../lambda/transaction.ts';
import { deviceHour, type Reading, readingEvents } from '../readings.ts';

const aggregates = environment('AGGREGATES_TABLE');
const readings = recordTable(readingEvents, environment('READINGS_TABLE'));

export const handler = eventConsumer(readingEvents, {
  'reading.taken': async (reading, at, signal) => {
    const { milliCelsius } = reading;
    const record = { ...reading, digest: digestOf(reading), recordedAt: at.toISOString() };
    const counted = add(aggregates, { deviceHour: deviceHour(reading) }, { count: 1, sum: milliCelsius });
    const outcome = await readings.create(record, signal, [counted]);
    // Of duplicates too: the try that counted the reading may have ended before these.
    await write(replace('min', '>', reading), signal);
    await write(replace('max', '<', reading), signal);
    return outcome;
  },
});

/** Replaces an extreme of the aggregate where it is less extreme than the reading. */
function replace(field: 'min' | 'max', comparison: '>' | '<', reading: Reading) {
  return {
    Update: {
      TableName: aggregates,
      Key: { deviceHour: { S: deviceHour(reading) } },
      UpdateExpression: 'SET #field = :value',
      ConditionExpression: `attribute_not_exists(#field) OR #field ${comparison} :value`,
      ExpressionAttributeNames: { '#field': field },
      ExpressionAttributeValues: { ':value': { N: String(reading.milliCelsius) } },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    },
  };
}
