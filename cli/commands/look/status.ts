/** `status`: the state of each consumer, and the next command if something is wrong. */
import type { Command } from 'commander';
import { UNROUTED } from '../../../contract/stack-outputs.ts';
import { type AlarmOn, type ConsumerHealth, type Health, isWell, lookAtHealth } from '../../aws/health.ts';
import { connect, type StackHandles } from '../../aws/stack.ts';
import { addStackOptions, commandFor, type StackOptions } from '../../options/stack-options.ts';
import type { Io } from '../../terminal/io.ts';
import { count, duration, format, hang, printable, table, time } from '../../terminal/text.ts';
import { examples, PRODUCTION } from '../../terminal/words.ts';

const EXAMPLES = `
${examples(
  'status --local',
  `status --stack ${PRODUCTION}`,
  "status --json | jq '.consumers[] | select(.deadLetters > 0)'",
)}

"done" and "oldest" come from CloudWatch, which lags a minute or two; the rest is current.
Exits with 0 if all is well, with 1 if there are dead letters, a stopped consumer or an alarm in ALARM.`;

export function define(command: Command, io: Io): void {
  command.description('Shows the state of each consumer, and the next command if something is wrong.');
  addStackOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (options: StackOptions) => {
      io.exitCode = await status(options, io);
    });
}

/** Runbook article of an alarm whose cause is in the log → the log level to look for. */
const LOG_LEVELS: Record<string, string> = {
  'function-errors': 'ERROR',
  retrying: 'WARN',
  'oldest-message': 'WARN',
  'retention-at-risk': 'WARN',
};

/** @returns the exit code */
async function status(options: StackOptions, io: Io): Promise<number> {
  const { clients, stack } = await connect(options, io);
  const health = await lookAtHealth(clients, stack);
  if (options.json) io.printJson(healthObject(health, stack, options));
  else io.print(statusText(health, stack, options, io));
  return isWell(health) ? 0 : 1;
}

/** The --json output. */
export function healthObject(health: Health, stack: StackHandles, options: StackOptions): object {
  const { at, consumers, unrouted, alarms } = health;
  return {
    stack: stack.name,
    region: stack.region,
    at: at.toISOString(),
    ok: isWell(health),
    consumers: consumers.map(({ name, enabled = null, oldestSeconds = null, ...rest }) => ({
      name,
      enabled,
      ...rest,
      oldestSeconds,
    })),
    unrouted,
    alarms,
    next: nextStep(health, options) ?? null,
  };
}

function statusText(health: Health, stack: StackHandles, options: StackOptions, io: Io): string {
  const heads = ['', 'waiting', 'in flight', 'dead letters', 'oldest', 'done in 5 min', 'alarms'];
  const rows = health.consumers.map((consumer) => [
    nameOf(consumer, io),
    format(consumer.waiting),
    format(consumer.inFlight),
    deadLetters(consumer, io),
    oldest(consumer),
    format(consumer.processed),
    alarms(consumer, io),
  ]);
  return [
    `${title(stack)}, ${time(health.at)}`,
    table([heads, ...rows]),
    ...unknownLines(health),
    ...unroutedLines(health, io),
    ...alarmLines(health, io),
    '',
    nextLine(health, options, io),
  ].join('\n');
}

export function title({ name, region }: StackHandles): string {
  return region === undefined ? name : `${name} in ${region}`;
}

export function nameOf({ name, enabled }: ConsumerHealth, io: Io): string {
  return enabled === false ? `${name} ${io.colour('yellow', '(stopped)')}` : name;
}

/** The consumers whose event source mapping could not be read. */
function unknownLines({ consumers }: Health): string[] {
  const names = consumers.filter(({ enabled }) => enabled === undefined).map(({ name }) => name);
  if (names.length === 0) return [];
  const why = 'these credentials lack lambda:GetEventSourceMapping';
  return ['', hang('', `Unknown whether stopped: ${names.join(', ')} (${why})`, 0)];
}

/** A line if there are unrouted messages. */
export function unroutedLines({ unrouted }: Health, io: Io): string[] {
  if (unrouted === 0) return [];
  const what = io.colour('red', count(unrouted, 'message'));
  return [`${UNROUTED}: ${what} that no consumer's subscription asks for`];
}

/** What each alarm in ALARM means. */
export function alarmLines({ consumers, alarms: others }: Health, io: Io): string[] {
  const on = [...consumers.map((consumer) => consumer.alarms), others].flatMap(oncePerArticle);
  return on.length === 0 ? [] : ['', ...on.map((alarm) => alarmLine(alarm, io))];
}

/** Of alarms with the same article, the last by name: that there are dead letters, not that some arrived. */
function oncePerArticle(alarms: readonly AlarmOn[]): AlarmOn[] {
  const byArticle = Map.groupBy(alarms, ({ article, name }) => article ?? name);
  return [...byArticle.values()].flatMap((same) => same.at(-1) ?? []);
}

function alarmLine({ name, description, since, article }: AlarmOn, io: Io): string {
  const parts = [description || name, since && `Since ${time(since)}.`, article && `See ${article}`];
  return hang(`${io.colour('red', 'ALARM')} `, printable(parts.filter(Boolean).join(' ')), 6);
}

/** The last line: the next command if something is wrong. */
export function nextLine(health: Health, options: StackOptions, io: Io): string {
  const next = nextStep(health, options);
  return next === undefined ? io.colour('green', 'All is well.') : `Next: ${next}`;
}

export function deadLetters({ deadLetters: letters }: ConsumerHealth, io: Io): string {
  return letters === 0 ? '0' : io.colour('red', format(letters));
}

export function oldest({ oldestSeconds }: ConsumerHealth): string {
  return oldestSeconds === undefined ? '-' : duration(oldestSeconds);
}

export function alarms({ alarms: on }: ConsumerHealth, io: Io): string {
  return on.length === 0 ? '-' : io.colour('red', String(on.length));
}

/** The command to type, or the article to read, if something is wrong. */
export function nextStep(health: Health, options: StackOptions): string | undefined {
  const { consumers, unrouted, alarms } = health;
  const mostLetters = consumers.toSorted((a, b) => b.deadLetters - a.deadLetters)[0];
  if (mostLetters && mostLetters.deadLetters > 0) return commandFor(options, 'failed', mostLetters.name);
  const stopped = consumers.find(({ enabled }) => enabled === false);
  if (unrouted > 0) return commandFor(options, 'failed', UNROUTED);
  // A stopped consumer's alarms are expected.
  const running = consumers.filter(({ enabled }) => enabled !== false);
  for (const { name, alarms: on } of running) {
    for (const { article = '' } of on) {
      const level = LOG_LEVELS[article.split('#').at(-1) ?? ''];
      if (level) return commandFor(options, 'tail', name, '--level', level, '--since', '15m');
    }
  }
  const [first] = [...running.flatMap((consumer) => consumer.alarms), ...alarms];
  if (!first && stopped) return commandFor(options, 'start', stopped.name);
  return first && printable(first.article ? `read ${first.article}` : `look at the alarm ${first.name}`);
}
