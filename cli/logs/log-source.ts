/** The lines of a function's log: from CloudWatch Logs, or from the file of a local stack. */
import fs from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout } from 'node:timers/promises';
import { type CloudWatchLogsClient, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs';
import { filterPattern, isWanted, type LogFilter, type LogLine, readLogLine } from './log-lines.ts';

export interface LogRequest extends LogFilter {
  readonly from: Date;
  /** Whether to wait for more, until the signal. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** From one look into a log group to the next. @default 3000 */
  readonly pauseMs?: number;
}

const FILE_PAUSE_MS = 250;
/** Of calls of this kind an account has few a second: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html */
const LOGS_PAUSE_MS = 3000;
/** A line may reach CloudWatch Logs so much later than others of its time. */
const LATE_MS = 60_000;

/** What was logged to a log group, in the sequence of CloudWatch Logs. @throws whatever the SDK throws */
export async function* readLogGroup(
  logs: CloudWatchLogsClient,
  logGroupName: string,
  request: LogRequest,
): AsyncGenerator<LogLine> {
  const { follow, signal, pauseMs = LOGS_PAUSE_MS } = request;
  const pattern = filterPattern(request);
  /** Event → its time, of those that the next call will bring again. */
  const seen = new Map<string, number>();
  for (let from = request.from.getTime(); !signal.aborted; ) {
    const pages = paginateFilterLogEvents(
      { client: logs },
      { logGroupName, startTime: from, ...(pattern && { filterPattern: pattern }) },
    );
    let latest = from;
    for await (const { events = [] } of pages) {
      for (const { eventId = '', message = '', timestamp = 0 } of events) {
        if (seen.has(eventId)) continue;
        seen.set(eventId, timestamp);
        latest = Math.max(latest, timestamp);
        const line = readLogLine(message, new Date(timestamp));
        if (line && isWanted(line, request)) yield line;
      }
      if (signal.aborted) return;
    }
    if (!follow) return;
    from = Math.max(from, latest - LATE_MS);
    for (const [eventId, timestamp] of seen) if (timestamp < from) seen.delete(eventId);
    await setTimeout(pauseMs, undefined, { signal }).catch(() => {});
  }
}

/** What stands in the file of a local function; nothing while it has not logged yet. */
export async function* readLogFile(file: string, request: LogRequest): AsyncGenerator<LogLine> {
  const { from, follow, signal } = request;
  const decoder = new StringDecoder('utf8');
  let offset = 0;
  let rest = '';
  let at = new Date(Number.NaN);
  do {
    for await (const chunk of existing(file, offset)) {
      offset += chunk.length;
      const lines = (rest + decoder.write(chunk)).split('\n');
      // The last line is incomplete.
      rest = lines.pop() ?? '';
      for (const text of lines) {
        // A line without a time was written after the line before it.
        const line = readLogLine(text, at);
        if (!line) continue;
        at = line.at;
        if (!(line.at < from) && isWanted(line, request)) yield line;
      }
      if (signal.aborted) return;
    }
    if (follow) await setTimeout(FILE_PAUSE_MS, undefined, { signal }).catch(() => {});
  } while (follow && !signal.aborted);
}

function existing(file: string, start: number): AsyncIterable<Buffer> | Buffer[] {
  return fs.existsSync(file) ? fs.createReadStream(file, { start }) : [];
}
