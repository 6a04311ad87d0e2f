/** The alarms of a stack in CloudWatch. */
import {
  type CloudWatchClient,
  type CompositeAlarm,
  type MetricAlarm,
  paginateDescribeAlarms,
  type StateValue,
} from '@aws-sdk/client-cloudwatch';

export interface StackAlarm {
  readonly name: string;
  /** Whether its state follows from other alarms alone. */
  readonly isComposite: boolean;
  readonly actionsEnabled: boolean;
  /** ARNs of what is notified in ALARM, and back in OK. */
  readonly alarmActions: readonly string[];
  readonly okActions: readonly string[];
  readonly state: string;
  /** Names of the alarms that a composite alarm depends on. */
  readonly children: readonly string[];
}

/**
 * The logical ID of an alarm; undefined for one of another stack whose name begins the same. CloudFormation names alarms
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
    readMetricAlarms(cloudWatch, stackName),
    describe(cloudWatch, { AlarmTypes: ['CompositeAlarm'] }),
  ]);
  const names = new Set(metricAlarms.map(({ AlarmName }) => AlarmName));
  const own = compositeAlarms
    .map((alarm) => stackAlarm(alarm, alarm.AlarmRule ?? ''))
    .filter(({ children }) => children.some((name) => names.has(name)));
  return [...metricAlarms.map((alarm) => stackAlarm(alarm)), ...own];
}

/** The stack's alarms on metrics. @param StateValue only those in this state @throws whatever the SDK throws */
export async function readMetricAlarms(
  cloudWatch: CloudWatchClient,
  stackName: string,
  StateValue?: StateValue,
): Promise<MetricAlarm[]> {
  const request = { AlarmTypes: ['MetricAlarm' as const], AlarmNamePrefix: `${stackName}-`, StateValue };
  const alarms: MetricAlarm[] = await describe(cloudWatch, request);
  return alarms.filter(({ AlarmName = '' }) => logicalIdOf(AlarmName, stackName) !== undefined);
}

async function describe(
  client: CloudWatchClient,
  request: Parameters<typeof paginateDescribeAlarms>[1],
): Promise<(MetricAlarm & CompositeAlarm)[]> {
  const found: (MetricAlarm & CompositeAlarm)[] = [];
  const pages = paginateDescribeAlarms({ client }, request);
  for await (const { MetricAlarms = [], CompositeAlarms = [] } of pages) {
    found.push(...MetricAlarms, ...CompositeAlarms);
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
