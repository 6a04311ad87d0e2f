import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Template } from 'aws-cdk-lib/assertions';
import { type ConsumerSettings, consumers, stages } from '../../../../lib/config.ts';
import {
  consumerNames,
  operationsTopic,
  ordersTopic,
  resource,
  stageNames,
  synthesize,
} from '../../../fixtures/synthesized.ts';

const settings: Record<string, ConsumerSettings> = consumers;
const KINDS = [
  'QueueDepth',
  'NotDraining',
  'DeadLetters',
  'DeadLettersGrowing',
  'FunctionErrors',
  'FunctionThrottles',
];

describe.each(stageNames)('in %s', (stage) => {
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

  describe.each(consumerNames)('$name', ({ name, id }) => {
    const thresholds = (settings[name] as ConsumerSettings).alarms[stage];

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

    test('alarms on old messages only while the queue does not drain', () => {
      const { Metrics, ...rest } = alarm(`${id}AlarmsNotDraining`).Properties;

      expect(rest).toMatchObject({ EvaluationPeriods: 5, DatapointsToAlarm: 4, Threshold: 1 });
      expect(Metrics).toEqual([
        {
          Id: 'expr_1',
          Expression: `IF(age >= ${thresholds.oldestMessageSeconds} AND DIFF(backlog) >= 0, 1, 0)`,
          Label: 'Old and not draining',
          ReturnData: true,
        },
        {
          Id: 'age',
          MetricStat: queueMetric(`${id}Queue`, 'ApproximateAgeOfOldestMessage'),
          ReturnData: false,
        },
        ...backlogOf(`${id}Queue`, 'backlog'),
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

    test('has one alarm that is on while any of the six is', () => {
      const rule = resource(template, 'AWS::CloudWatch::CompositeAlarm', `${id}AlarmsUnhealthy`).Properties
        .AlarmRule;
      const arns = KINDS.map((kind) => ({ 'Fn::GetAtt': [alarm(`${id}Alarms${kind}`).ref, 'Arn'] }));

      expect(rule).toEqual({
        'Fn::Join': [
          '',
          ['(ALARM("', ...arns.flatMap((arn, index) => (index ? ['") OR ALARM("', arn] : [arn])), '"))'],
        ],
      });
    });
  });

  test.each([
    ['FailedDeliveries', 'NumberOfNotificationsFailed', stages[stage].topicAlarms.failedDeliveries],
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

  test('every alarm is announced on the operations topic, when it goes off and when it is over', () => {
    const actions = [{ Ref: operationsTopic(template) }];

    for (const type of ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm']) {
      template.allResourcesProperties(type, { AlarmActions: actions, OKActions: actions });
    }
  });

  test('every alarm goes off at its threshold, and takes silence for health', () => {
    template.allResourcesProperties('AWS::CloudWatch::Alarm', {
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
    });
  });

  test('there are no alarms beside these', () => {
    template.resourceCountIs('AWS::CloudWatch::Alarm', consumerNames.length * KINDS.length + 3);
    template.resourceCountIs('AWS::CloudWatch::CompositeAlarm', consumerNames.length);
  });
});
