// `orders tail`: what a consumer's function logs.

import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isOrderId } from '../contract/order.ts';
import type { ConsumerHandles } from '../contract/stack-outputs.ts';
import type { Clients } from './clients.ts';
import { Fault } from './fault.ts';
import { untilInterrupted } from './interrupt.ts';
import { describeLine, LEVELS, type Level, type LogLine } from './log-lines.ts';
import { type LogRequest, readLogFile, readLogGroup } from './log-source.ts';
import { since } from './since.ts';
import {
  addStackOptions,
  connect,
  consumerOf,
  LOCAL_DIRECTORY,
  type StackHandles,
  type StackOptions,
} from './stack.ts';
import { time } from './table.ts';

interface Options extends StackOptions {
  readonly order?: string;
  readonly level?: Level;
  readonly since: Date;
  readonly follow?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- tail billing --local --follow
  npm run orders -- tail inventory --order 4711 --since 2h
  npm run orders -- tail shipping --level WARN --since 2026-11-22T17:00:00Z --stack OrderFanOut-prod

Reads CloudWatch Logs on AWS, and .local/logs with --local. Metrics are left out.
Exits with 0, also after Ctrl-C, which ends --follow; with 2 for wrong usage.`;

/** Adds the verb to the command line. */
export function addTail(program: Command): void {
  const command = program
    .command('tail')
    .argument('<consumer>', 'whose log')
    .summary('what a consumer logs')
    .description("Prints the log of a consumer's function.")
    .option('--order <orderId>', 'only what is about this order', orderId)
    .addOption(new Option('--level <level>', `this and worse: ${LEVELS.join(', ')}`).argParser(level))
    .addOption(
      new Option('--since <time>', '90s, 15m, 2h, 3d ago, or a time like 2026-11-22T17:00:00Z')
        .argParser((text) => since(text))
        .default(since('15m'), '15m'),
    )
    .option('--follow', 'go on with what is logged from now on, until Ctrl-C');
  addStackOptions(command)
    .option('--json', 'print the entries as they are, a JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(tail);
}

async function tail(name: string, options: Options): Promise<void> {
  const signal = untilInterrupted();
  const { clients, stack } = await connect(options);
  const { order, level: least, since: from, follow = false } = options;
  const request = {
    from,
    follow,
    signal,
    ...(order !== undefined && { order }),
    ...(least !== undefined && { level: least }),
  };
  let lines = 0;
  for await (const line of source(clients, stack, consumerOf(stack, name), request, options)) {
    console.log(options.json ? JSON.stringify(line.entry) : describeLine(line));
    lines++;
  }
  if (lines === 0 && !signal.aborted) console.error(`Nothing of that kind since ${time(from)}`);
}

function source(
  { cloudWatchLogs }: Clients,
  stack: StackHandles,
  { functionName, logGroup }: ConsumerHandles,
  request: LogRequest,
  { local }: StackOptions,
): AsyncIterable<LogLine> {
  if (local) return readLogFile(path.join(LOCAL_DIRECTORY, 'logs', `${functionName}.log`), request);
  if (logGroup !== undefined) return readLogGroup(cloudWatchLogs, logGroup, request);
  throw new Fault(
    `Stack "${stack.name}" does not say where ${functionName} logs: deploy its current version with \`npx cdk deploy ${stack.name}\``,
  );
}

function level(text: string): Level {
  const found = LEVELS.find((each) => each === text.toUpperCase());
  if (found) return found;
  throw new InvalidArgumentError(`It must be one of ${LEVELS.join(', ')}.`);
}

function orderId(text: string): string {
  if (isOrderId(text)) return text;
  throw new InvalidArgumentError('It must be an orderId: 1 to 64 letters, digits, "-" or "_".');
}
