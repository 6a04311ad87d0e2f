/** Sets an alarm of each severity to ALARM for a moment, and watches whether its topic takes what it tells. */
import { SetAlarmStateCommand, type StateValue } from '@aws-sdk/client-cloudwatch';
import { callerOf } from '../aws/caller.ts';
import { Deadline } from '../aws/deadline.ts';
import { explain, isDenied } from '../aws/errors.ts';
import type { StackAlarm } from '../aws/stack-alarms.ts';
import { time } from '../terminal/text.ts';
import { type Action, actionsOn } from './alarm-history.ts';
import { refusal } from './alarms.ts';
import { type CheckContext, type OperationsTopic, operationsTopics } from './context.ts';
import { attempt, type Finding, problem, well } from './finding.ts';
import { confirmedAddresses } from './subscriptions.ts';

/** It takes CloudWatch seconds. */
const TIMEOUT_MS = 60_000;
const PAUSE_MS = 1_000;

/** An alarm that is to be set, and whom it tells. */
export interface TestAlarm {
  readonly topic: OperationsTopic;
  /** Undefined where none will do. */
  readonly alarm: StackAlarm | undefined;
}

/**
 * An alarm for each topic that tells it by itself and is not in ALARM, from which nothing would be told. None that others
 * look at: a composite alarm that was set by hand may stay so, and a release is rolled back by the alarms of its consumer.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
 */
export function chooseTestAlarms({ stack }: CheckContext, alarms: readonly StackAlarm[]): TestAlarm[] {
  const watched = new Set(alarms.flatMap(({ children }) => children));
  return operationsTopics(stack).map((topic) => ({
    topic,
    alarm: alarms.find(
      ({ name, isComposite, actionsEnabled, alarmActions, state }) =>
        !isComposite &&
        !watched.has(name) &&
        actionsEnabled &&
        state !== 'ALARM' &&
        alarmActions.includes(topic.arn),
    ),
  }));
}

/** @param onWaiting called with what is waited for */
export async function fire(
  tests: readonly TestAlarm[],
  context: CheckContext,
  onWaiting: (what: string) => void,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { topic, alarm } of tests) {
    const subject = `${topic.severity} test`;
    if (context.signal.aborted) break;
    if (alarm === undefined) {
      const says =
        'no alarm could be set: none that tells this topic by itself has its actions enabled and is not in ALARM';
      findings.push(problem(subject, says, 'see to those that are in ALARM, and try again'));
      continue;
    }
    onWaiting(`until ${alarm.name} has told the ${topic.severity} topic`);
    findings.push(...(await attempt(subject, () => fireOne(subject, topic, alarm, context))));
  }
  return findings;
}

async function fireOne(
  subject: string,
  topic: OperationsTopic,
  alarm: StackAlarm,
  context: CheckContext,
): Promise<Finding[]> {
  const { clients, options, signal } = context;
  const who = await callerOf(clients.sts, options.local === true);
  const before = await lastAction(topic, alarm, context);
  let told: Finding[] = [];
  let stuck: Finding[] = [];
  try {
    told = await attempt(subject, async () => {
      // Also where the answer to this is lost the alarm may be set.
      await set(alarm, 'ALARM', `This is a test by ${who}: orders check --fire. Nothing is wrong.`, context);
      const after = await actionAfter(before, topic, alarm, context);
      return signal.aborted ? [] : [await judge(subject, after, topic, alarm, context)];
    });
  } finally {
    stuck = await reset(subject, alarm, who, context);
  }
  return [...told, ...stuck];
}

/** Waits for a notification that is newer. @returns undefined if there was none in time */
async function actionAfter(
  before: Action | undefined,
  topic: OperationsTopic,
  alarm: StackAlarm,
  context: CheckContext,
): Promise<Action | undefined> {
  const deadline = new Deadline(TIMEOUT_MS, context.signal);
  for (;;) {
    const after = await deadline.retry(() => lastAction(topic, alarm, context));
    if (isNewer(after, before)) return after;
    if (deadline.isOver) return undefined;
    await deadline.wait(PAUSE_MS);
  }
}

async function judge(
  subject: string,
  after: Action | undefined,
  topic: OperationsTopic,
  alarm: StackAlarm,
  { clients }: CheckContext,
): Promise<Finding> {
  if (after === undefined) {
    const says = `${alarm.name} was set to ALARM, and has told the topic nothing within ${TIMEOUT_MS / 1000} s`;
    return problem(subject, says, 'look at its history in the CloudWatch console');
  }
  if (after.error !== undefined) return problem(subject, refusal(after), 'mend what it says, and try again');
  const addresses = await confirmedAddresses(clients.sns, topic.arn);
  const where =
    addresses.length > 0 ? `look for it at ${addresses.join(', ')}` : 'nobody is subscribed to it';
  return well(subject, `${alarm.name} told the topic at ${time(after.at)}: ${where}`);
}

async function lastAction(
  { arn }: OperationsTopic,
  alarm: StackAlarm,
  { clients }: CheckContext,
): Promise<Action | undefined> {
  // The histories are the newest first.
  return (await actionsOn(arn, [alarm], clients.cloudWatch))[0];
}

/** By CloudWatch's clock, not this one's. */
function isNewer(after: Action | undefined, before: Action | undefined): boolean {
  return after !== undefined && (before === undefined || after.at > before.at);
}

/**
 * Gives the alarm its state back. By itself it would take its real one at its next evaluation; but where that is ALARM, it
 * would tell nobody, for it would seem to be so already.
 */
async function reset(
  subject: string,
  alarm: StackAlarm,
  who: string,
  context: CheckContext,
): Promise<Finding[]> {
  try {
    await set(alarm, alarm.state as StateValue, `The test by ${who} is over: orders check --fire.`, context);
    return [];
  } catch (error) {
    // Who may not set it has not set it.
    if (isDenied(error)) return [];
    const says = `${alarm.name} could not be set back to ${alarm.state}: ${explain(error) ?? error}`;
    return [problem(subject, says, 'see that it returns by itself within its next minutes')];
  }
}

async function set(
  { name }: StackAlarm,
  StateValue: StateValue,
  StateReason: string,
  { clients }: CheckContext,
): Promise<void> {
  await clients.cloudWatch.send(new SetAlarmStateCommand({ AlarmName: name, StateValue, StateReason }));
}
