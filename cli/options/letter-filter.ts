/** The options that narrow down which dead letters a verb is about. */
import { type Command, InvalidArgumentError } from 'commander';
import { since } from './values.ts';

export interface LetterFilter {
  readonly reason?: string;
  readonly order?: string;
  readonly since?: Date;
}

/** Gives a command the options of LetterFilter. */
export function addLetterFilter(command: Command): Command {
  return command
    .option('--reason <text>', 'only those whose reason has this in it, in any case', reasonText)
    .option('--order <orderId>', 'only those of this order')
    .option('--since <time>', 'only those from then on: 15m, 2h, 3d or 2026-11-22T17:00:00Z', (text) =>
      since(text),
    );
}

function reasonText(text: string): string {
  if (text.trim() === '')
    throw new InvalidArgumentError('It must be a part of a reason, like SchemaViolation.');
  return text;
}

/** The filter as it is typed: `['--reason', "'slow down'"]`. */
export function typedFilter({ reason, order, since: from }: LetterFilter): string[] {
  return [...typed('--reason', reason), ...typed('--order', order), ...typed('--since', from?.toISOString())];
}

/** An option as it is typed, in quotes where a shell needs them; nothing for one that was not given. */
export function typed(name: string, value: string | number | undefined): string[] {
  if (value === undefined) return [];
  const text = String(value);
  return [name, /^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`];
}
