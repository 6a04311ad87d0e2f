import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { SetTopicAttributesCommand } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  bodiesIn,
  emulators,
  letTopicIn,
  makeQueue,
  makeTopic,
  problems,
  settings,
  sns,
  subscribe,
  useEmulators,
} from '../../fixtures/emulators.ts';
import { allow } from '../../fixtures/policies.ts';

const topicArn = (name: string) => `arn:aws:sns:us-east-1:000000000000:${name}`;
let cloudWatch: CloudWatchClient;
useEmulators();
beforeAll(() => {
  cloudWatch = new CloudWatchClient(settings());
});
afterAll(() => cloudWatch.destroy());

const addAlarm = (name: string, topic: string) =>
  emulators.api.addAlarm('MetricAlarm', name, {
    Namespace: 'Plant',
    MetricName: 'Heat',
    ExtendedStatistic: 'p99',
    Period: 60,
    EvaluationPeriods: 20,
    Threshold: 10,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    AlarmActions: [topicArn(topic)],
  });
const fire = (AlarmName: string) =>
  cloudWatch.send(new SetAlarmStateCommand({ AlarmName, StateValue: 'ALARM', StateReason: 'a trial' }));
async function historyOf(AlarmName: string): Promise<(string | undefined)[]> {
  const { AlarmHistoryItems = [] } = await cloudWatch.send(
    new DescribeAlarmHistoryCommand({ AlarmName, ScanBy: 'TimestampAscending' }),
  );
  return AlarmHistoryItems.map(({ HistorySummary }) => HistorySummary);
}

test('an alarm that is set to ALARM tells its topic, and its history says so', async () => {
  const TopicArn = await makeTopic('open');
  const Statement = allow('sns:Publish', TopicArn, { Principal: { Service: 'cloudwatch.amazonaws.com' } });
  await sns.send(
    new SetTopicAttributesCommand({
      TopicArn,
      AttributeName: 'Policy',
      AttributeValue: JSON.stringify({ Statement }),
    }),
  );
  const inbox = await makeQueue();
  await letTopicIn(inbox);
  await subscribe(TopicArn, inbox);
  await addAlarm('open', 'open');

  await fire('open');

  expect(await historyOf('open')).toEqual([
    'Alarm updated from INSUFFICIENT_DATA to ALARM',
    `Successfully executed action ${topicArn('open')}`,
  ]);
  const [message] = await bodiesIn(inbox);
  expect(JSON.parse(message ?? '')).toMatchObject({
    AlarmName: 'open',
    NewStateValue: 'ALARM',
    NewStateReason: 'a trial',
  });
});

test.each(['shut', 'gone'])(
  'the history tells that the action failed where the topic is %s',
  async (topic) => {
    // One that is gone lets nobody in either.
    if (topic === 'shut') await makeTopic(topic);
    await addAlarm(topic, topic);

    await fire(topic);

    const [, failed] = await historyOf(topic);
    expect(failed).toContain(`Failed to execute action ${topicArn(topic)}. Received error: "`);
    expect(problems.at(-1)).toMatch(/is not authorized to perform: sns:Publish/);
  },
);
