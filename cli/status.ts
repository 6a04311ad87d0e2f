// `orders status`: how each consumer is, and what to type next if something is wrong.
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { type AlarmOn, type ConsumerHealth, type Health, isWell, lookAtHealth, nextStep } from './health.ts';
import { addStackOptions, connect, type StackHandles, type StackOptions } from './stack.ts';
import { duration, format, hang, table, time } from './table.ts';

interface Options extends StackOptions {
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- status --local
  npm run orders -- status --stack OrderFanOut-prod
  npm run orders --silent -- status --json | jq '.consumers[] | select(.deadLetters > 0)'

Processed and oldest come from CloudWatch, which is a minute or two behind; the rest is of now.
Exits with 0 if all is well, with 1 if messages are dead-lettered or an alarm is on.`;

/** Adds the verb to the command line. */
export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('how each consumer is, and what to do if something is wrong')
    .description('Shows how each consumer is, and what to type next if something is wrong.');
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options) => {
      process.exitCode = await status(options);
    });
}

/** @returns the exit code */
async function status(options: Options): Promise<number> {
  const { clients, stack } = await connect(options);
  const health = await lookAtHealth(clients, stack);
  if (options.json) console.log(JSON.stringify(healthObject(health, stack, options)));
  else console.log(statusText(health, stack, options));
  return isWell(health) ? 0 : 1;
}

/** The same for programs. */
export function healthObject(health: Health, stack: StackHandles, options: StackOptions): object {
  const { at, consumers, alarms } = health;
  return {
    stack: stack.name,
    region: stack.region,
    at: at.toISOString(),
    ok: isWell(health),
    consumers: consumers.map(({ oldestSeconds = null, ...rest }) => ({ ...rest, oldestSeconds })),
    alarms,
    next: nextStep(health, options) ?? null,
  };
}

function statusText(health: Health, stack: StackHandles, options: StackOptions): string {
  const heads = ['', 'waiting', 'in flight', 'dead letters', 'oldest', 'done in 5 min', 'alarms'];
  const rows = health.consumers.map((consumer) => [
    consumer.name,
    format(consumer.waiting),
    format(consumer.inFlight),
    deadLetters(consumer),
    oldest(consumer),
    format(consumer.processed),
    alarms(consumer),
  ]);
  return [
    `${title(stack)}, ${time(health.at)}`,
    table([heads, ...rows]),
    ...alarmLines(health),
    '',
    verdict(health, options),
  ].join('\n');
}

export function title({ name, region }: StackHandles): string {
  return region === undefined ? name : `${name} in ${region}`;
}

/** A line, or more, for each alarm that is on. */
export function alarmLines({ consumers, alarms: others }: Health): string[] {
  const on = [...consumers.flatMap((consumer) => consumer.alarms), ...others];
  return on.length === 0 ? [] : ['', ...on.map(alarmLine)];
}

function alarmLine({ name, description, since, article }: AlarmOn): string {
  const parts = [description || name, since && `Since ${time(since)}.`, article && `See ${article}`];
  return hang(`${bad('ALARM')} `, parts.filter(Boolean).join(' '), 6);
}

/** Ends with what to type if something is wrong. */
export function verdict(health: Health, options: StackOptions): string {
  const next = nextStep(health, options);
  return next === undefined ? styleText('green', 'All is well.') : `Next: ${next}`;
}

export function deadLetters({ deadLetters: letters }: ConsumerHealth): string {
  return letters === 0 ? '0' : bad(format(letters));
}

export function oldest({ oldestSeconds }: ConsumerHealth): string {
  return oldestSeconds === undefined ? '-' : duration(oldestSeconds);
}

export function alarms({ alarms: on }: ConsumerHealth): string {
  return on.length === 0 ? '-' : bad(`${on.length} on`);
}

/** Red, on a terminal. */
function bad(text: string): string {
  return styleText('red', text);
}
