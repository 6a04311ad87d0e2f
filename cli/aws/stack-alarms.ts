/** The alarms of a stack, as CloudWatch has them. */
import {
  type CloudWatchClient,
  type CompositeAlarm,
  type MetricAlarm,
  paginateDescribeAlarms,
} from '@aws-sdk/client-cloudwatch';

export interface StackAlarm {
  readonly name: string;
  /** Whether it sums up others; CloudWatch then sets it by their states alone. */
  readonly isComposite: boolean;
  readonly actionsEnabled: boolean;
  /** ARNs of what is told when it goes into ALARM, and when it returns to OK. */
  readonly alarmActions: readonly string[];
  readonly okActions: readonly string[];
  readonly state: string;
  /** Names of the alarms that it sums up. */
  readonly children: readonly string[];
}

/**
 * The logical ID of an alarm, or undefined where it is of another stack, whose name goes on. CloudFormation names it
 * `<stack>-<logical ID>-<suffix>`.
 */
export function logicalIdOf(alarm: string, stackName: string): string | undefined {
  const prefix = `${stackName}-`;
  if (!alarm.startsWith(prefix)) return undefined;
  return /^([A-Za-z0-9]+)(?:-[A-Za-z0-9]+)?$/.exec(alarm.slice(prefix.length))?.[1];
}

/** Those on metrics, and the composite ones that name any of them, whatever these are called. @throws whatever the SDK throws */
export async function readStackAlarms(
  cloudWatch: CloudWatchClient,
  stackName: string,
): Promise<StackAlarm[]> {
  const [metricAlarms, compositeAlarms] = await Promise.all([
    describe(cloudWatch, { AlarmTypes: ['MetricAlarm'], AlarmNamePrefix: `${stackName}-` }),
    describe(cloudWatch, { AlarmTypes: ['CompositeAlarm'] }),
  ]);
  const own = metricAlarms.filter(({ name }) => logicalIdOf(name, stackName) !== undefined);
  const names = new Set(own.map(({ name }) => name));
  return [...own, ...compositeAlarms.filter(({ children }) => children.some((name) => names.has(name)))];
}

async function describe(
  client: CloudWatchClient,
  request: Parameters<typeof paginateDescribeAlarms>[1],
): Promise<StackAlarm[]> {
  const found: StackAlarm[] = [];
  for await (const { MetricAlarms = [], CompositeAlarms = [] } of paginateDescribeAlarms(
    { client },
    request,
  )) {
    found.push(...MetricAlarms.map((alarm) => stackAlarm(alarm)));
    found.push(...CompositeAlarms.map((alarm) => stackAlarm(alarm, alarm.AlarmRule ?? '')));
  }
  return found;
}

/** @param rule of a composite alarm */
function stackAlarm(alarm: MetricAlarm | CompositeAlarm, rule?: string): StackAlarm {
  return {
    name: alarm.AlarmName ?? '',
    isComposite: rule !== undefined,
    actionsEnabled: alarm.ActionsEnabled !== false,
    alarmActions: alarm.AlarmActions ?? [],
    okActions: alarm.OKActions ?? [],
    state: alarm.StateValue ?? '',
    children: namesIn(rule ?? ''),
  };
}

/** A rule names an alarm by its name or its ARN: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html */
function namesIn(rule: string): string[] {
  const named = rule.matchAll(/\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]*)"|([^\s)]*))/g);
  return Array.from(named, ([, quoted, bare = '']) => (quoted ?? bare).replace(/^arn:.*:alarm:/, ''));
}
