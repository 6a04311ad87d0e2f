import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Stack } from 'aws-cdk-lib';
import type { Domain, EndState, Ledger } from '../../../../contract/domain.ts';
import { domain as orders } from '../../../../domain/domain.ts';
import { handlers, consumers as takers } from '../../../../lib/config.ts';
import { checkDomain, warnOfUnclaimed } from '../../../../lib/settings/domain.ts';
import { handlerEntry } from '../../../../lib/settings/handler-entry.ts';
import type { ConsumerSettings } from '../../../../lib/settings/types.ts';
import { ConfigError } from '../../../../lib/settings/validation.ts';
import { readingEvents } from '../../../fixtures/readings.ts';
import { testApp } from '../../../fixtures/synthesized.ts';

const HANDLER = import.meta.filename;
const table = { holds: 'records', partitionKey: 'readingId', actions: [] } as const;
const consumers: Record<string, ConsumerSettings> = {
  analytics: { eventTypes: ['reading.taken'], tables: { readings: table } },
  imaging: { buckets: { images: { holds: 'records', writes: 'images/' } } },
};

test('the domain of this project fits its settings', () => {
  expect(() => checkDomain(orders, takers, (name) => handlerEntry(name, handlers))).not.toThrow();
});

test('a topic that no ID can be made of is refused', () => {
  expect(refusalOf({ ...readings(), topic: 'Readings' })).toEqual(
    new ConfigError('the domain\'s topic "Readings" is not a name in kebab-case, such as readings'),
  );
});

test('an event that a consumer takes and the domain does not define is refused, with those that it does', () => {
  const wrong = { ...consumers, alerting: { eventTypes: ['reading.taken', 'reading.lost'] } };

  expect(refusalOf(readings(), wrong)).toEqual(
    new ConfigError(
      'consumers.alerting in lib/config.ts takes reading.lost, which the domain does not define: add it to the types of its ' +
        'catalogue, which are reading.taken, reading.retracted',
    ),
  );
});

test.each([
  ['analytics', 'reading.taken'],
  ['imaging', 'reading.taken'],
])('a handler of %s that is not there is refused, with its path and a line of it', (name, type) => {
  const entry = join(process.cwd(), 'lambda', name, 'handler.ts');
  const entryOf = (each: string) => (each === name ? entry : HANDLER);

  expect(refusalOf(readings(), consumers, entryOf)).toEqual(
    new ConfigError(
      `consumers.${name} in lib/config.ts has no handler: write lambda/${name}/handler.ts, such as ` +
        `export const handler = eventConsumer(catalogue, { '${type}': async () => 'created' });`,
    ),
  );
});

const looking = (look: (before: Ledger, after: Ledger) => unknown): Partial<EndState> => ({
  check(before, after) {
    look(before, after);
    return [];
  },
});
test.each<[what: string, endState: Partial<EndState>, unknown: string | undefined]>([
  ['without rules', {}, undefined],
  ['that starts with a table of its consumers', { initial: { readings: [] } }, undefined],
  ['that starts with an unknown table', { initial: { aggregates: [] } }, 'aggregates'],
  [
    'that reads what its consumers have',
    looking((before, after) => [
      before.get('analytics')?.get('readings'),
      after.get('imaging')?.get('images'),
    ]),
    undefined,
  ],
  ['that reads an unknown consumer', looking((before) => before.get('alerting')), 'alerting'],
  ['that reads one afterwards', looking((_, after) => after.get('alerting')), 'alerting'],
  [
    'that reads two unknown tables',
    looking((_, after) => ['sums', 'readings', 'means'].map((each) => after.get('analytics')?.get(each))),
    'sums and means',
  ],
])('an end state %s', (_, endState, unknown) => {
  expect(refusalOf(readings(endState))).toEqual(
    unknown &&
      new ConfigError(
        `the domain's end state names ${unknown}, but lib/config.ts has no such consumer, table or bucket`,
      ),
  );
});

test('a domain without an end state is taken', () => {
  const { endState: _, ...without } = readings();

  expect(refusalOf(without)).toBeUndefined();
});

test('of events that no consumer asks for there is a warning each', () => {
  const stack = new Stack(testApp());
  warnOfUnclaimed(stack, readings(), consumers);

  const warnings = stack.node.metadata.filter(({ type }) => type === 'aws:cdk:warning');
  expect(warnings.map(({ data }) => data)).toEqual([
    expect.stringContaining('no consumer in lib/config.ts takes reading.retracted: such messages end in'),
  ]);
});

function readings(endState: Partial<EndState> = {}): Domain {
  const read = () => ({ digest: undefined, events: [], attributes: {} });
  return {
    ...orders,
    topic: 'readings',
    events: readingEvents,
    endState: { recorded: [], read, ...endState },
  };
}

function refusalOf(
  domain: Domain,
  settings = consumers,
  entryOf: (consumer: string) => string = () => HANDLER,
): unknown {
  try {
    checkDomain(domain, settings, entryOf);
  } catch (error) {
    return error;
  }
}
