/** Whether alarms' notifications succeeded, by the alarms' histories. */
import {
  type AlarmHistoryItem,
  type CloudWatchClient,
  DescribeAlarmHistoryCommand,
} from '@aws-sdk/client-cloudwatch';
import pLimit from 'p-limit';
import type { StackAlarm } from '../aws/stack-alarms.ts';

export interface Action {
  readonly alarm: string;
  readonly at: Date;
  /** Why the topic rejected it, in AWS's words; absent where it did not. */
  readonly error?: string;
}

/** CloudWatch throttles requests for many histories at once. */
const AT_A_TIME = 4;

/** The last notifications to a topic of each of these alarms, unsorted. @throws whatever the SDK throws */
export async function actionsOn(
  topicArn: string,
  alarms: readonly Pick<StackAlarm, 'name' | 'isComposite'>[],
  cloudWatch: CloudWatchClient,
): Promise<Action[]> {
  const limit = pLimit(AT_A_TIME);
  const actions = alarms.map(({ name, isComposite }) =>
    limit(async () => {
      const { AlarmHistoryItems = [] } = await cloudWatch.send(
        new DescribeAlarmHistoryCommand({
          AlarmName: name,
          AlarmTypes: [isComposite ? 'CompositeAlarm' : 'MetricAlarm'],
          HistoryItemType: 'Action',
          ScanBy: 'TimestampDescending',
        }),
      );
      return AlarmHistoryItems.flatMap((item) => readAction(item, name, topicArn));
    }),
  );
  return (await Promise.all(actions)).flat();
}

/** `Successfully executed action <ARN>`, or `Failed to execute action <ARN>. Received error: "…"`, which may be truncated. */
function readAction(
  { HistorySummary = '', HistoryData, Timestamp }: AlarmHistoryItem,
  alarm: string,
  topicArn: string,
): Action[] {
  const [, outcome, arn = '', rest = ''] =
    /^(Successfully executed|Failed to execute) action (\S+)(.*)$/s.exec(HistorySummary) ?? [];
  if (outcome === undefined || Timestamp === undefined || arn.replace(/\.$/, '') !== topicArn) return [];
  const action = { alarm, at: Timestamp };
  return [
    outcome.startsWith('S')
      ? action
      : { ...action, error: errorIn(HistoryData) ?? (rest.trim() || 'no reason given') },
  ];
}

function errorIn(data = ''): string | undefined {
  try {
    const { error } = JSON.parse(data);
    return typeof error === 'string' && error !== '' ? error : undefined;
  } catch {
    return undefined;
  }
}
