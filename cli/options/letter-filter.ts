/** The options that select dead letters. */
import { type Command, InvalidArgumentError } from 'commander';
import { NOUN } from '../terminal/words.ts';
import { idOption, since } from './values.ts';

export interface LetterFilter {
  readonly reason?: string;
  readonly id?: string;
  readonly since?: Date;
}

/** Gives a command the options of LetterFilter. */
export function addLetterFilter(command: Command): Command {
  return command
    .option('--reason <text>', 'only those whose reason contains this text, ignoring case', reasonText)
    .addOption(idOption(`only those of this ${NOUN}`))
    .option('--since <time>', 'only those since then: 15m, 2h, 3d or 2026-11-22T17:00:00Z', (text) =>
      since(text),
    );
}

function reasonText(text: string): string {
  if (text.trim() === '')
    throw new InvalidArgumentError('It must be a part of a reason, like SchemaViolation.');
  return text;
}

/** The options of a filter, to be typed in a shell: `['--reason', "'slow down'"]`. */
export function filterOptions({ reason, id, since: from }: LetterFilter): string[] {
  return [
    ...shellOption('--reason', reason),
    ...shellOption(`--${NOUN}`, id),
    ...shellOption('--since', from?.toISOString()),
  ];
}

/** An option to be typed in a shell, quoted if needed; nothing if its value is undefined. */
export function shellOption(name: string, value: string | number | undefined): string[] {
  if (value === undefined) return [];
  const text = String(value);
  return [name, /^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`];
}
