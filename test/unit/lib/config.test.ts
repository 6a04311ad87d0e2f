import { expect, test } from '@jest/globals';
import { consumerDefaults, consumers } from '../../../lib/config.ts';
import { completeConsumer } from '../../../lib/settings/consumers.ts';
import type { ConsumerSettings } from '../../../lib/settings/types.ts';
import { ConfigError, settingProblem } from '../../../lib/settings/validation.ts';
import { synthesize } from '../../fixtures/synthesized.ts';

const alarms = (thresholds: object) => ({ alarms: { dev: thresholds } });
const keys = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, ['a']]));
const values = (count: number) => Array.from({ length: count }, (_, index) => `value${index}`);

test.each<[string, object, string]>([
  [
    'a timeout of nothing',
    { timeoutSeconds: 0 },
    'timeout is 0 seconds, but must be a whole number from 1 to 900',
  ],
  [
    'too long a timeout',
    { timeoutSeconds: 901 },
    'timeout is 901 seconds, but must be a whole number from 1 to 900',
  ],
  [
    'too little memory',
    { memoryMiB: 127 },
    'memory is 127 MiB, but must be a whole number from 128 to 10240 MiB',
  ],
  [
    'too much memory',
    { memoryMiB: 10_241 },
    'memory is 10241 MiB, but must be a whole number from 128 to 10240 MiB',
  ],
  ['an empty batch', { batchSize: 0 }, 'batch size is 0, but must be a whole number from 1 to 10000'],
  [
    'too large a batch',
    { batchSize: 10_001 },
    'batch size is 10001, but must be a whole number from 1 to 10000',
  ],
  [
    'a large batch without a window',
    { batchSize: 11 },
    'batch size is 11, but over 10 needs a batch window of 1 to 300',
  ],
  ['too long a window', { batchWindowSeconds: 301 }, 'maxBatchingWindow cannot be over 300 seconds, got 301'],
  [
    'too little concurrency',
    { maxConcurrency: 1 },
    'maximum concurrency is 1, but must be a whole number from 2 to 1000',
  ],
  ['too much concurrency', { maxConcurrency: 1_001 }, 'maximum concurrency is 1001, but must be'],
  [
    'less reserved than maximum concurrency',
    { reservedConcurrency: 9 },
    'reserved concurrency is 9, but must be a whole number of at least 10',
  ],
  [
    'a depth of nothing',
    alarms({ queueDepth: 0 }),
    'threshold is 0, but must be a whole number of at least 1',
  ],
  [
    'no age',
    alarms({ oldestMessageSeconds: 0 }),
    'threshold for the oldest message is 0 seconds, but must be',
  ],
  ['an age over 14 days', alarms({ oldestMessageSeconds: 1_209_601 }), 'is 1209601 seconds, but must be'],
  [
    'no throttles',
    alarms({ functionThrottles: 0 }),
    'threshold is 0, but must be a whole number of at least 1',
  ],
  [
    'more to outlast than the queue keeps messages',
    { outlastMinutes: 2_880 },
    'an outage of 172800 seconds is to be outlasted, for which a message may be tried again for 345960 seconds, but the queue keeps it for 345600',
  ],
  ['too many filter keys', { filter: keys(5) }, 'A filter policy can have a maximum of 5 attribute names.'],
  [
    'too many filter values',
    { eventTypes: ['order.placed'], filter: { a: values(151) } },
    'The total combination of values (151) must not exceed 150.',
  ],
  [
    'too many combinations',
    { filter: { a: values(4), b: values(19) } },
    'The total combination of values (152) must not exceed 150.',
  ],
  [
    'a filter that lets nothing pass',
    { filter: { a: [] } },
    'filter policy has 0 combinations of values, but must have 1 to 150',
  ],
])('synth refuses %s in one line', (_, settings, message) => {
  const problem = settingProblem(refusalOf({ ...consumers.billing, ...settings }));

  expect(problem).toContain(message);
  expect(problem).toMatch(/^OrderFanOut-dev\/Billing.*$/);
});

test.each<[string, object, string]>([
  ['half a second', { timeoutSeconds: 1.5 }, 'consumers.billing in lib/config.ts: timeoutSeconds is 1.5'],
  ['no number', { timeoutSeconds: Number.NaN }, 'consumers.billing in lib/config.ts: timeoutSeconds is NaN'],
  ['half a MiB', { memoryMiB: 128.5 }, 'consumers.billing in lib/config.ts: memoryMiB is 128.5'],
  ['half a message', { batchSize: 2.5 }, 'consumers.billing in lib/config.ts: batchSize is 2.5'],
  ['a negative time', { timeoutSeconds: -5 }, 'consumers.billing in lib/config.ts: timeoutSeconds is -5'],
  [
    'half an error',
    alarms({ functionErrors: 0.5 }),
    'alarms of consumers.billing in lib/config.ts: functionErrors is 0.5',
  ],
  [
    'a negative age',
    alarms({ oldestMessageSeconds: -1 }),
    'alarms of consumers.billing in lib/config.ts: oldestMessageSeconds is -1',
  ],
])('synth says which setting is %s', (_, settings, message) => {
  expect(refusalOf({ ...consumers.billing, ...settings })).toEqual(
    new ConfigError(`${message}, but must be a whole number, 0 or more`),
  );
});

test.each<[string, Partial<ConsumerSettings>]>([
  ['the longest timeout', { timeoutSeconds: 900 }],
  ['the largest batch', { batchSize: 10_000, batchWindowSeconds: 1 }],
  ['the longest window', { batchWindowSeconds: 300 }],
  ['the widest concurrency', { maxConcurrency: 1_000 }],
  ['the longest outage', { outlastMinutes: 2_875 }],
  ['the most filter keys', { filter: keys(4) }],
  ['the most filter values', { filter: { a: values(75) } }],
])('synth takes %s', (_, settings) => {
  expect(() =>
    synthesize('dev', { consumers: { billing: { ...consumers.billing, ...settings } } }),
  ).not.toThrow();
});

test('a consumer has what it says, and the defaults for the rest', () => {
  const { tables } = consumers.billing;
  const alarms = { prod: { retries: 3 } };

  expect(completeConsumer('a', { tables, batchSize: 5, alarms }, consumerDefaults, 'prod')).toMatchObject({
    batchSize: 5,
    memoryMiB: 512,
    thresholds: { retries: 3, functionErrors: 3, oldestMessageSeconds: 300 },
  });
});

test('a consumer keeps its records in one table', () => {
  const { invoices } = consumers.billing.tables;

  expect(refusalOf({ ...consumers.billing, tables: { invoices, bills: invoices } })).toEqual(
    new ConfigError(
      'consumers.billing in lib/config.ts: invoices and bills hold records, but only one table may',
    ),
  );
});

test.each(['Billing', 'image_jobs', '-billing', ''])('a consumer cannot be called %p', (name) => {
  expect(() => synthesize('dev', { consumers: { [name]: consumers.billing } })).toThrow(
    new ConfigError(`"${name}" is not a name in kebab-case, such as billing or stock-levels`),
  );
});

function refusalOf(billing: ConsumerSettings): unknown {
  try {
    synthesize('dev', { consumers: { billing } });
  } catch (error) {
    return error;
  }
  throw new Error('synth took it');
}
