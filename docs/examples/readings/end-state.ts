/** What consumers must have made of readings: each counts once in the aggregate of its device and hour, and hot ones have an alert. */
import type { EndState, Finding, Item, Ledger } from '../../../contract/domain.ts';
import { deviceHour, isHot, type Reading, readingEvents } from './readings.ts';

type ReadingRecord = Reading & { readonly digest: string; readonly recordedAt: string };

export const readingEndState: EndState<Reading> = {
  recorded: ['created'],
  leavesRecord: (consumer, reading) => consumer !== 'alerting' || isHot(reading),
  read(item) {
    const { digest, takenAt, recordedAt } = item as unknown as ReadingRecord;
    return {
      digest,
      event: readingEvents.eventIn(JSON.stringify(item)),
      at: new Date(recordedAt),
      events: [{ event: 'taken', at: new Date(takenAt) }],
      attributes: {},
    };
  },
  check: (_before, after) => wrongAggregates(after),
  shown: () => 'the sums, minima and maxima of the aggregates are those of the readings',
};

function wrongAggregates(after: Ledger): Finding[] {
  const stored = itemsIn(after, 'aggregates').map((item) => [String(item.deviceHour), item] as const);
  const aggregates = new Map(stored);
  const readings = Map.groupBy(itemsIn(after, 'readings') as unknown as ReadingRecord[], deviceHour);
  return [...new Set([...aggregates.keys(), ...readings.keys()])].flatMap((hour) => {
    const values = (readings.get(hour) ?? []).map(({ milliCelsius }) => milliCelsius);
    const sum = values.reduce((all, each) => all + each, 0);
    const expected = { count: values.length, sum, min: Math.min(...values), max: Math.max(...values) };
    const found = aggregates.get(hour) ?? {};
    const wrong = Object.entries(expected).filter(([field, value]) => found[field] !== value);
    return wrong.map(([field, value]) => ({
      consumer: 'analytics',
      problem: `${hour}: ${field} is ${found[field]}, but must be ${value} by the readings on record`,
    }));
  });
}

function itemsIn(ledger: Ledger, table: string): readonly Item[] {
  return ledger.get('analytics')?.get(table) ?? [];
}
