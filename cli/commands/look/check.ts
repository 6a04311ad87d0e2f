/** `check`: whether the stack works, and whether somebody hears of it when it does not. */
import type { Command } from 'commander';
import { connect, type StackHandles } from '../../aws/stack.ts';
import { readStackAlarms } from '../../aws/stack-alarms.ts';
import { checkStack } from '../../checks/check-stack.ts';
import type { CheckContext } from '../../checks/context.ts';
import type { Finding } from '../../checks/finding.ts';
import { chooseTestAlarms, fire, type TestAlarm } from '../../checks/fire.ts';
import { addStackOptions, type StackOptions } from '../../options/stack-options.ts';
import { ask, canAsk } from '../../terminal/ask.ts';
import { usageError } from '../../terminal/command-error.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { progressOf } from '../../terminal/progress.ts';
import { hang, printable } from '../../terminal/text.ts';
import { examples, PRODUCTION } from '../../terminal/words.ts';
import { title } from './status.ts';

interface CheckOptions extends StackOptions {
  readonly fire?: boolean;
  readonly yes?: boolean;
  readonly drift: boolean;
  readonly history: boolean;
}

const EXAMPLES = `
${examples(
  `check --stack ${PRODUCTION}`,
  `check --fire --stack ${PRODUCTION}`,
  'check --no-drift --local',
  `check --no-history --stack ${PRODUCTION}`,
  "check --json | jq '.findings[] | select(.ok | not)'",
)}

Checks the subscriptions of the topics, the consumers' mappings, queues and concurrency, the keys, the alarms and
their last notifications, and drift. Only --fire changes anything: after asking, it sets one alarm of each severity
to ALARM as a test and back, so each sends two messages.

Drift detection reads every resource with your permissions, which the operator's policy does not include: use
--no-drift. CloudWatch keeps the history of an alarm for a limited time. No notification within that time counts as a
problem: --fire makes one, --no-history skips the check.
Nobody is subscribed to the alarms of a local stack, which counts as a problem.

Exits with 0 if all is well, with 1 if something is wrong or could not be checked, with 2 for wrong usage and with
130 after Ctrl-C.`;

export function define(command: Command, io: Io): void {
  command
    .description('Checks what a deployment can leave undone: a line for each finding, with what to do.')
    .option('--fire', 'set an alarm of each severity to ALARM, to test its notification')
    .option('--yes', 'do not ask')
    .option('--no-drift', 'skip drift detection')
    .option('--no-history', 'skip the last notifications of the alarms');
  addStackOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (options: CheckOptions) => {
      io.exitCode = await check(options, io);
    });
}

const MARGIN = 9;

/** @returns the exit code */
async function check(options: CheckOptions, io: Io): Promise<number> {
  if (options.fire && !options.yes && !canAsk(io)) {
    throw usageError('There is no terminal to ask on: add --yes to set alarms to ALARM without being asked');
  }
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const context: CheckContext = { clients, stack, options, signal };
  const tests = options.fire
    ? chooseTestAlarms(context, await readStackAlarms(clients.cloudWatch, stack.name))
    : [];
  if (tests.some(({ alarm }) => alarm) && !options.yes && !(await isAgreed(tests, signal, io))) {
    io.say('No alarm was set.');
    return signal.aborted ? INTERRUPTED : 1;
  }
  const step = progressOf(io, { silent: options.json === true }).step(`Checking ${stack.name}`);
  const fired = await fire(tests, context, (what) => step.update(`Waiting ${what}`));
  step.update(`Checking ${stack.name}`);
  const findings = signal.aborted ? fired : [...(await checkStack(context, options)), ...fired];
  if (signal.aborted) {
    step.fail('Stopped checking');
    return INTERRUPTED;
  }
  step.done(`Checked ${stack.name}`);
  const ok = findings.every((each) => each.ok);
  if (options.json) io.printJson({ ...about(stack), ok, findings: findings.map(findingObject) });
  else io.print(checkText(findings, stack, io));
  return ok ? 0 : 1;
}

async function isAgreed(tests: readonly TestAlarm[], signal: AbortSignal, io: Io): Promise<boolean> {
  for (const { topic, alarm } of tests) {
    if (alarm)
      io.say(printable(`${alarm.name} will be set to ALARM and back, and tell the ${topic.severity} topic.`));
  }
  const answer = await ask('Set them? [y/N] ', signal, io);
  return /^y(es)?$/i.test(answer ?? '');
}

function about({ name, region }: StackHandles): object {
  return { stack: name, region, at: new Date().toISOString() };
}

/** The --json output. */
function findingObject({ subject, ok, says, toDo }: Finding): object {
  return { subject, ok, says, toDo: toDo ?? null };
}

function checkText(findings: readonly Finding[], stack: StackHandles, io: Io): string {
  const wrong = findings.filter(({ ok }) => !ok).length;
  const end =
    wrong === 0
      ? io.colour('green', 'All is well.')
      : io.colour('red', `Not well: ${wrong} of ${findings.length}.`);
  return [title(stack), ...findings.map((each) => findingLine(each, io)), '', end].join('\n');
}

function findingLine({ subject, ok, says, toDo }: Finding, io: Io): string {
  const head = ok ? io.colour('green', 'ok') : io.colour('red', 'PROBLEM');
  const blanks = ' '.repeat(MARGIN - (ok ? 2 : 7));
  const text = `${subject}: ${says}${toDo === undefined ? '' : `. To do: ${toDo}`}`;
  return hang(head + blanks, printable(text), MARGIN);
}
