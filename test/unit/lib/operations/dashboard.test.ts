import { expect, test } from '@jest/globals';
import { consumersOf, resource, synthesize } from '../../../fixtures/synthesized.ts';

type Widget = { y: number; width: number; properties: { title: string; metrics: [string, string][] } };

test('the dashboard has the row of the topic, then two rows for each consumer, each over its full width', () => {
  const rows = [...Map.groupBy(widgets(), ({ y }) => y).values()];

  expect(rows.map((row) => row.map(({ properties }) => properties.title))).toEqual([
    [
      'Topic: published',
      'Topic: delivered',
      'Topic: failed deliveries',
      'Topic: filtered out',
      'Topic: unrouted',
    ],
    ...consumersOf('prod').flatMap(({ name }) =>
      [
        ['depth', 'age of the oldest', 'throughput', 'dead letters'],
        ['seconds from placed to done', 'failures', 'function duration, ms', 'concurrency'],
      ].map((row) => row.map((what) => `${name}: ${what}`)),
    ),
  ]);
  expect(new Set(rows.map((row) => row.reduce((sum, { width }) => sum + width, 0)))).toEqual(new Set([24]));
});

test('each consumer shows depth, age, throughput, dead letters, time to done, failures, duration and concurrency', () => {
  const shown = widgets().filter(({ properties }) => properties.title.startsWith('billing'));

  expect(shown.map(({ properties }) => properties.metrics.map(([, metric]) => metric))).toEqual([
    ['ApproximateNumberOfMessagesVisible', 'ApproximateNumberOfMessagesNotVisible'],
    ['ApproximateAgeOfOldestMessage'],
    ['NumberOfMessagesSent', 'NumberOfMessagesDeleted'],
    ['ApproximateNumberOfMessagesVisible'],
    ['SecondsToDone', 'SecondsToDone'],
    ['Retried', 'DeadLettered', 'Errors', 'Throttles'],
    ['Duration', 'Duration'],
    ['ConcurrentExecutions'],
  ]);
});

/** With REF in place of every reference. */
function widgets(): Widget[] {
  const { Properties } = resource(synthesize('prod'), 'AWS::CloudWatch::Dashboard', 'OverviewDashboard');
  const [separator, parts] = (Properties.DashboardBody as { 'Fn::Join': [string, unknown[]] })['Fn::Join'];
  return JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'REF')).join(separator)).widgets;
}
