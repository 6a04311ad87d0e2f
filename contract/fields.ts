/** The kinds of fields that events are made of, and what is said of a value that is none. */
import * as z from 'zod/mini';
import { ID } from './ids.ts';

export const id = pattern(ID.pattern, ID.words);
/** In minor units of a currency. */
export const amount = wholeNumber(0, Number.MAX_SAFE_INTEGER);
export const flag = z.boolean(mustBe('true or false'));
export const time = z.iso.datetime(mustBe('an ISO 8601 date and time in UTC, like 2026-11-22T17:00:00Z'));

export const text = z.string(mustBe('text')).check(
  z.minLength(1, mustBe('1 to 200 characters')),
  z.maxLength(200, mustBe('1 to 200 characters')),
  // JSON can smuggle a lone surrogate in as "\ud800"; UTF-8, and so DynamoDB, has no way to write it.
  z.refine((value) => value.isWellFormed(), mustBe('well-formed Unicode')),
);

export function wholeNumber(min: number, max: number) {
  const what = mustBe(`a whole number from ${min} to ${max}`);
  return z.int(what).check(z.gte(min, what), z.lte(max, what));
}

export function literal<T extends string | number>(value: T) {
  return z.literal(value, mustBe(JSON.stringify(value)));
}

/** The message of a problem, free of the value: it ends up in logs and dead letters. */
export function mustBe(what: string) {
  return {
    error: (issue: { input?: unknown }) =>
      `${issue.input === undefined ? 'is missing, must' : 'must'} be ${what}`,
  };
}

/** One field of an event and what it must be. Holds no value of the event, so it may be logged. */
export type Problem = { field: string; message: string };

/** @param whole what the event itself is called, where no single field is wrong */
export function problemsOf({ issues }: z.core.$ZodError, whole: string): Problem[] {
  return issues.map(({ path, message }) => ({ field: fieldName(path) || whole, message }));
}

/** Text that matches. @param what it must be, in words */
export function pattern(expression: RegExp, what: string) {
  return z.string(mustBe(what)).check(z.regex(expression, mustBe(what)));
}

/** `['items', 0, 'quantity']` as `items[0].quantity`; empty for the event itself. */
function fieldName(path: readonly PropertyKey[]): string {
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return name.replace(/^\./, '');
}
