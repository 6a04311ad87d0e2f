/** Sets one alarm of each severity to ALARM for a moment, and watches whether its topic accepts the notification. */
import { SetAlarmStateCommand, type StateValue } from '@aws-sdk/client-cloudwatch';
import { callerOf } from '../aws/caller.ts';
import { Deadline } from '../aws/deadline.ts';
import { explain, isDenied } from '../aws/errors.ts';
import type { StackAlarm } from '../aws/stack-alarms.ts';
import { time } from '../terminal/text.ts';
import { NOUNS } from '../terminal/words.ts';
import { type Action, actionsOn } from './alarm-history.ts';
import { rejection } from './alarms.ts';
import { type CheckContext, type OperationsTopic, operationsTopics } from './context.ts';
import { attempt, type Finding, problem, well } from './finding.ts';
import { confirmedAddresses } from './subscriptions.ts';

/** CloudWatch takes seconds. */
const TIMEOUT_MS = 60_000;
const PAUSE_MS = 1_000;

/** An alarm to set, and the topic that it notifies. */
export interface TestAlarm {
  readonly topic: OperationsTopic;
  /** Undefined where none will do. */
  readonly alarm: StackAlarm | undefined;
}

/**
 * For each topic an alarm that notifies it directly and is not in ALARM, where it would notify nobody. None that others depend on:
 * a composite alarm that was set by hand may stay so, and a release is rolled back by the alarms of its consumer.
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
        'no alarm could be set: none that notifies this topic directly has its actions enabled and is not in ALARM';
      findings.push(problem(subject, says, 'resolve those that are in ALARM, and try again'));
      continue;
    }
    onWaiting(`until ${alarm.name} has notified the ${topic.severity} topic`);
    findings.push(...(await attempt(subject, () => fireOne(subject, topic, alarm, context))));
  }
  return findings;
}

async function fireOne(
  subject: string,
  topic: OperationsTopic,
  alarm: StackAlarm,
  { clients, options, signal }: CheckContext,
): Promise<Finding[]> {
  const { name } = alarm;
  const set = (state: string, StateReason: string) =>
    clients.cloudWatch.send(
      new SetAlarmStateCommand({ AlarmName: name, StateValue: state as StateValue, StateReason }),
    );
  // The histories are the newest first.
  const lastAction = async (): Promise<Action | undefined> =>
    (await actionsOn(topic.arn, [alarm], clients.cloudWatch))[0];
  const who = await callerOf(clients.sts, options.local === true);
  const before = await lastAction();

  /** The next notification; undefined if there was none in time. By CloudWatch's clock, not this machine's. */
  const nextAction = async () => {
    const deadline = new Deadline(TIMEOUT_MS, signal);
    for (;;) {
      const last = await deadline.retry(lastAction);
      if (last !== undefined && (before === undefined || last.at > before.at)) return last;
      if (deadline.isOver) return undefined;
      await deadline.wait(PAUSE_MS);
    }
  };
  const test = async (): Promise<Finding[]> => {
    // Even if the response is lost, the alarm may be set.
    await set('ALARM', `This is a test by ${who}: ${NOUNS} check --fire. Nothing is wrong.`);
    const action = await nextAction();
    if (signal.aborted) return [];
    if (action === undefined) {
      const says = `${name} was set to ALARM, and has not notified the topic within ${TIMEOUT_MS / 1000} s`;
      return [problem(subject, says, 'look at its history in the CloudWatch console')];
    }
    if (action.error !== undefined) {
      return [problem(subject, rejection(action), 'fix what it says, and try again')];
    }
    const addresses = await confirmedAddresses(clients.sns, topic.arn);
    const where =
      addresses.length > 0 ? `look for it at ${addresses.join(', ')}` : 'nobody is subscribed to it';
    return [well(subject, `${name} told the topic at ${time(action.at)}: ${where}`)];
  };
  /**
   * Restores the alarm's state. Its next evaluation would do so too; but if that finds ALARM, it would notify nobody, because the
   * state would not change.
   */
  const reset = async (): Promise<Finding[]> => {
    try {
      await set(alarm.state, `The test by ${who} is over: ${NOUNS} check --fire.`);
      return [];
    } catch (error) {
      // Then it was not set in the first place.
      if (isDenied(error)) return [];
      const says = `${name} could not be set back to ${alarm.state}: ${explain(error) ?? error}`;
      return [problem(subject, says, 'check that it recovers within a few minutes')];
    }
  };
  let findings: Finding[] = [];
  let left: Finding[] = [];
  try {
    findings = await attempt(subject, test);
  } finally {
    left = await reset();
  }
  return [...findings, ...left];
}
