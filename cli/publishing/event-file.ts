/** Reads events from a file or standard input: JSON Lines, a JSON array, or a single event. */
import { domain } from '#domain';
import { type AnyEvent, digestOf } from '../../contract/event-catalogue.ts';
import type { Io } from '../terminal/io.ts';
import { readText } from '../terminal/read-text.ts';
import { format, printable } from '../terminal/text.ts';
import { ID_FIELD, NOUN } from '../terminal/words.ts';
import { type EventMessage, messageSize } from './batches.ts';
import { MAX_TOPIC_BYTES } from './destinations.ts';

export interface FileProblem {
  /** From 1: where the event begins, or where the JSON is broken. */
  readonly line: number;
  /** Path of the field, like `items[0].quantity`, or the noun of the domain for the event as a whole. */
  readonly field: string;
  readonly message: string;
}

export interface EventFile {
  readonly messages: EventMessage[];
  /** How many of `messages` repeat an earlier one. */
  readonly duplicates: number;
  /** The number of distinct messages that create a record, and that change one. */
  readonly counts: Readonly<Record<ReturnType<typeof domain.events.effectOf>, number>>;
  /** By line. Nothing may be published while there is one. */
  readonly problems: FileProblem[];
}

interface Found {
  readonly line: number;
  readonly value: unknown;
}

const MAX_LISTED = 20;

/**
 * Reads the events in `file`, or on standard input for `-`.
 * @throws CommandError for a file that cannot be read, is too large or is not UTF-8
 */
export async function readEventFile(file: string, stdin: NodeJS.ReadableStream): Promise<EventFile> {
  return parseEvents(await readText(file, stdin));
}

/** Prints the first problems, a line each. */
export function listProblems(file: string, problems: readonly FileProblem[], io: Io): void {
  const name = file === '-' ? 'standard input' : file;
  for (const { line, field, message } of problems.slice(0, MAX_LISTED)) {
    io.say(printable(`${name}:${line}: ${field} ${message}`));
  }
  if (problems.length > MAX_LISTED) io.say(`… and ${format(problems.length - MAX_LISTED)} more`);
}

/** Checks every event in `text`, a JSON array where it begins with `[`, else JSON Lines or one event over several lines. */
export function parseEvents(text: string): EventFile {
  const problems: FileProblem[] = [];
  const messages: EventMessage[] = [];
  const known = new Map<string, { line: number; digest: string }>();
  const counts = { creates: 0, changes: 0 };
  let duplicates = 0;
  for (const { line, value } of findValues(text, problems)) {
    const result = domain.events.check(value);
    if ('problems' in result) {
      problems.push(...result.problems.map((problem) => ({ line, ...problem })));
      continue;
    }
    const { event } = result;
    const message = toMessage(event, value);
    const size = messageSize(message);
    if (size > MAX_TOPIC_BYTES) {
      problems.push({ line, field: NOUN, message: `has ${size} bytes, but SNS takes ${MAX_TOPIC_BYTES}` });
    }
    const id = domain.events.idOf(event);
    const key = `${event.eventType} ${id}`;
    const digest = contentOf(event);
    const earlier = known.get(key);
    if (earlier && earlier.digest !== digest) {
      problems.push({
        line,
        field: ID_FIELD,
        message: `${id} is also on line ${earlier.line}, with another content`,
      });
    }
    if (earlier) duplicates++;
    else {
      known.set(key, { line, digest });
      counts[domain.events.effectOf(event.eventType)]++;
    }
    messages.push(message);
  }
  if (messages.length === 0 && problems.length === 0) {
    problems.push({ line: 1, field: NOUN, message: 'is missing: there is none in the file' });
  }
  return { messages, duplicates, counts, problems: problems.sort((a, b) => a.line - b.line) };
}

/** What two messages of a type with one ID must share, or one of them would be refused. Of changes the first one stands. */
function contentOf(event: AnyEvent): string {
  return domain.events.effectOf(event.eventType) === 'creates' ? digestOf(event) : '';
}

/** The body keeps fields that the catalogue does not know: another consumer may. */
function toMessage(event: AnyEvent, value: unknown): EventMessage {
  const { events } = domain;
  return { body: JSON.stringify(value), attributes: events.attributesOf(event), id: events.idOf(event) };
}

function findValues(text: string, problems: FileProblem[]): Found[] {
  const start = text.search(/\S/);
  if (start === -1) return [];
  if (text[start] === '[') {
    const [array] = parseWhole(text, start, problems);
    const lines = array ? elementLines(text) : [];
    return ((array?.value as unknown[]) ?? []).map((value, index) => ({ line: lines[index] ?? 1, value }));
  }
  const [firstLine = ''] = /.*/.exec(text.slice(start)) ?? [];
  // A first line that is not JSON itself begins an event over several lines.
  if (firstLine.trim() === '{' || (!isJson(firstLine) && isJson(text))) {
    return parseWhole(text, start, problems);
  }
  return text.split('\n').flatMap((lineText, index) => {
    if (lineText.trim() === '') return [];
    try {
      return [{ line: index + 1, value: JSON.parse(lineText) }];
    } catch (error) {
      problems.push({ line: index + 1, field: NOUN, message: notJson(error) });
      return [];
    }
  });
}

/** The whole text as one value, or nothing and a problem on the line where it is broken. */
function parseWhole(text: string, start: number, problems: FileProblem[]): Found[] {
  try {
    return [{ line: lineAt(text, start), value: JSON.parse(text) }];
  } catch (error) {
    const position = Number(/at position (\d+)/.exec(String(error))?.[1] ?? text.trimEnd().length);
    problems.push({ line: lineAt(text, position), field: NOUN, message: notJson(error) });
    return [];
  }
}

/** The line on which each element of a valid JSON array begins. */
function elementLines(text: string): number[] {
  const lines: number[] = [];
  let line = 1;
  let depth = 0;
  let expectsElement = false;
  // A string is one token, so that brackets inside it do not count.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|\n|[^\s"]/g)) {
    if (token === '\n') {
      line++;
      continue;
    }
    const closes = token === ']' || token === '}';
    if (expectsElement && !closes) {
      lines.push(line);
      expectsElement = false;
    }
    if (token === '[' || token === '{') depth++;
    if (closes) depth--;
    if (depth === 1 && (token === ',' || lines.length === 0)) expectsElement = true;
  }
  return lines;
}

function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < position; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Why a text is not JSON, without the excerpt that V8 quotes: it may be somebody's address. */
export function notJson(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const reason = message
    .replace(/,? ?(\.\.\.)?".*" is not valid JSON$/s, '')
    .replace(/(?: in JSON)? at position .*$/s, '');
  return `is not JSON: ${reason}`;
}
