/** Each alarm of each stage: what it looks at, when it goes off, whom it tells, what it says, and its article in the runbook. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { kebabCase, pascalCase } from '../../../contract/names.ts';
import { stages } from '../../../lib/config.ts';
import { PROJECT } from '../../fixtures/project.ts';
import {
  consumersOf,
  everyStage,
  operationsTopic,
  type Resource,
  resource,
  synthesize,
  topicOf,
} from '../../fixtures/synthesized.ts';

interface Expected {
  readonly looksAt: object;
  /** With EvaluationPeriods 1 and the usual comparison, where it does not say otherwise. */
  readonly goesOff: { readonly Threshold: number; readonly [property: string]: unknown };
  /** Undefined where a composite alarm tells, or CodeDeploy acts on it. */
  readonly tells?: 'Pages' | 'Notices';
  readonly says: string;
  /** Its article in the runbook. @default - its name in kebab-case */
  readonly article?: string;
}
interface Metric {
  readonly Period: number;
  readonly Statistic: string;
  readonly [property: string]: unknown;
}

const DAY = 86_400;
const format = (count: number) => count.toLocaleString('en-US');

const runbook = readFileSync(join(PROJECT, 'docs', 'runbook.md'), 'utf8');
/** Each article's text by its anchor on GitHub. */
const articles = new Map(
  runbook
    .split(/^## /m)
    .slice(1)
    .map((article) => [(article.split('\n')[0] ?? '').toLowerCase().replaceAll(' ', '-'), article]),
);

describe.each(everyStage)('$called', ({ of, stage }) => {
  const consumers = consumersOf(stage, of);
  const template = synthesize(stage, {}, of);
  const { topic } = of.domain;
  const { noun } = of.domain.events.settings;
  const ofTopicId = `${pascalCase(topic)}Alarms`;
  const attribute = (type: string, id: string, name: string) => ({
    'Fn::GetAtt': [resource(template, type, id).ref, name],
  });
  const ofQueue = (id: string, MetricName: string, Statistic = 'Maximum'): Metric => ({
    Namespace: 'AWS/SQS',
    MetricName,
    Dimensions: [{ Name: 'QueueName', Value: attribute('AWS::SQS::Queue', id, 'QueueName') }],
    Period: 60,
    Statistic,
  });
  /** The same as part of an expression. */
  const part = (Id: string, { Period, Statistic, ...metric }: Metric) => ({
    Id,
    MetricStat: { Metric: metric, Period, Stat: Statistic },
    ReturnData: false,
  });
  const expression = (Expression: string, Label: string, ...parts: object[]) => ({
    Metrics: [{ Id: 'expr_1', Expression, ...(Label && { Label }), ReturnData: true }, ...parts],
  });
  const messagesIn = (id: string) => [
    part('visible', ofQueue(id, 'ApproximateNumberOfMessagesVisible')),
    part('inFlight', ofQueue(id, 'ApproximateNumberOfMessagesNotVisible')),
  ];

  const ofTopic = (metric: string) => ({
    Namespace: 'AWS/SNS',
    MetricName: metric,
    Dimensions: [{ Name: 'TopicName', Value: { 'Fn::GetAtt': [topicOf(template, of), 'TopicName'] } }],
    Statistic: 'Sum',
    Period: 300,
  });
  const { topicAlarms } = stages[stage];
  const expected: Record<string, Expected> = {
    [`${ofTopicId}FailedDeliveries`]: {
      looksAt: ofTopic('NumberOfNotificationsFailed'),
      goesOff: { Threshold: topicAlarms.failedDeliveries },
      tells: 'Notices',
      says: `${topic} topic: at least one delivery failed within 5 minutes`,
    },
    [`${ofTopicId}LostDeliveries`]: {
      looksAt: ofTopic('NumberOfNotificationsFailedToRedriveToDlq'),
      goesOff: { Threshold: 1 },
      tells: 'Pages',
      says: `${topic} topic: messages were lost within 5 minutes`,
      article: 'failed-deliveries',
    },
    [`${ofTopicId}InvalidAttributes`]: {
      looksAt: ofTopic('NumberOfNotificationsFilteredOut-InvalidAttributes'),
      goesOff: { Threshold: topicAlarms.unreadableAttributes },
      tells: 'Pages',
      says: `${topic} topic: at least one message within 5 minutes reached no consumer, because of malformed attributes.`,
      article: 'unreadable-attributes',
    },
    [`${ofTopicId}NoAttributes`]: {
      looksAt: ofTopic('NumberOfNotificationsFilteredOut-NoMessageAttributes'),
      goesOff: { Threshold: topicAlarms.unreadableAttributes },
      tells: 'Pages',
      says: `${topic} topic: at least one message within 5 minutes reached no consumer, because they have no attributes.`,
      article: 'unreadable-attributes',
    },
    [`${ofTopicId}Unrouted`]: {
      looksAt: expression('visible + inFlight', '', ...messagesIn('UnroutedQueue')),
      goesOff: { Threshold: 1 },
      tells: 'Notices',
      says: `${topic} topic: messages that no consumer's subscription asks for are in the unrouted queue`,
    },
    [`${ofTopicId}OldestUnrouted`]: {
      looksAt: ofQueue('UnroutedQueue', 'ApproximateAgeOfOldestMessage'),
      goesOff: { Threshold: 10 * DAY },
      tells: 'Pages',
      says: `${topic} topic: the oldest message in the unrouted queue has been there for 10 days; after 14 it is deleted.`,
    },
  };
  const composites: Record<string, { of: string[]; says: string; article: string }> = {};

  for (const { name, id, settings } of consumers) {
    const { thresholds } = settings;
    const [queue, deadLetterQueue] = [`${id}Queue`, `${id}DeadLetterQueue`];
    const ofConsumer = (MetricName: string, Period: number) => ({
      Namespace: `${of.domain.stackName}-${stage}`,
      MetricName,
      Dimensions: [{ Name: 'service', Value: name }],
      Period,
    });
    const own = (metric: string, period: number) => ({ ...ofConsumer(metric, period), Statistic: 'Sum' });
    const ofFunction = (MetricName: string) => ({
      Namespace: 'AWS/Lambda',
      MetricName,
      Dimensions: [
        {
          Name: 'FunctionName',
          Value: { Ref: resource(template, 'AWS::Lambda::Function', `${id}Function`).ref },
        },
      ],
      Period: 300,
      Statistic: 'Sum',
    });
    const alarms: Record<string, Expected> = {
      OldestMessage: {
        looksAt: ofQueue(queue, 'ApproximateAgeOfOldestMessage'),
        goesOff: {
          Threshold: thresholds.oldestMessageSeconds,
          EvaluationPeriods: 15,
          DatapointsToAlarm: 10,
        },
        says: `the oldest message has waited for ${thresholds.oldestMessageSeconds} seconds or more in 10 of`,
      },
      FunctionErrors: {
        looksAt: ofFunction('Errors'),
        goesOff: { Threshold: thresholds.functionErrors },
        says: `at least ${thresholds.functionErrors} invocations failed as a whole within 5 minutes`,
      },
      Retrying: {
        looksAt: expression('FILL(retried, 0)', 'Tries that failed', part('retried', own('Retried', 300))),
        goesOff: { Threshold: thresholds.retries, EvaluationPeriods: 3 },
        says: `at least ${thresholds.retries} tries failed in each of three consecutive 5-minute periods`,
      },
      // For as long as the metrics of its queue may be late.
      DeadLettered: {
        looksAt: own('DeadLettered', 60),
        goesOff: { Threshold: 1, EvaluationPeriods: 15, DatapointsToAlarm: 1 },
        says: 'messages were dead-lettered within the last 15 minutes.',
        article: 'dead-letters',
      },
      DeadLetters: {
        looksAt: expression('visible + inFlight', '', ...messagesIn(deadLetterQueue)),
        goesOff: { Threshold: 1 },
        says: 'messages are in the dead-letter queue.',
      },
      DeadLettersGrowing: {
        looksAt: expression(
          'DIFF(letters)',
          'New dead letters',
          { Id: 'letters', Expression: 'visible + inFlight', ReturnData: false },
          ...messagesIn(deadLetterQueue),
        ),
        goesOff: { Threshold: 1 },
        tells: 'Notices',
        says: 'new messages have joined those in the dead-letter queue.',
      },
      // Those that SQS moved are up to four days older than their age says.
      OldestDeadLetter: {
        looksAt: ofQueue(deadLetterQueue, 'ApproximateAgeOfOldestMessage'),
        goesOff: { Threshold: (14 - 4) * DAY },
        tells: 'Pages',
        says: 'the oldest dead letter has been there for 10 days; after 14 days at most it is deleted.',
      },
      RetentionAtRisk: {
        looksAt: ofQueue(queue, 'ApproximateAgeOfOldestMessage'),
        goesOff: { Threshold: (4 * DAY) / 4, EvaluationPeriods: 5, DatapointsToAlarm: 3 },
        tells: 'Pages',
        says: 'the oldest message has waited for 24 hours, a quarter of the time',
      },
      QueueDepth: {
        looksAt: ofQueue(queue, 'ApproximateNumberOfMessagesVisible'),
        goesOff: { Threshold: thresholds.queueDepth, EvaluationPeriods: 5 },
        tells: 'Notices',
        says: `the queue has held at least ${format(thresholds.queueDepth)} waiting messages for 5 minutes.`,
      },
      FunctionThrottles: {
        looksAt: ofFunction('Throttles'),
        goesOff: { Threshold: thresholds.functionThrottles },
        tells: 'Notices',
        says: `Lambda throttled at least ${thresholds.functionThrottles} invocations within 5 minutes`,
      },
      PromiseBroken: {
        looksAt: { ...ofConsumer('SecondsToDone', 300), ExtendedStatistic: 'p99' },
        goesOff: { Threshold: thresholds.promisedSeconds, EvaluationPeriods: 3 },
        tells: 'Notices',
        says: `for 15 minutes, one ${noun} in 100 was done ${thresholds.promisedSeconds} seconds or more after`,
      },
      // Whether SQS reports that nobody polls, or nothing at all.
      NotPolled: {
        looksAt: expression(
          'SUM([received, empty])',
          'Received messages and empty receives',
          part('received', ofQueue(queue, 'NumberOfMessagesReceived', 'Sum')),
          part('empty', ofQueue(queue, 'NumberOfEmptyReceives', 'Sum')),
        ),
        goesOff: {
          Threshold: 1,
          EvaluationPeriods: 15,
          ComparisonOperator: 'LessThanThreshold',
          TreatMissingData: 'breaching',
        },
        tells: 'Notices',
        says: 'nobody has polled the queue for 15 minutes',
      },
    };
    if (stages[stage].gradualReleases) {
      alarms.ReleaseRetrying = {
        looksAt: own('Retried', 300),
        goesOff: { Threshold: thresholds.retries },
        says: `at least ${thresholds.retries} tries failed within 5 minutes: CodeDeploy`,
        article: 'retrying',
      };
    }
    for (const [kind, alarm] of Object.entries(alarms)) {
      expected[`${id}Alarms${kind}`] = { ...alarm, says: `${name}: ${alarm.says}` };
    }
    composites[`${id}AlarmsUnhealthy`] = {
      of: ['OldestMessage', 'FunctionErrors', 'Retrying'].map((kind) => `${id}Alarms${kind}`),
      says: `${name}: the consumer does not do its work.`,
      article: 'unhealthy',
    };
    composites[`${id}AlarmsHasDeadLetters`] = {
      of: ['DeadLettered', 'DeadLetters'].map((kind) => `${id}Alarms${kind}`),
      says: `${name}: messages were dead-lettered. They will not be retried automatically.`,
      article: 'dead-letters',
    };
  }

  const alarmOf = (id: string) => resource(template, 'AWS::CloudWatch::Alarm', id);
  const compositeOf = (id: string) => resource(template, 'AWS::CloudWatch::CompositeAlarm', id);
  const idsOf = (type: string) =>
    Object.keys(template.findResources(type)).map((id) => id.replace(/[0-9A-F]{8}$/, ''));
  const actions = (severity: Expected['tells']) => severity && [{ Ref: operationsTopic(template, severity) }];

  test('there are no alarms besides these', () => {
    expect(idsOf('AWS::CloudWatch::Alarm').sort()).toEqual(Object.keys(expected).sort());
    expect(idsOf('AWS::CloudWatch::CompositeAlarm').sort()).toEqual(Object.keys(composites).sort());
  });

  test.each(Object.entries(expected))(
    '%s',
    (id, { looksAt, goesOff, tells, says, article = articleOf(id) }) => {
      const { Properties } = alarmOf(id);

      expect(Properties).toMatchObject({
        ...looksAt,
        EvaluationPeriods: 1,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        TreatMissingData: 'notBreaching',
        ...goesOff,
      });
      expect(Properties.DatapointsToAlarm).toBe(goesOff.DatapointsToAlarm);
      expect([Properties.AlarmActions, Properties.OKActions]).toEqual([actions(tells), actions(tells)]);
      expectText(id, Properties, says, article);
    },
  );

  test.each(Object.entries(composites))(
    '%s pages once, while any of its alarms is in ALARM',
    (id, { of, says, article }) => {
      const { Properties } = compositeOf(id);
      const arns = of.map((each) => ({ 'Fn::GetAtt': [alarmOf(each).ref, 'Arn'] }));

      expect(Properties.AlarmRule).toEqual({
        'Fn::Join': [
          '',
          ['(ALARM("', ...arns.flatMap((arn, index) => (index ? ['") OR ALARM("', arn] : [arn])), '"))'],
        ],
      });
      expect([Properties.AlarmActions, Properties.OKActions]).toEqual([actions('Pages'), actions('Pages')]);
      expectText(id, Properties, says, article);
    },
  );

  /** It begins with what it means, names its article, and links to the pages of what it is about. */
  function expectText(id: string, properties: Resource['Properties'], says: string, article: string): void {
    const text = asText(properties.AlarmDescription);
    const [meaning = '', toDo = '', ...links] = text.split('\n');

    expect(meaning.startsWith(says)).toBe(true);
    expect(meaning).toMatch(/\.$/);
    expect(toDo).toBe(`What to do: ${stages[stage].operations.runbook}#${article}`);
    expect(articles.has(article)).toBe(true);
    const console = /https:\/\/REF\.console\.aws\.amazon\.com\//.source;
    const pages = id.startsWith(ofTopicId)
      ? [new RegExp(`^(Topic|Queue): ${console}(sns|sqs)/v3/home\\?region=REF#/\\w+/\\S*REF$`)]
      : [
          new RegExp(
            `^Queue: ${console}sqs/v3/home\\?region=REF#/queues/https%3A%2F%2Fsqs\\.REF\\.REF%2FREF%2FREF$`,
          ),
          new RegExp(`^Function: ${console}lambda/home\\?region=REF#/functions/REF$`),
        ];
    expect(links).toEqual(pages.map((page) => expect.stringMatching(page)));
    // Also with the longest names: three a link, of which the longest are a queue's (80) and a region's (14).
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    const longest = text
      .replaceAll('REF.console', 'ap-southeast-2.console')
      .replaceAll('=REF', '=ap-southeast-2')
      .replaceAll('REF', 'x'.repeat(80));
    expect(longest.length).toBeLessThan(1_024);
  }

  test('a release is rolled back by what it sets off within minutes: dead letters, failed functions, failed tries', () => {
    const groups = Object.values(template.findResources('AWS::CodeDeploy::DeploymentGroup'));

    expect(groups.map(({ Properties }) => Properties)).toEqual(
      (stages[stage].gradualReleases ? consumers : []).map(({ id }) =>
        expect.objectContaining({
          DeploymentConfigName: 'CodeDeployDefault.LambdaCanary10Percent5Minutes',
          AlarmConfiguration: {
            Enabled: true,
            Alarms: ['DeadLettered', 'FunctionErrors', 'ReleaseRetrying'].map((kind) => ({
              Name: { Ref: alarmOf(`${id}Alarms${kind}`).ref },
            })),
          },
          AutoRollbackConfiguration: {
            Enabled: true,
            Events: expect.arrayContaining(['DEPLOYMENT_STOP_ON_ALARM']),
          },
        }),
      ),
    );
  });

  test('every article of the runbook belongs to an alarm', () => {
    const used = Object.entries({ ...expected, ...composites }).map(
      ([id, { article = articleOf(id) }]) => article,
    );

    expect([...articles.keys()].sort()).toEqual([...new Set(used)].sort());
  });
});

test.each([...articles])('the article "%s" says what it means, how to look and what to do', (_, article) => {
  expect([...article.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading)).toEqual([
    'What it means',
    'How to look',
    'What to do',
  ]);
});

/** `BillingAlarmsOldestMessage` is in the article `oldest-message`, as a rule. */
function articleOf(id: string): string {
  return kebabCase(id.replace(/^.*Alarms/, ''));
}

/** With REF in place of every reference. */
function asText(description: unknown): string {
  const [separator, parts] = (description as { 'Fn::Join': [string, unknown[]] })['Fn::Join'];
  return parts.map((part) => (typeof part === 'string' ? part : 'REF')).join(separator);
}
