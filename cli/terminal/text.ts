/** Formats numbers, counts, times, tables and lines for people. */
import { stripVTControlCharacters } from 'node:util';

/** The width that every output fits. */
const COLUMNS = 80;

/** `1,204`. */
export function format(number: number): string {
  return number.toLocaleString('en-US');
}

/** `1 message`, `1,204 messages`. @param several its plural, where it is no mere `s` */
export function count(number: number, noun: string, several?: string): string {
  return `${format(number)} ${plural(number, noun, several)}`;
}

/** `message` for one, else `messages`. */
export function plural(number: number, noun: string, several = `${noun}s`): string {
  return number === 1 ? noun : several;
}

/**
 * Aligns rows in columns, two blanks apart; the first column is left-aligned, the others are right-aligned.
 * @param left indexes of further left-aligned columns
 */
export function table(rows: readonly (readonly string[])[], left: readonly number[] = []): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? ''))),
  );
  const blanks = (text: string, column: number) =>
    ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(text)));
  const cell = (text: string, column: number) =>
    column === 0 || left.includes(column) ? text + blanks(text, column) : blanks(text, column) + text;
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

/**
 * A head followed by text, wrapped at blanks to lines of at most 80 columns; the text is indented by `indent`. A word that
 * is longer than a line gets a line of its own.
 */
export function hang(head: string, text: string, indent: number): string {
  const margin = ' '.repeat(indent);
  const lines = [head.padEnd(indent + head.length - widthOf(head))];
  let isEmpty = true;
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (isEmpty) lines[lines.length - 1] = line + word;
    else if (widthOf(line) + 1 + widthOf(word) <= COLUMNS) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(margin + word);
    isEmpty = false;
  }
  return lines.join('\n');
}

/** `2026-11-22 18:09:04Z`; `an unknown time` for an invalid date. */
export function time(date: Date): string {
  if (Number.isNaN(date.getTime())) return 'an unknown time';
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
}

/** A duration: `45 s`, `12 min`, `3 h`, `2 d`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `812 bytes`, `16.4 KiB`, `1.2 MiB`, `3,400.0 MiB`. */
export function byteSize(bytes: number): string {
  if (bytes < 2 ** 10) return count(bytes, 'byte');
  const [size, unit] = bytes < 2 ** 20 ? [bytes / 2 ** 10, 'KiB'] : [bytes / 2 ** 20, 'MiB'];
  return `${size.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })} ${unit}`;
}

/** The width of a text on a terminal. */
export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

/**
 * Control characters other than line breaks and tabs, characters that change the direction of text, lone surrogates and
 * noncharacters. The two joiners stay: some scripts need them.
 */
const UNPRINTABLE = /[^\P{C}\t\n\u{200C}\u{200D}]|[\u{2028}\u{2029}]/gu;

/**
 * Makes foreign text (bodies, reasons, names, answers of servers) safe for a terminal: replaces control characters and those
 * that disguise text, and truncates it. All such text goes through here.
 * @param limit maximum length of the result
 */
export function printable(text: string, limit = 2_000): string {
  const clean = text.replace(UNPRINTABLE, '\u{FFFD}');
  return clean.length <= limit ? clean : `${clean.slice(0, limit - 1)}…`;
}

/** JSON in one line with such characters escaped: the same value for a program, and safe on a terminal. */
export function json(value: unknown): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(UNPRINTABLE, (text) => Array.from(text.split(''), escaped).join(''));
}
