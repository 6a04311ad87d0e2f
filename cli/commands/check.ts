/** `orders check`: whether a stack is set up so that it works, and so that somebody is told when it does not. */
import { connect, type StackHandles } from '../aws/stack.ts';
import { readStackAlarms } from '../aws/stack-alarms.ts';
import { checkStack } from '../checks/check-stack.ts';
import type { CheckContext } from '../checks/context.ts';
import type { Finding } from '../checks/finding.ts';
import { chooseTestAlarms, fire, type TestAlarm } from '../checks/fire.ts';
import { ask, canAsk } from '../terminal/ask.ts';
import { usageError } from '../terminal/command-error.ts';
import { INTERRUPTED } from '../terminal/interrupt.ts';
import type { Io } from '../terminal/io.ts';
import { hang, printable } from '../terminal/text.ts';
import type { CheckOptions } from '../usage/check.ts';
import { title } from './status.ts';

const MARGIN = 9;

/** @returns the exit code */
export async function check(options: CheckOptions, io: Io): Promise<number> {
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
  const step = io.progress({ silent: options.json === true }).step(`Checking ${stack.name}`);
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

/** The same for programs. */
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
