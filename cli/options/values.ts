/** Parsers of option values. Each throws InvalidArgumentError, which says what is allowed. */
import { InvalidArgumentError, Option } from 'commander';
import { ID } from '../../contract/ids.ts';
import { withArticle } from '../../contract/names.ts';
import { ID_FIELD, NOUN } from '../terminal/words.ts';

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
const TIME = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/;

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** A share like `10%`, as a number from 0 to 1. */
export function share(text: string): number {
  const value = /^\d+(\.\d+)?%$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (value <= 100) return value / 100;
  throw new InvalidArgumentError('It must be a share from 0% to 100%, like 10%.');
}

export function positive(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

/** A time like `2026-11-22T17:00:00Z`. */
export function time(text: string): Date {
  const date = new Date(text);
  if (TIME.test(text) && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError('It must be a time like 2026-11-22T17:00:00Z.');
}

/** A day like `2026-11-22`, which means its start in UTC, or a time. */
export function dayOrTime(text: string): Date {
  const date = new Date(text);
  if (/^\d{4}-\d\d-\d\d(T.*(Z|[+-]\d\d:\d\d))?$/.test(text) && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError('It must be a day like 2026-11-22, or a time like 2026-11-22T17:00:00Z.');
}

/** A point in the past: `90s`, `15m`, `2h`, `3d` ago, or a time. */
export function since(text: string, now = Date.now()): Date {
  const [, number, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const date =
    number === undefined ? new Date(text) : new Date(now - Number(number) * (SECONDS[unit] ?? 0) * 1000);
  if ((number !== undefined || TIME.test(text)) && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError(
    'It must be a time ago like 15m, 2h or 3d, or a time like 2026-11-22T17:00:00Z.',
  );
}

/** The ID of an event. */
export function eventId(text: string): string {
  if (ID.pattern.test(text)) return text;
  throw new InvalidArgumentError(`It must be ${withArticle(ID_FIELD)}: ${ID.words}.`);
}

/** An option that is named by the domain, and read under a name of ours. */
export class DomainOption extends Option {
  private readonly attribute: string;

  constructor(flags: string, description: string, attribute: string) {
    super(flags, description);
    this.attribute = attribute;
  }

  override attributeName(): string {
    return this.attribute;
  }
}

/** The option, such as `--event <eventId>`, that selects by ID; read as `id`. */
export function idOption(description: string): Option {
  return new DomainOption(`--${NOUN} <${ID_FIELD}>`, description, 'id');
}
