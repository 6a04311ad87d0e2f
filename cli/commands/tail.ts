/** `orders tail`: what a consumer's function logs. */
import path from 'node:path';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { localDirectory } from '../aws/local-stack.ts';
import { connect, consumerOf } from '../aws/stack.ts';
import { describeLine, type LogLine } from '../logs/log-lines.ts';
import { type LogRequest, readLogFile, readLogGroup } from '../logs/log-source.ts';
import type { StackOptions } from '../options/stack-options.ts';
import type { Io } from '../terminal/io.ts';
import { time } from '../terminal/text.ts';
import type { TailOptions } from '../usage/tail.ts';

/** @returns the exit code */
export async function tail(name: string, options: TailOptions, io: Io): Promise<number> {
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const { order, level: least, since: from, follow = false } = options;
  const request = {
    from,
    follow,
    signal,
    ...(order !== undefined && { order }),
    ...(least !== undefined && { level: least }),
  };
  let lines = 0;
  for await (const line of source(clients, consumerOf(stack, name), request, options)) {
    if (options.json) io.printJson(line.entry);
    else io.print(describeLine(line, io));
    lines++;
  }
  if (lines === 0 && !signal.aborted) io.say(`Nothing of that kind since ${time(from)}`);
  return 0;
}

function source(
  { cloudWatchLogs }: Clients,
  { functionName, logGroup }: ConsumerHandles,
  request: LogRequest,
  { local }: StackOptions,
): AsyncIterable<LogLine> {
  if (local) return readLogFile(path.join(localDirectory(), 'logs', `${functionName}.log`), request);
  return readLogGroup(cloudWatchLogs, logGroup, request);
}
