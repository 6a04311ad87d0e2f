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

/** What each kind of alarm is about, in its text and by its article. */
const ABOUT: Record<string, [text: RegExp, article: string]> = {
  OldestMessage: [/^\w+: the oldest message has waited for \d+ seconds or more/, 'oldest-message'],
  DeadLetters: [/^\w+: messages are in the dead-letter queue/, 'dead-letters'],
  DeadLettered: [/^\w+: messages were dead-lettered within the last 15 minutes/, 'dead-letters'],
  FunctionErrors: [/^\w+: at least 3 invocations failed as a whole within 5 minutes/, 'function-errors'],
  Retrying: [/^\w+: at least 10 tries failed in each .* depends on may be down/s, 'retrying'],
  RetentionAtRisk: [/^\w+: the oldest message has waited for 24 hours, a quarter of/, 'retention-at-risk'],
  OldestDeadLetter: [/^\w+: the oldest dead letter .* 10 days; after 14 days/, 'oldest-dead-letter'],
  QueueDepth: [
    /^(?!archive)\w+: the queue has held at least 10,000 waiting|^archive: the queue has held at least 50,000 waiting/,
    'queue-depth',
  ],
  DeadLettersGrowing: [/^\w+: new messages have joined/, 'dead-letters-growing'],
  FunctionThrottles: [/^\w+: Lambda throttled at least 10 invocations/, 'function-throttles'],
  PromiseBroken: [/^\w+: for 15 minutes, one order in 100 was done \d+ seconds or more/, 'promise-broken'],
  NotPolled: [/^\w+: nobody has polled the queue for 15 minutes/, 'not-polled'],
  Unhealthy: [/^\w+: the consumer does not do its work/, 'unhealthy'],
  HasDeadLetters: [/^\w+: messages were dead-lettered. They will not/, 'dead-letters'],
  ReleaseRetrying: [/^\w+: at least 10 tries failed within 5 minutes: CodeDeploy/, 'retrying'],
  FailedDeliveries: [/^orders topic: at least one delivery failed within 5 minutes/, 'failed-deliveries'],
  LostDeliveries: [/^orders topic: messages were lost within 5 minutes/, 'failed-deliveries'],
  Unrouted: [/^orders topic: messages that no consumer's subscription asks for/, 'unrouted'],
  OldestUnrouted: [
    /^orders topic: the oldest message .* 10 days; after 14 it is deleted/s,
    'oldest-unrouted',
  ],
  InvalidAttributes: [
    /^orders topic: at least one message .* malformed attributes/s,
    'unreadable-attributes',
  ],
  NoAttributes: [/^orders topic: at least one message .* no attributes/s, 'unreadable-attributes'],
};

test.each(alarms)(
  '$id says in its text what it is about, and leads to the article on it',
  ({ id, description }) => {
    const [, kind = ''] = /^\w+?Alarms(\w+)[0-9A-F]{8}$/.exec(id) ?? [];
    const [text, article] = ABOUT[kind] ?? [/./, ''];

    expect(description).toMatch(text);
    expect(description).toContain(`/runbook.md#${article}\n`);
  },
);

test.each(alarms)(
  '$id leads to the page of what it is about, in the region of the stack',
  ({ id, description }) => {
    const ofTopic = id.startsWith('Orders');
    const pages = ofTopic
      ? [
          /\n(Topic|Queue): https:\/\/REF\.console\.aws\.amazon\.com\/(sns|sqs)\/v3\/home\?region=REF#\/\w+\/\S*REF$/,
        ]
      : [
          /\nQueue: https:\/\/REF\.console\.aws\.amazon\.com\/sqs\/v3\/home\?region=REF#\/queues\/https%3A%2F%2Fsqs\.REF\.REF%2FREF%2FREF\n/,
          /\nFunction: https:\/\/REF\.console\.aws\.amazon\.com\/lambda\/home\?region=REF#\/functions\/REF$/,
        ];

    for (const page of pages) expect(description).toMatch(page);
  },
);

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html */
const LONGEST = 1_024;

test.each(alarms)('$id has a text that CloudWatch takes, also with the longest names', ({ description }) => {
  // Three a link, of which the longest are a queue's name (80) and a region's (14).
  const resolved = description
    .replaceAll('REF.console', 'ap-southeast-2.console')
    .replaceAll(/=REF/g, '=ap-southeast-2');

  expect(resolved.replaceAll('REF', 'x'.repeat(80)).length).toBeLessThan(LONGEST);
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
