import { expect, test } from '@jest/globals';
import type { Template } from 'aws-cdk-lib/assertions';
import { consumersOf, resource, synthesize } from '../../../fixtures/synthesized.ts';

type Widget = {
  y: number;
  x: number;
  width: number;
  properties: { title: string; metrics: [string, string][] };
};

test('the dashboard has the row of the topic, then two rows for each consumer', () => {
  const rows = Map.groupBy(widgets(synthesize('prod')), ({ y }) => y);

  expect([...rows.values()].map((row) => row.map(({ properties }) => properties.title))).toEqual([
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
});

test('every row of the dashboard takes its full width', () => {
  const rows = Map.groupBy(widgets(synthesize('prod')), ({ y }) => y);

  expect([...rows.values()].map((row) => row.reduce((sum, { width }) => sum + width, 0))).toEqual(
    [...rows].map(() => 24),
  );
});

test('each consumer shows depth, age, throughput, dead letters, time to done, failures, duration and concurrency', () => {
  const shown = widgets(synthesize('prod')).filter(({ properties }) =>
    properties.title.startsWith('billing'),
  );

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

/** The widgets of the dashboard, with REF in place of every reference. */
function widgets(template: Template): Widget[] {
  const { Properties } = resource(template, 'AWS::CloudWatch::Dashboard', 'OverviewDashboard');
  const [separator, parts] = (Properties.DashboardBody as { 'Fn::Join': [string, unknown[]] })['Fn::Join'];
  return JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'REF')).join(separator)).widgets;
}
