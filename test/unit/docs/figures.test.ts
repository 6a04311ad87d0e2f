/** What the docs count and list, against the template. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { archive, stages } from '../../../lib/config.ts';
import { PROJECT } from '../../fixtures/project.ts';
import { type Resource, resource, stageNames, synthesize } from '../../fixtures/synthesized.ts';

const read = (...file: string[]) => fs.readFileSync(path.join(PROJECT, ...file), 'utf8');
const resourcesOf = (...[stage, props]: Parameters<typeof synthesize>) =>
  Object.values(synthesize(stage, props).toJSON().Resources as Record<string, Resource>);

/** The rows of a table under a heading, without its head. */
function rowsUnder(heading: string, text: string): string[][] {
  const [, section = ''] = text.split(`\n## ${heading}\n`);
  const [table = ''] = /(^\|.*\n)+/m.exec(section) ?? [];
  return table
    .trimEnd()
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('docs/deploy.md, what remains after destroy', () => {
  const kinds: Record<string, RegExp> = {
    'queues, with the messages in them': /^AWS::SQS::Queue$/,
    tables: /^AWS::DynamoDB::GlobalTable$/,
    logs: /^AWS::Logs::LogGroup$/,
    key: /^AWS::KMS::Key$/,
    'archive, where there is one': /^AWS::S3::Bucket$/,
  };
  const resourcesWithArchive = (stage: (typeof stageNames)[number]) =>
    resourcesOf(stage, stages[stage].archive ? {} : { settings: { ...stages[stage], archive } });
  const rows = rowsUnder('What remains after `destroy`', read('docs', 'deploy.md'));
  const known = Object.values(kinds);

  test('lists every kind of resource that the stages treat differently', () => {
    expect(rows.map(([kind]) => kind)).toEqual([...Object.keys(kinds), 'everything else']);
  });

  test.each(rows.map(([kind = '', dev, prod]) => ({ kind, said: { dev, prod } })))(
    '$kind',
    ({ kind, said }) => {
      for (const stage of stageNames) {
        const found = resourcesWithArchive(stage).filter(
          ({ Type }) => kinds[kind]?.test(Type) ?? !known.some((each) => each.test(Type)),
        );
        const fates = new Set(
          found.map(({ DeletionPolicy = 'Delete' }) => (DeletionPolicy === 'Delete' ? 'deleted' : 'kept')),
        );

        expect([...fates].join() || 'none').toBe(said[stage]);
      }
    },
  );

  test('a failed first deployment removes all that is kept, except the tables', () => {
    const kept = resourcesOf('prod').filter(({ DeletionPolicy = 'Delete' }) => DeletionPolicy !== 'Delete');

    expect(
      new Set(kept.filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain').map(({ Type }) => Type)),
    ).toEqual(new Set(['AWS::DynamoDB::GlobalTable']));
    expect(kept.every(({ UpdateReplacePolicy }) => UpdateReplacePolicy === 'Retain')).toBe(true);
  });
});

test('docs/cost.md counts alarms, the metrics that they look at, composite alarms, and metrics on the dashboard', () => {
  const [dev, prod] = stageNames.map((stage) => {
    const ofType = (type: string) => resourcesOf(stage).filter(({ Type }) => Type === type);
    const alarms = ofType('AWS::CloudWatch::Alarm');
    const metrics = alarms.flatMap(({ Properties: { Metrics } }) =>
      Array.isArray(Metrics) ? Metrics.filter(({ MetricStat }) => MetricStat) : ['one'],
    );
    return {
      alarms: alarms.length,
      metrics: metrics.length,
      composites: ofType('AWS::CloudWatch::CompositeAlarm').length,
      shown: dashboardMetrics(stage).size,
    };
  }) as [Counts, Counts];
  const cost = read('docs', 'cost.md');

  expect(cost).toContain(`| CloudWatch alarms | ${dev.metrics} metrics in ${dev.alarms} alarms;`);
  expect(cost).toContain(`; \`prod\` ${prod.metrics} in ${prod.alarms} |`);
  expect(cost).toContain(`| composite alarms | ${dev.composites}; \`prod\` ${prod.composites} |`);
  expect(cost).toContain(`| dashboard | 1 of ${dev.shown} metrics; \`prod\` ${prod.shown} |`);
  // Fifty are free.
  expect([dev.shown > 50, prod.shown > 50]).toEqual([false, true]);
});

test('README counts the alarms of a consumer and of the topic', () => {
  const ids = Object.entries(synthesize('prod').toJSON().Resources as Record<string, Resource>)
    .filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm')
    .map(([id]) => id);
  const count = (owner: string) => ids.filter((id) => id.startsWith(`${owner}Alarms`)).length;

  // One more tells CodeDeploy alone.
  expect([count('Billing'), count('Orders')]).toEqual([13, 6]);
  expect(read('README.md')).toContain(
    'Twelve alarms for each consumer, two more that sum them up, and six for the topic',
  );
});

type Counts = Record<'alarms' | 'metrics' | 'composites' | 'shown', number>;

/** Namespace, name and dimensions of each metric. */
function dashboardMetrics(stage: (typeof stageNames)[number]): Set<string> {
  const { Properties } = resource(synthesize(stage), 'AWS::CloudWatch::Dashboard', 'OverviewDashboard');
  const [separator, parts] = (Properties.DashboardBody as { 'Fn::Join': [string, object[]] })['Fn::Join'];
  const body = parts.map((part) =>
    typeof part === 'string' ? part : JSON.stringify(part).replaceAll('"', "'"),
  );
  const { widgets } = JSON.parse(body.join(separator)) as {
    widgets: { properties: { metrics: unknown[][] } }[];
  };
  const metrics = widgets.flatMap(({ properties }) => properties.metrics);
  return new Set(metrics.map((metric) => metric.filter((part) => typeof part === 'string').join()));
}
