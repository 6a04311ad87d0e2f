/** Whether every alarm notifies somebody, and whether one has lately. */
import { RELEASE_ALARM } from '../../contract/names.ts';
import { deployCommand } from '../aws/stack.ts';
import { logicalIdOf, readStackAlarms, type StackAlarm } from '../aws/stack-alarms.ts';
import { commandFor } from '../options/stack-options.ts';
import { count, time } from '../terminal/text.ts';
import { type Action, actionsOn } from './alarm-history.ts';
import { type CheckContext, type OperationsTopic, operationsTopics } from './context.ts';
import { attempt, type Finding, problem, well, wellUnless } from './finding.ts';

const SUBJECT = 'alarms';

/** @param history whether to check the alarms' last notifications too */
export async function checkAlarms(
  context: CheckContext,
  { history }: { readonly history: boolean },
): Promise<Finding[]> {
  const { clients, stack } = context;
  const alarms = await readStackAlarms(clients.cloudWatch, stack.name);
  if (alarms.length === 0) {
    const toDo = `recreate them with \`${deployCommand(stack.name)} --revert-drift\``;
    return [problem(SUBJECT, 'there are none, so nobody is notified of anything', toDo)];
  }
  const announced = checkAnnounced(alarms, stack.name);
  if (!history) return announced;
  const told = await Promise.all(
    operationsTopics(stack).map((topic) =>
      attempt(`${topic.severity} history`, () => checkHistory(topic, alarms, context)),
    ),
  );
  return [...announced, ...told.flat()];
}

/** An alarm notifies a topic itself or through a composite alarm, or rolls back a release. */
function checkAnnounced(alarms: readonly StackAlarm[], stackName: string): Finding[] {
  const announcing = alarms.filter(({ alarmActions }) => alarmActions.length > 0);
  const summedUp = new Set(announcing.flatMap(({ children }) => children));
  const problems = [
    ...announcing
      .filter(({ actionsEnabled }) => !actionsEnabled)
      .map(({ name }) =>
        problem(
          SUBJECT,
          `the actions of ${name} are disabled: it notifies nobody`,
          `\`aws cloudwatch enable-alarm-actions --alarm-names ${name}\``,
        ),
      ),
    ...alarms
      .filter(({ alarmActions }) => alarmActions.length === 0)
      .filter(({ name }) => !summedUp.has(name) && !tellsCodeDeploy(name, stackName))
      .map(({ name }) =>
        problem(
          SUBJECT,
          `${name} has no action, and is in no composite alarm: it notifies nobody`,
          `set its actions again with \`${deployCommand(stackName)} --revert-drift\``,
        ),
      ),
  ];
  return wellUnless(problems, SUBJECT, `${count(alarms.length, 'alarm')} announced`);
}

function tellsCodeDeploy(alarm: string, stackName: string): boolean {
  return logicalIdOf(alarm, stackName)?.includes(RELEASE_ALARM) ?? false;
}

/** Whether the topic accepted the last notification of any alarm. Only SNS knows what becomes of it then. */
async function checkHistory(
  topic: OperationsTopic,
  alarms: readonly StackAlarm[],
  { clients, options }: CheckContext,
): Promise<Finding[]> {
  const subject = `${topic.severity} history`;
  const fire = `try it with \`${commandFor(options, 'check', '--fire')}\``;
  const announcing = alarms.filter((each) => [...each.alarmActions, ...each.okActions].includes(topic.arn));
  const actions = await actionsOn(topic.arn, announcing, clients.cloudWatch);
  const last = actions.toSorted((one, other) => other.at.getTime() - one.at.getTime())[0];
  if (last === undefined) {
    const says = 'no alarm has notified this topic in the history that CloudWatch keeps';
    return [problem(subject, says, fire)];
  }
  if (last.error === undefined) return [well(subject, `the topic was last told at ${time(last.at)}`)];
  return [problem(subject, rejection(last), `fix that, and ${fire}`)];
}

/** Why an alarm's notification did not reach its topic. */
export function rejection({ alarm, at, error }: Action): string {
  return `the topic rejected the notification of ${alarm} at ${time(at)}: ${error}`;
}
