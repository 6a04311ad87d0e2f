/** What the docs count and list, against the template. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { PROJECT } from '../../fixtures/project.ts';
import { type Resource, stageNames, synthesize } from '../../fixtures/synthesized.ts';

const read = (...file: string[]) => fs.readFileSync(path.join(PROJECT, ...file), 'utf8');
const resourcesOf = (stage: (typeof stageNames)[number]) =>
  Object.values(synthesize(stage).toJSON().Resources as Record<string, Resource>);

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
  };
  const rows = rowsUnder('What remains after `destroy`', read('docs', 'deploy.md'));
  const known = Object.values(kinds);

  test('lists all that the stages treat each in its way', () => {
    expect(rows.map(([kind]) => kind)).toEqual([...Object.keys(kinds), 'everything else']);
  });

  test.each(rows.map(([kind = '', dev, prod]) => ({ kind, said: { dev, prod } })))(
    '$kind',
    ({ kind, said }) => {
      for (const stage of stageNames) {
        const found = resourcesOf(stage).filter(
          ({ Type }) => kinds[kind]?.test(Type) ?? !known.some((each) => each.test(Type)),
        );
        const fates = new Set(
          found.map(({ DeletionPolicy = 'Delete' }) => (DeletionPolicy === 'Delete' ? 'deleted' : 'kept')),
        );

        expect([...fates].join() || 'none').toBe(said[stage]);
      }
    },
  );

  test('what a first deployment that fails takes away again is all that is kept, but for the tables', () => {
    const kept = resourcesOf('prod').filter(({ DeletionPolicy = 'Delete' }) => DeletionPolicy !== 'Delete');

    expect(
      new Set(kept.filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain').map(({ Type }) => Type)),
    ).toEqual(new Set(['AWS::DynamoDB::GlobalTable']));
    expect(kept.every(({ UpdateReplacePolicy }) => UpdateReplacePolicy === 'Retain')).toBe(true);
  });
});

test('docs/cost.md counts the alarms and the metrics that they look at', () => {
  for (const stage of stageNames) {
    const alarms = resourcesOf(stage).filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
    const metrics = alarms.flatMap(({ Properties: { Metrics } }) =>
      Array.isArray(Metrics) ? Metrics.filter(({ MetricStat }) => MetricStat) : ['one'],
    );

    expect(read('docs', 'cost.md')).toContain(
      stage === 'dev'
        ? `| CloudWatch alarms | ${metrics.length} metrics in ${alarms.length} alarms;`
        : `; \`prod\` ${metrics.length} in ${alarms.length} |`,
    );
  }
});

test('docs/cost.md counts the composite alarms', () => {
  for (const stage of stageNames) {
    const { length } = resourcesOf(stage).filter(({ Type }) => Type === 'AWS::CloudWatch::CompositeAlarm');

    expect(read('docs', 'cost.md')).toContain(`| composite alarms | ${length} |`);
  }
});

test('README counts the alarms of a consumer and of the topic', () => {
  const ids = Object.entries(synthesize('prod').toJSON().Resources as Record<string, Resource>)
    .filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm')
    .map(([id]) => id);
  const count = (owner: string) => ids.filter((id) => id.startsWith(`${owner}Alarms`)).length;

  // One more tells CodeDeploy alone.
  expect([count('Billing'), count('Orders')]).toEqual([13, 6]);
  expect(read('README.md')).toContain('Twelve alarms for each consumer and six for the topic');
});
