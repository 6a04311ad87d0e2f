/** Lines of a function's log: which are wanted, and how they are printed. */
import type { Io } from '../terminal/io.ts';
import { hang, printable, time } from '../terminal/text.ts';
import { ID_FIELD } from '../terminal/words.ts';

/** A line of a log. */
export interface LogLine {
  readonly at: Date;
  /** The structured entry. */
  readonly entry: Readonly<Record<string, unknown>>;
}

export interface LogFilter {
  /** Only those about the event with this ID. */
  readonly id?: string | undefined;
  /** And those that are worse. */
  readonly level?: Level | undefined;
}

/** As Lambda and Powertools name them, from bad to worse. */
export const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL', 'FATAL'] as const;
export type Level = (typeof LEVELS)[number];

const COLOURS: Partial<Record<Level, 'yellow' | 'red'>> = {
  WARN: 'yellow',
  ERROR: 'red',
  CRITICAL: 'red',
  FATAL: 'red',
};
/** Columns in front of the message: time, level. */
const MARGIN = 28;
/** What Lambda says of an invocation that failed as a whole. */
const REPORT = 'platform.report';
const FAILED = `($.type = "${REPORT}" && $.record.status != "success")`;

/**
 * Reads a line. One that is not JSON counts as a message at level INFO; metrics, and Lambda's reports of successful invocations,
 * are left out.
 * @param at when the line was ingested, where it has no time of its own
 */
export function readLogLine(text: string, at = new Date(Number.NaN)): LogLine | undefined {
  const entry = parse(text) ?? { level: 'INFO', message: text.trimEnd() };
  if ('_aws' in entry) return undefined;
  const own = new Date(String(entry.timestamp ?? entry.time));
  const line = { at: Number.isNaN(own.getTime()) ? at : own, entry };
  return isPlatform(entry) && !isFailure(entry) ? undefined : line;
}

export function isWanted({ entry }: LogLine, { id, level }: LogFilter): boolean {
  if (id !== undefined && entry[ID_FIELD] !== id) return false;
  return level === undefined || LEVELS.indexOf(levelOf(entry)) >= LEVELS.indexOf(level);
}

/**
 * The same for CloudWatch Logs, so that only those lines are sent; undefined for all.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
export function filterPattern({ id, level }: LogFilter): string | undefined {
  const levels = level === undefined ? [] : LEVELS.slice(LEVELS.indexOf(level));
  const terms = [
    ...(id === undefined ? [] : [`$.${ID_FIELD} = "${id}"`]),
    ...(levels.length === 0
      ? []
      : [`(${[...levels.map((each) => `$.level = "${each}"`), FAILED].join(' || ')})`]),
  ];
  return terms.length === 0 ? undefined : `{ ${terms.join(' && ')} }`;
}

/** Time, level and message, with what the entry says of an event or an error behind it. */
export function describeLine({ at, entry }: LogLine, io: Pick<Io, 'colour'>): string {
  const level = levelOf(entry);
  const colour = COLOURS[level];
  const head = `${Number.isNaN(at.getTime()) ? ' '.repeat(20) : time(at)} ${colour ? io.colour(colour, level) : level}`;
  const texts = isPlatform(entry) ? failureTexts(entry) : entryTexts(entry);
  return texts.map((text, index) => hang(index === 0 ? head : '', printable(text), MARGIN)).join('\n');
}

function entryTexts(entry: LogLine['entry']): string[] {
  const { message, attempt, requestId } = entry;
  const what = message === undefined ? (errorText(entry) ?? JSON.stringify(entry)) : String(message);
  const about = [entry[ID_FIELD], typeof attempt === 'number' && attempt > 1 && `try ${attempt}`];
  const errors = [entry.error, entry.sendError].map(errorText).filter((each) => each !== undefined);
  const isBad = LEVELS.indexOf(levelOf(entry)) >= LEVELS.indexOf('WARN');
  return [
    [what, ...about].filter(Boolean).join(', '),
    ...errors,
    ...(isBad && requestId ? [`request ${requestId}`] : []),
  ];
}

/** `ThrottlingException: slow down`, of an error as this project, Powertools or Lambda logs it. */
function errorText(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, message, errorType, errorMessage } = error as Record<string, unknown>;
  if (errorType !== undefined) return `${errorType}: ${errorMessage}`;
  return typeof name === 'string' ? `${name}: ${message}` : undefined;
}

function failureTexts(entry: LogLine['entry']): string[] {
  const record = (entry.record ?? {}) as Record<string, unknown>;
  const { status, errorType } = { ...entry, ...record };
  const why = entry.errorMessage ?? [status, errorType].filter(Boolean).join(', ');
  return [`the invocation failed: ${why}`, ...(record.requestId ? [`request ${record.requestId}`] : [])];
}

const isPlatform = ({ type }: LogLine['entry']) => typeof type === 'string' && type.startsWith('platform.');

/** Of an invocation as a whole: timeout, crash, out of memory. */
function isFailure({ type, record, errorType }: LogLine['entry']): boolean {
  if (type !== REPORT) return false;
  const status = (record as { status?: unknown } | undefined)?.status;
  return errorType !== undefined || (status !== undefined && status !== 'success');
}

function levelOf(entry: LogLine['entry']): Level {
  if (isFailure(entry)) return 'ERROR';
  return LEVELS.find((each) => each === String(entry.level).toUpperCase()) ?? 'INFO';
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
