// The alarms of a stack: their states, and the notifications that a change of state sends.
import { ACCOUNT, REGION } from './account.ts';
import { parseRule } from './alarm-rule.ts';
import { MetricAlarm } from './metric-alarm.ts';
import type { Metrics } from './metrics.ts';
import type { Json } from './template.ts';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** A message that an alarm sends to a topic. */
interface Announcement {
  alarmArn: string;
  topicArn: string;
  subject: string;
  message: string;
}

interface Alarm {
  name: string;
  arn: string;
  type: AlarmStatus['type'];
  properties: Record<string, Json>;
  state: AlarmState;
  /** When it took its state, in CloudWatch's form, and why; empty before the first change. */
  since: string;
  reason: string;
}

/** An alarm as it stands. */
export interface AlarmStatus {
  name: string;
  arn: string;
  type: 'MetricAlarm' | 'CompositeAlarm';
  description: string | undefined;
  state: AlarmState;
  reason: string;
  /** In milliseconds since the epoch; undefined before the first change of state. */
  since: number | undefined;
}

type Verdict = { state: AlarmState | undefined; reason: string; more: object };

const REGION_NAME = 'US East (N. Virginia)';
/** https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const SUBJECT_LENGTH = 100;
const ACTIONS = ['OKActions', 'AlarmActions', 'InsufficientDataActions'] as const;
const ACTIONS_OF = {
  OK: 'OKActions',
  ALARM: 'AlarmActions',
  INSUFFICIENT_DATA: 'InsufficientDataActions',
} as const;
const COMPOSITE_PROPERTIES = [
  ...ACTIONS,
  'ActionsEnabled',
  'AlarmDescription',
  'AlarmName',
  'AlarmRule',
  'Tags',
];

/** All begin with INSUFFICIENT_DATA, and change when they are evaluated, which is once a minute. */
export class Alarms {
  private readonly all = new Map<string, Alarm>();
  private readonly onMetrics: { alarm: Alarm; watch: MetricAlarm }[] = [];
  private readonly composites: { alarm: Alarm; rule: ReturnType<typeof parseRule> }[] = [];

  /**
   * @param properties of AWS::CloudWatch::Alarm, resolved
   * @returns its ARN
   * @throws Error naming what the local run does not know
   */
  addMetricAlarm(name: string, properties: Record<string, Json>): string {
    const watch = new MetricAlarm(properties);
    const alarm = this.add(name, 'MetricAlarm', properties);
    this.onMetrics.push({ alarm, watch });
    return alarm.arn;
  }

  /**
   * @param properties of AWS::CloudWatch::CompositeAlarm, resolved; its rule names alarms that were added before
   * @returns its ARN
   * @throws Error naming what the local run does not know
   */
  addCompositeAlarm(name: string, properties: Record<string, Json>): string {
    for (const property of Object.keys(properties)) {
      if (!COMPOSITE_PROPERTIES.includes(property)) {
        throw new Error(`the local run does not know the property ${property} of a composite alarm`);
      }
    }
    const rule = parseRule(properties.AlarmRule);
    for (const each of rule.alarms) this.find(each);
    const alarm = this.add(name, 'CompositeAlarm', properties);
    this.composites.push({ alarm, rule });
    return alarm.arn;
  }

  /** State by name. */
  states(): Record<string, AlarmState> {
    return Object.fromEntries([...this.all].map(([name, { state }]) => [name, state]));
  }

  /** Each of them as it stands. */
  list(): AlarmStatus[] {
    return [...this.all.values()].map(({ name, arn, type, properties, state, reason, since }) => ({
      name,
      arn,
      type,
      description: properties.AlarmDescription,
      state,
      reason,
      since: since ? Date.parse(since.replace('+0000', 'Z')) : undefined,
    }));
  }

  /** The text that the template gives an alarm, if any. */
  description(name: string): string | undefined {
    return this.all.get(name)?.properties.AlarmDescription;
  }

  /** The longest time that any of them looks back, in minutes. */
  get minutes(): number {
    return Math.max(0, ...this.onMetrics.map(({ watch }) => watch.minutes));
  }

  /**
   * Gives every alarm the state that the metrics put it in.
   * @param at end of the last whole minute, in milliseconds since the epoch
   * @returns what the changes of state announce, in the order in which they happened
   */
  evaluate(metrics: Metrics, at: number): Announcement[] {
    const time = new Date(at).toISOString().replace('Z', '+0000');
    const announcements: Announcement[] = [];
    const changed = new Set<Alarm>();
    const settle = (alarm: Alarm, { state, reason, more }: Verdict): void => {
      if (state === undefined || state === alarm.state) return;
      const old = alarm.state;
      Object.assign(alarm, { state, reason, since: time });
      changed.add(alarm);
      announcements.push(...announce(alarm, old, reason, more));
    };
    for (const { alarm, watch } of this.onMetrics) {
      settle(alarm, { ...watch.evaluate(metrics, at), more: { Trigger: trigger(alarm.properties) } });
    }
    for (const { alarm, rule } of this.composites) {
      const state = rule.holds((each) => this.find(each).state) ? 'ALARM' : 'OK';
      const triggering = rule.alarms.map((each) => this.find(each)).filter((each) => changed.has(each));
      settle(alarm, {
        state,
        reason: triggering.map((each) => transition(each, at)).join(', '),
        more: {
          AlarmRule: alarm.properties.AlarmRule,
          TriggeringChildren: triggering.map((each) => ({
            Arn: each.arn,
            State: { Value: each.state, Timestamp: each.since },
          })),
        },
      });
    }
    return announcements;
  }

  private add(name: string, type: Alarm['type'], properties: Record<string, Json>): Alarm {
    for (const list of ACTIONS) {
      for (const action of properties[list] ?? []) {
        if (!/^arn:[^:]+:sns:/.test(action)) {
          throw new Error(`the local run does not know the alarm action ${action}, which is no topic`);
        }
      }
    }
    const arn = `arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm:${name}`;
    const alarm: Alarm = {
      name,
      arn,
      type,
      properties,
      state: 'INSUFFICIENT_DATA',
      since: '',
      reason: '',
    };
    this.all.set(name, alarm);
    return alarm;
  }

  private find(nameOrArn: string): Alarm {
    const alarm = this.all.get(nameOrArn.replace(/^arn:.*:alarm:/, ''));
    if (!alarm) throw new Error(`its rule names ${nameOrArn}, which is no alarm of this stack`);
    return alarm;
  }
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html */
function announce(alarm: Alarm, old: AlarmState, reason: string, more: object): Announcement[] {
  const { name, arn, properties, state, since } = alarm;
  if (properties.ActionsEnabled === false) return [];
  const message = JSON.stringify({
    AlarmName: name,
    AlarmDescription: properties.AlarmDescription ?? null,
    AWSAccountId: ACCOUNT,
    NewStateValue: state,
    NewStateReason: reason,
    StateChangeTime: since,
    Region: REGION_NAME,
    AlarmArn: arn,
    OldStateValue: old,
    ...Object.fromEntries(ACTIONS.map((list) => [list, properties[list] ?? []])),
    ...more,
  });
  const subject = `${state}: "${name}" in ${REGION_NAME}`.slice(0, SUBJECT_LENGTH);
  return (properties[ACTIONS_OF[state]] ?? []).map((topicArn: string) => ({
    alarmArn: arn,
    topicArn,
    subject,
    message,
  }));
}

function trigger(properties: Record<string, Json>): object {
  const { MetricName, Namespace, Statistic, Dimensions, Period, Metrics } = properties;
  const { EvaluationPeriods, DatapointsToAlarm, ComparisonOperator, Threshold } = properties;
  return {
    ...(!Metrics && {
      MetricName,
      Namespace,
      StatisticType: 'Statistic',
      Statistic: Statistic.toUpperCase(),
      Unit: null,
      Dimensions: lowerCase(Dimensions),
      Period,
    }),
    EvaluationPeriods,
    ...(DatapointsToAlarm !== undefined && { DatapointsToAlarm }),
    ComparisonOperator,
    Threshold,
    TreatMissingData: properties.TreatMissingData ?? 'missing',
    EvaluateLowSampleCountPercentile: '',
    ...(Metrics && {
      Period: Metrics.find(({ MetricStat }: Json) => MetricStat).MetricStat.Period,
      Metrics: Metrics.map(({ MetricStat, ...rest }: Json) => ({
        ...rest,
        ...(MetricStat && {
          MetricStat: {
            ...MetricStat,
            Metric: { ...MetricStat.Metric, Dimensions: lowerCase(MetricStat.Metric.Dimensions) },
          },
        }),
      })),
    }),
  };
}

const lowerCase = (dimensions: Json[] = []) =>
  dimensions.map(({ Name, Value }) => ({ value: Value, name: Name }));

/** `arn:… transitioned to ALARM at Wednesday 10 November, 2021 02:45:55 UTC` */
function transition({ arn, state }: Alarm, at: number): string {
  const part = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options }).format(at);
  const date = `${part({ weekday: 'long' })} ${part({ day: '2-digit' })} ${part({ month: 'long' })}`;
  const time = part({ hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  return `${arn} transitioned to ${state} at ${date}, ${part({ year: 'numeric' })} ${time} UTC`;
}
