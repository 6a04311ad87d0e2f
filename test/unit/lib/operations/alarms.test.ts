import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Template } from 'aws-cdk-lib/assertions';
import { stages } from '../../../../lib/config.ts';
import {
  consumersOf,
  operationsTopic,
  ordersTopic,
  resource,
  stageNames,
  synthesize,
} from '../../../fixtures/synthesized.ts';

/** Those that a composite alarm announces, those that page by themselves, and the rest. */
const SUMMARIZED = {
  Unhealthy: ['OldestMessage', 'FunctionErrors', 'Retrying'],
  HasDeadLetters: ['DeadLettered', 'DeadLetters'],
};
/** Told to nobody by themselves. */
const SILENT = [...Object.values(SUMMARIZED).flat(), 'ReleaseRetrying'];
const PAGES = ['RetentionAtRisk', 'OldestDeadLetter'];
const NOTICES = ['QueueDepth', 'DeadLettersGrowing', 'FunctionThrottles', 'PromiseBroken', 'NotPolled'];
const TOPIC_PAGES = ['LostDeliveries', 'OldestUnrouted', 'InvalidAttributes', 'NoAttributes'];
const TOPIC_NOTICES = ['FailedDeliveries', 'Unrouted'];

describe.each(stageNames)('in %s', (stage) => {
  const consumers = consumersOf(stage);
  let template: Template;

  beforeAll(() => {
    template = synthesize(stage);
  });

  const alarm = (logicalId: string) => resource(template, 'AWS::CloudWatch::Alarm', logicalId);
  const dimensions = (name: string, type: string, logicalId: string, attribute?: string) => {
    const { ref } = resource(template, type, logicalId);
    return [{ Name: name, Value: attribute ? { 'Fn::GetAtt': [ref, attribute] } : { Ref: ref } }];
  };
  const queueMetric = (queueId: string, metric: string) => ({
    Metric: {
      Namespace: 'AWS/SQS',
      MetricName: metric,
      Dimensions: dimensions('QueueName', 'AWS::SQS::Queue', queueId, 'QueueName'),
    },
    Period: 60,
    Stat: 'Maximum',
  });
  /** The same for an alarm that looks at nothing else. */
  const singleMetric = ({ Metric, Period, Stat }: ReturnType<typeof queueMetric>) => ({
    ...Metric,
    Period,
    Statistic: Stat,
  });
  const backlogOf = (queueId: string, id: string) => [
    { Id: id, Expression: 'visible + inFlight', ReturnData: false },
    {
      Id: 'visible',
      MetricStat: queueMetric(queueId, 'ApproximateNumberOfMessagesVisible'),
      ReturnData: false,
    },
    {
      Id: 'inFlight',
      MetricStat: queueMetric(queueId, 'ApproximateNumberOfMessagesNotVisible'),
      ReturnData: false,
    },
  ];

  describe.each(consumers)('$name', ({ name, id, settings }) => {
    const { thresholds } = settings;
    const ownMetric = (MetricName: string) => ({
      Namespace: `OrderFanOut-${stage}`,
      MetricName,
      Dimensions: [{ Name: 'service', Value: name }],
    });

    test('alarms on five minutes of too many waiting messages', () => {
      expect(alarm(`${id}AlarmsQueueDepth`).Properties).toMatchObject({
        Namespace: 'AWS/SQS',
        MetricName: 'ApproximateNumberOfMessagesVisible',
        Dimensions: dimensions('QueueName', 'AWS::SQS::Queue', `${id}Queue`, 'QueueName'),
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 5,
        Threshold: thresholds.queueDepth,
      });
    });

    test('alarms on old messages, when they are old for most of a quarter of an hour', () => {
      expect(alarm(`${id}AlarmsOldestMessage`).Properties).toMatchObject({
        ...singleMetric(queueMetric(`${id}Queue`, 'ApproximateAgeOfOldestMessage')),
        EvaluationPeriods: 15,
        DatapointsToAlarm: 10,
        Threshold: thresholds.oldestMessageSeconds,
      });
    });

    test('alarms before the queue deletes messages: at a quarter of the time that it keeps them', () => {
      expect(alarm(`${id}AlarmsRetentionAtRisk`).Properties).toMatchObject({
        ...singleMetric(queueMetric(`${id}Queue`, 'ApproximateAgeOfOldestMessage')),
        EvaluationPeriods: 5,
        DatapointsToAlarm: 3,
        Threshold: 345_600 / 4,
      });
    });

    test('alarms before dead letters are deleted: those that SQS moved are up to four days older than their age says', () => {
      expect(alarm(`${id}AlarmsOldestDeadLetter`).Properties).toMatchObject({
        ...singleMetric(queueMetric(`${id}DeadLetterQueue`, 'ApproximateAgeOfOldestMessage')),
        EvaluationPeriods: 1,
        Threshold: (14 - 4) * 86_400,
      });
    });

    test('alarms on what the consumer itself says it dead-lettered, for as long as the metrics of its queue may be late', () => {
      expect(alarm(`${id}AlarmsDeadLettered`).Properties).toMatchObject({
        ...ownMetric('DeadLettered'),
        Statistic: 'Sum',
        Period: 60,
        EvaluationPeriods: 15,
        DatapointsToAlarm: 1,
        Threshold: 1,
      });
    });

    test('alarms on tries that fail, when nothing is dead yet', () => {
      const { Metrics, ...rest } = alarm(`${id}AlarmsRetrying`).Properties;

      expect(rest).toMatchObject({ EvaluationPeriods: 3, Threshold: thresholds.retries });
      expect(rest.DatapointsToAlarm).toBeUndefined();
      expect(Metrics).toEqual([
        { Id: 'expr_1', Expression: 'FILL(retried, 0)', Label: 'Tries that failed', ReturnData: true },
        {
          Id: 'retried',
          MetricStat: { Metric: ownMetric('Retried'), Period: 300, Stat: 'Sum' },
          ReturnData: false,
        },
      ]);
    });

    test('alarms on a broken promise, not on a single late order', () => {
      expect(alarm(`${id}AlarmsPromiseBroken`).Properties).toMatchObject({
        ...ownMetric('SecondsToDone'),
        ExtendedStatistic: 'p99',
        Period: 300,
        EvaluationPeriods: 3,
        Threshold: thresholds.promisedSeconds,
      });
    });

    test('alarms when nobody polls the queue, whether SQS reports that or nothing at all', () => {
      const { Metrics, ...rest } = alarm(`${id}AlarmsNotPolled`).Properties;
      const sum = (metric: string) => ({ ...queueMetric(`${id}Queue`, metric), Stat: 'Sum' });

      expect(rest).toMatchObject({
        ComparisonOperator: 'LessThanThreshold',
        TreatMissingData: 'breaching',
        EvaluationPeriods: 15,
        Threshold: 1,
      });
      expect(Metrics).toEqual([
        {
          Id: 'expr_1',
          Expression: 'SUM([received, empty])',
          Label: 'Received messages and empty receives',
          ReturnData: true,
        },
        { Id: 'received', MetricStat: sum('NumberOfMessagesReceived'), ReturnData: false },
        { Id: 'empty', MetricStat: sum('NumberOfEmptyReceives'), ReturnData: false },
      ]);
    });

    test('alarms on the first dead letter', () => {
      const { Metrics, ...rest } = alarm(`${id}AlarmsDeadLetters`).Properties;

      expect(rest).toMatchObject({ EvaluationPeriods: 1, Threshold: 1 });
      const [sum, ...parts] = backlogOf(`${id}DeadLetterQueue`, 'expr_1');
      expect(Metrics).toEqual([{ ...sum, ReturnData: true }, ...parts]);
    });

    test('alarms again on each dead letter that joins others', () => {
      const { Metrics, ...rest } = alarm(`${id}AlarmsDeadLettersGrowing`).Properties;

      expect(rest).toMatchObject({ EvaluationPeriods: 1, Threshold: 1 });
      expect(Metrics).toEqual([
        { Id: 'expr_1', Expression: 'DIFF(letters)', Label: 'New dead letters', ReturnData: true },
        ...backlogOf(`${id}DeadLetterQueue`, 'letters'),
      ]);
    });

    test.each([
      ['FunctionErrors', 'Errors', thresholds.functionErrors],
      ['FunctionThrottles', 'Throttles', thresholds.functionThrottles],
    ])('alarms on %s within five minutes', (kind, metric, threshold) => {
      expect(alarm(`${id}Alarms${kind}`).Properties).toMatchObject({
        Namespace: 'AWS/Lambda',
        MetricName: metric,
        Dimensions: dimensions('FunctionName', 'AWS::Lambda::Function', `${id}Function`),
        Statistic: 'Sum',
        Period: 300,
        EvaluationPeriods: 1,
        Threshold: threshold,
      });
    });

    test.each(Object.entries(SUMMARIZED))(
      'has the alarm %s, in ALARM while any of those is that it sums up',
      (summary, kinds) => {
        const rule = resource(template, 'AWS::CloudWatch::CompositeAlarm', `${id}Alarms${summary}`).Properties
          .AlarmRule;
        const arns = kinds.map((kind) => ({ 'Fn::GetAtt': [alarm(`${id}Alarms${kind}`).ref, 'Arn'] }));

        expect(rule).toEqual({
          'Fn::Join': [
            '',
            ['(ALARM("', ...arns.flatMap((arn, index) => (index ? ['") OR ALARM("', arn] : [arn])), '"))'],
          ],
        });
      },
    );
  });

  test.each([
    ['FailedDeliveries', 'NumberOfNotificationsFailed', stages[stage].topicAlarms.failedDeliveries],
    ['LostDeliveries', 'NumberOfNotificationsFailedToRedriveToDlq', 1],
    [
      'InvalidAttributes',
      'NumberOfNotificationsFilteredOut-InvalidAttributes',
      stages[stage].topicAlarms.unreadableAttributes,
    ],
    [
      'NoAttributes',
      'NumberOfNotificationsFilteredOut-NoMessageAttributes',
      stages[stage].topicAlarms.unreadableAttributes,
    ],
  ])('alarms on the orders topic: %s', (kind, metric, threshold) => {
    expect(alarm(`OrdersAlarms${kind}`).Properties).toMatchObject({
      Namespace: 'AWS/SNS',
      MetricName: metric,
      Dimensions: [{ Name: 'TopicName', Value: { 'Fn::GetAtt': [ordersTopic(template), 'TopicName'] } }],
      Statistic: 'Sum',
      Period: 300,
      EvaluationPeriods: 1,
      Threshold: threshold,
    });
  });

  test('a message that nobody takes raises an alarm, whether somebody looks at it or not', () => {
    const { Properties } = alarm('OrdersAlarmsUnrouted');
    const QueueName = {
      'Fn::GetAtt': [resource(template, 'AWS::SQS::Queue', 'UnroutedQueue').ref, 'QueueName'],
    };
    const figure = (MetricName: string) =>
      expect.objectContaining({
        MetricStat: {
          Metric: {
            Namespace: 'AWS/SQS',
            MetricName,
            Dimensions: [{ Name: 'QueueName', Value: QueueName }],
          },
          Period: 60,
          Stat: 'Maximum',
        },
      });

    expect(Properties).toMatchObject({ Threshold: 1, EvaluationPeriods: 1 });
    expect(Properties.Metrics).toEqual([
      expect.objectContaining({ Expression: 'visible + inFlight' }),
      figure('ApproximateNumberOfMessagesVisible'),
      figure('ApproximateNumberOfMessagesNotVisible'),
    ]);
  });

  test('one cause wakes once: what a composite alarm sums up is announced by that alone', () => {
    const announced = (type: string) =>
      Object.entries(template.findResources(type)).map(([logicalId, { Properties }]) => {
        const [, kind = ''] = /^\w+?Alarms(\w+)[0-9A-F]{8}$/.exec(logicalId) ?? [];
        expect(Properties.OKActions).toEqual(Properties.AlarmActions);
        return [kind, Properties.AlarmActions] as const;
      });
    const actions = (severity: 'Pages' | 'Notices') => [{ Ref: operationsTopic(template, severity) }];

    for (const [kind, found] of announced('AWS::CloudWatch::Alarm')) {
      if (SILENT.includes(kind)) expect([kind, found]).toEqual([kind, undefined]);
      else if ([...PAGES, ...TOPIC_PAGES].includes(kind))
        expect([kind, found]).toEqual([kind, actions('Pages')]);
      else expect([kind, found]).toEqual([kind, actions('Notices')]);
    }
    for (const [, found] of announced('AWS::CloudWatch::CompositeAlarm'))
      expect(found).toEqual(actions('Pages'));
  });

  test('every alarm but one goes off at its threshold, and takes silence for health', () => {
    const [notPolled, others] = ['LessThanThreshold', 'GreaterThanOrEqualToThreshold'].map(
      (ComparisonOperator) =>
        Object.entries(
          template.findResources('AWS::CloudWatch::Alarm', { Properties: { ComparisonOperator } }),
        ),
    );

    expect(notPolled?.map(([logicalId]) => logicalId.replace(/^.*Alarms(.*).{8}$/, '$1'))).toEqual(
      consumers.map(() => 'NotPolled'),
    );
    for (const [, { Properties }] of others ?? []) expect(Properties.TreatMissingData).toBe('notBreaching');
  });

  test('a release is taken back by what it sets off within minutes: dead letters, failed functions, failed tries', () => {
    const groups = template.findResources('AWS::CodeDeploy::DeploymentGroup');

    expect(Object.keys(groups)).toHaveLength(stage === 'prod' ? consumers.length : 0);
    for (const { id } of stage === 'prod' ? consumers : []) {
      const { Properties } = resource(
        template,
        'AWS::CodeDeploy::DeploymentGroup',
        `${id}ReleaseDeploymentGroup`,
      );
      const kinds = ['DeadLettered', 'FunctionErrors', 'ReleaseRetrying'];

      expect(Properties).toMatchObject({
        DeploymentConfigName: 'CodeDeployDefault.LambdaCanary10Percent5Minutes',
        AlarmConfiguration: {
          Enabled: true,
          Alarms: kinds.map((kind) => ({ Name: { Ref: alarm(`${id}Alarms${kind}`).ref } })),
        },
        AutoRollbackConfiguration: {
          Enabled: true,
          Events: expect.arrayContaining(['DEPLOYMENT_STOP_ON_ALARM']),
        },
      });
    }
  });

  test('tries that fail take a release back within its five minutes', () => {
    for (const { id, name, settings } of stage === 'prod' ? consumers : []) {
      expect(alarm(`${id}AlarmsReleaseRetrying`).Properties).toMatchObject({
        Namespace: 'OrderFanOut-prod',
        MetricName: 'Retried',
        Dimensions: [{ Name: 'service', Value: name }],
        Statistic: 'Sum',
        Period: 300,
        EvaluationPeriods: 1,
        Threshold: settings.thresholds.retries,
      });
    }
  });

  test('there are no alarms beside these', () => {
    const silent = stage === 'prod' ? SILENT : Object.values(SUMMARIZED).flat();
    const each = [...silent, ...PAGES, ...NOTICES].length;

    template.resourceCountIs(
      'AWS::CloudWatch::Alarm',
      consumers.length * each + TOPIC_PAGES.length + TOPIC_NOTICES.length,
    );
    template.resourceCountIs('AWS::CloudWatch::CompositeAlarm', 2 * consumers.length);
  });
});
