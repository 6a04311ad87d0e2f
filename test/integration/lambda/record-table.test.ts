// Two consumers as somebody with events of his own writes them: one counts what it records, the other records what is out of range.
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf, EventCatalogue } from '../../../contract/event-catalogue.ts';
import { captureLogs } from '../../fixtures/captured-logs.ts';
import { functionEnvironment } from '../../fixtures/function-environment.ts';
import { type Fate, localTables } from '../../fixtures/local-tables.ts';
import { aReading, aRetraction, type Reading, readingEvents } from '../../fixtures/readings.ts';
import { lambdaContext, sqsRecord } from '../../fixtures/test-queues.ts';

const KEYS = { readings: 'readingId', hours: 'hour', alerts: 'readingId' } as const;
const LIMIT = 30;
const { signal } = new AbortController();

let dynamodb: Awaited<ReturnType<typeof localTables<keyof typeof KEYS>>>;
let output: ReturnType<typeof captureLogs>;
let consumers: Awaited<ReturnType<typeof readingConsumers>>;

async function readingConsumers() {
  const { eventConsumer } = await import('../../../lambda/event-consumer.ts');
  const { recordTable } = await import('../../../lambda/record-table.ts');
  const { add } = await import('../../../lambda/transaction.ts');
  const readings = recordTable(readingEvents, 'readings');
  const alerts = recordTable(readingEvents, 'alerts');
  const recordOf = (reading: Reading, at: Date) => ({
    readingId: reading.readingId,
    digest: digestOf(reading),
    celsius: reading.celsius,
    recordedAt: at.toISOString(),
  });

  const count = (reading: Reading, at: Date, signal: AbortSignal) => {
    const hour = `${reading.deviceId} ${reading.takenAt.slice(0, 'YYYY-MM-DDTHH'.length)}`;
    const added = add('hours', { hour }, { count: 1, sum: reading.celsius });
    return readings.create(recordOf(reading, at), signal, [added]);
  };

  return {
    count,
    analytics: eventConsumer(readingEvents, { 'reading.taken': count }),
    alerting: eventConsumer(readingEvents, {
      'reading.taken': async (reading, at, signal) => {
        if (reading.celsius <= LIMIT) return 'normal';
        const outcome = await alerts.create(recordOf(reading, at), signal);
        return outcome === 'created' ? 'hot' : outcome;
      },
      'reading.retracted': async () => 'retracted',
    }),
  };
}

beforeAll(async () => {
  dynamodb = await localTables(KEYS);
  Object.assign(process.env, functionEnvironment(dynamodb.endpoint));
  output = captureLogs();
  consumers = await readingConsumers();
});

afterAll(async () => {
  output.restore();
  const { dynamodb: client, sqs } = await import('../../../lambda/clients.ts');
  client.destroy();
  sqs.destroy();
  await dynamodb.close();
});

beforeEach(async () => {
  output.clear();
  await dynamodb.begin();
});

/** @returns the outcomes, sorted; throws where not every event was done */
async function deliver(consumer: 'analytics' | 'alerting', ...events: object[]): Promise<unknown[]> {
  const Records = events.map((event, index) =>
    sqsRecord({ MessageId: `message-${index}`, Body: JSON.stringify(event) }),
  );
  output.clear();
  const { batchItemFailures } = await consumers[consumer]({ Records }, lambdaContext());
  if (batchItemFailures.length > 0) throw new Error('not all done');
  return output
    .logs()
    .map(({ message }) => message)
    .sort();
}

test('of a batch, each reading is recorded once, and counted in the hour that it was taken in', async () => {
  const later = aReading({ readingId: 'reading-2', celsius: 1.5 });
  const next = aReading({ readingId: 'reading-3', takenAt: '2026-11-22T18:00:00.000Z' });

  expect(await deliver('analytics', aReading(), aReading(), later, next)).toEqual([
    'created',
    'created',
    'created',
    'duplicate',
  ]);
  expect(await deliver('analytics', next)).toEqual(['duplicate']);
  expect(await dynamodb.items('readings')).toHaveLength(3);
  expect(await dynamodb.items('readings')).toContainEqual({
    readingId: 'reading-2',
    digest: digestOf(later),
    celsius: 1.5,
    recordedAt: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect((await dynamodb.items('hours')).sort((a, b) => (String(a.hour) < String(b.hour) ? -1 : 1))).toEqual([
    { hour: 'device-1 2026-11-22T17', count: 2, sum: 23 },
    { hour: 'device-1 2026-11-22T18', count: 1, sum: 21.5 },
  ]);
});

test('whichever calls fail and are tried again, a reading delivered three times is counted once', async () => {
  const turn = fc.record({
    pick: fc.nat(2),
    fate: fc.constantFrom<Fate>('done', 'refused', 'answer lost'),
  });

  await fc.assert(
    fc.asyncProperty(fc.array(turn, { maxLength: 12 }), async (turns) => {
      await dynamodb.begin();
      const count = () => consumers.count(aReading(), new Date(), signal);
      await dynamodb.play([count, count, count], turns);

      expect(await dynamodb.items('hours')).toEqual([
        { hour: 'device-1 2026-11-22T17', count: 1, sum: 21.5 },
      ]);
    }),
    { numRuns: 20 },
  );
});

test('what is out of range has a record and a metric of its own; what is not is done just as well', async () => {
  const hot = aReading({ readingId: 'reading-2', celsius: LIMIT + 0.5 });

  expect(await deliver('alerting', aReading({ celsius: LIMIT }), hot, hot, aRetraction())).toEqual([
    'duplicate',
    'hot',
    'normal',
    'retracted',
  ]);
  expect(output.metrics()).toEqual([
    expect.objectContaining({ Processed: expect.anything(), Hot: 1, Duplicates: 1 }),
  ]);
  expect((await dynamodb.items('alerts')).map(({ readingId }) => readingId)).toEqual(['reading-2']);
});

/** Never called: the type checker holds it, because it refuses a `@ts-expect-error` over what is right. */
void async function refusedByTheTypeChecker() {
  const { eventConsumer } = await import('../../../lambda/event-consumer.ts');
  const { recordTable } = await import('../../../lambda/record-table.ts');
  // @ts-expect-error: the catalogue has no event type reading.lost
  eventConsumer(readingEvents, { 'reading.lost': async () => 'normal' });
  // @ts-expect-error: not an outcome of the catalogue
  eventConsumer(readingEvents, { 'reading.taken': async () => 'cold' });
  // @ts-expect-error: the field digest is missing
  recordTable(readingEvents, 'readings').create({ readingId: 'reading-1', celsius: 20 }, signal);
  const { settings } = readingEvents;
  // @ts-expect-error: no field of every event
  new EventCatalogue({ ...settings, idField: 'readngId' });
  // @ts-expect-error: not one of the fields that every event has
  new EventCatalogue({ ...settings, groupField: 'celsius' });
};
