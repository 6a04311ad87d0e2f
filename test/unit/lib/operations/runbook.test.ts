import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { PROJECT } from '../../../fixtures/project.ts';
import { type Resource, synthesize } from '../../../fixtures/synthesized.ts';

const runbook = readFileSync(join(PROJECT, 'docs', 'runbook.md'), 'utf8');
/** Each article's text by its anchor on GitHub. */
const articles = new Map(
  runbook
    .split(/^## /m)
    .slice(1)
    .map((article) => [(article.split('\n')[0] ?? '').toLowerCase().replaceAll(' ', '-'), article]),
);
const alarms = Object.entries(synthesize('prod').toJSON().Resources as Record<string, Resource>)
  .filter(([, { Type }]) => /^AWS::CloudWatch::(Composite)?Alarm$/.test(Type))
  .map(([id, { Properties }]) => ({ id, description: asText(Properties.AlarmDescription) }));

test.each(alarms)('$id says what it means and names an article of the runbook', ({ description }) => {
  const [, meaning = '', anchor = ''] =
    /^(.{20,}\.)\nWhat to do: https:\/\/\S+\/docs\/runbook\.md#([a-z-]+)\n/.exec(description) ?? [];

  expect(meaning).not.toBe('');
  expect([...articles.keys()]).toContain(anchor);
});

test.each([...articles.keys()])('the article "%s" belongs to an alarm', (anchor) => {
  expect(alarms.some(({ description }) => description.includes(`#${anchor}\n`))).toBe(true);
});

test.each([...articles])('the article "%s" says what it means, how to look and what to do', (_, article) => {
  expect([...article.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading)).toEqual([
    'What it means',
    'How to look',
    'What to do',
  ]);
});

/** With REF in place of every reference. */
function asText(description: unknown): string {
  const [separator, parts] = (description as { 'Fn::Join': [string, unknown[]] })['Fn::Join'];
  return parts.map((part) => (typeof part === 'string' ? part : 'REF')).join(separator);
}
