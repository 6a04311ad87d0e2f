/** Settings that cannot be deployed, told in one line. What AWS's limits are is in guard-rails.test.ts. */
import { expect, test } from '@jest/globals';
import { consumerDefaults, consumers, stages } from '../../../lib/config.ts';
import { completeConsumer } from '../../../lib/settings/consumers.ts';
import type { ConsumerSettings } from '../../../lib/settings/types.ts';
import { ConfigError, settingProblem } from '../../../lib/settings/validation.ts';
import { orders } from '../../fixtures/domains.ts';
import { fanOutStack, synthesize } from '../../fixtures/synthesized.ts';

const alarms = (thresholds: object) => ({ alarms: { dev: thresholds } });
const keys = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, ['a']]));
const values = (count: number) => Array.from({ length: count }, (_, index) => `value${index}`);

test.each<[object, string]>([
  [{ timeoutSeconds: 901 }, 'timeout is 901 seconds, but must be a whole number from 1 to 900'],
  [{ batchSize: 11 }, 'batch size is 11, but over 10 needs a batch window of 1 to 300'],
  [{ batchWindowSeconds: 301 }, 'maxBatchingWindow cannot be over 300 seconds, got 301'],
  [{ maxConcurrency: 1 }, 'maximum concurrency is 1, but must be a whole number from 2 to 1000'],
  [{ maxConcurrency: 1_001 }, 'maximum concurrency is 1001, but must be'],
  [{ reservedConcurrency: 9 }, 'reserved concurrency is 9, but must be a whole number of at least 10'],
  [alarms({ queueDepth: 0 }), 'threshold is 0, but must be a whole number of at least 1'],
  [alarms({ oldestMessageSeconds: 0 }), 'threshold for the oldest message is 0 seconds, but must be'],
  [alarms({ oldestMessageSeconds: 1_209_601 }), 'is 1209601 seconds, but must be'],
  [{ outlastMinutes: 2_880 }, 'to outlast 172800 seconds, a message may be retried for 345960 seconds'],
  [{ filter: keys(5) }, 'A filter policy can have a maximum of 5 attribute names.'],
  [{ filter: { a: values(76) } }, 'The total combination of values (152) must not exceed 150.'],
  [{ filter: { a: [] } }, 'filter policy has 0 combinations of values, but must have 1 to 150'],
])('synth refuses %j in one line', (settings, message) => {
  const problem = settingProblem(refusalOf({ ...consumers.billing, ...settings }));

  expect(problem).toContain(message);
  expect(problem).toMatch(/^OrderFanOut-dev\/Billing.*$/);
});

test.each<[object, string]>([
  [{ timeoutSeconds: 1.5 }, 'consumers.billing in lib/config.ts: timeoutSeconds is 1.5'],
  [{ timeoutSeconds: Number.NaN }, 'consumers.billing in lib/config.ts: timeoutSeconds is NaN'],
  [{ timeoutSeconds: -5 }, 'consumers.billing in lib/config.ts: timeoutSeconds is -5'],
  [alarms({ retries: 0.5 }), 'alarms of consumers.billing in lib/config.ts: retries is 0.5'],
])('synth says which setting of %p is no whole number', (settings, message) => {
  expect(refusalOf({ ...consumers.billing, ...settings })).toEqual(
    new ConfigError(`${message}, but must be a whole number, 0 or more`),
  );
});

test.each<Partial<ConsumerSettings>>([
  { batchSize: 10_000, batchWindowSeconds: 300 },
  { maxConcurrency: 1_000, outlastMinutes: 2_875 },
  { filter: keys(4) },
  { filter: { a: values(75) } },
])('synth takes %j', (settings) => {
  expect(() =>
    synthesize('dev', { consumers: { billing: { ...consumers.billing, ...settings } } }),
  ).not.toThrow();
});

test('a consumer has what it says, and the defaults for the rest', () => {
  const { tables } = consumers.billing;
  const settings: ConsumerSettings = { tables, batchSize: 5, alarms: { prod: { retries: 3 } } };

  expect(completeConsumer('a', settings, consumerDefaults, 'prod')).toMatchObject({
    batchSize: 5,
    memoryMiB: 512,
    thresholds: { retries: 3, functionErrors: 3, oldestMessageSeconds: 300 },
  });
});

test('a consumer keeps its records in one table or bucket', () => {
  const { invoices } = consumers.billing.tables;
  const bills = { holds: 'records', writes: 'bills/' } as const;
  const refusal = new ConfigError(
    'consumers.billing in lib/config.ts: invoices and bills hold records, but only one table or bucket may',
  );

  expect(refusalOf({ ...consumers.billing, tables: { invoices, bills: invoices } })).toEqual(refusal);
  expect(refusalOf({ ...consumers.billing, tables: { invoices }, buckets: { bills } })).toEqual(refusal);
});

test.each([
  ['Billing', 'not a name in kebab-case, such as billing or credit-notes'],
  ['', 'not a name in kebab-case, such as billing or credit-notes'],
  ['unrouted', 'the queue of messages that nobody takes: choose another name'],
  ['archive', 'the consumer of the archive, which is a setting of the stage: choose another name'],
])('no consumer, table or bucket can be called %p', (name, problem) => {
  const refusal = new ConfigError(`"${name}" is ${problem}`);
  const { invoices } = consumers.billing.tables;

  expect(() => synthesize('dev', { consumers: { [name]: consumers.billing } })).toThrow(refusal);
  expect(refusalOf({ ...consumers.billing, tables: { [name]: invoices } })).toEqual(refusal);
  expect(
    refusalOf({
      ...consumers.billing,
      buckets: { [name]: { holds: 'other', writes: 'a/' } },
    }),
  ).toEqual(refusal);
});

test.each([
  ['Operations', 'orders', 'operations'],
  ['Billing', 'billing', 'more'],
  ['PagesTopicArn', 'pages', 'more'],
])(
  'that two things would be %s is told in one line, for the topic %s and the consumer %s',
  (twice, topic, consumer) => {
    const { billing } = consumers;
    const of = { ...orders, domain: { ...orders.domain, topic } };

    const error = errorOf(() => fanOutStack('dev', { consumers: { billing, [consumer]: billing } }, of));

    expect(settingProblem(error)).toBe(
      `two things would be ${twice} in the stack: give a consumer, its table or the domain's topic another name`,
    );
  },
);

test('half a day of an archive is refused, with the setting that says so', () => {
  const archive = { coldAfterDays: 1.5, deleteAfterDays: 90 };

  expect(() => synthesize('dev', { settings: { ...stages.dev, archive } })).toThrow(
    new ConfigError('archive in lib/config.ts: coldAfterDays is 1.5, but must be a whole number, 0 or more'),
  );
});

function refusalOf(billing: ConsumerSettings): unknown {
  return errorOf(() => synthesize('dev', { consumers: { billing } }));
}

function errorOf(synth: () => unknown): unknown {
  try {
    synth();
  } catch (error) {
    return error;
  }
  throw new Error('synth took it');
}
