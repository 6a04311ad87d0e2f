import { printable } from '../../cli/terminal/text.ts';
import { named } from '../../cli/terminal/words.ts';

/** Something that is not as it should be; `consumer` and, where it is about one, the ID of the event. */
export interface Difference {
  readonly consumer: string;
  readonly id?: string | undefined;
  readonly problem: string;
}

export interface Differences {
  /** What should be there and is not. */
  readonly missing: Difference[];
  /** What is there and should not be. */
  readonly unexpected: Difference[];
}

/** How many differences a report for people spells out. */
const SHOWN_DIFFERENCES = 20;

/** A line for each difference, up to twenty, and one with the number of those left out; each ends with a line break. */
export function differenceLines(heading: string, differences: Difference[]): string {
  const lines = differences
    .slice(0, SHOWN_DIFFERENCES)
    .map(({ consumer, id, problem }) => [`  ${heading}: ${consumer}`, id, problem].filter(Boolean).join(', '))
    .map((line) => printable(line));
  const left = differences.length - lines.length;
  if (left > 0) lines.push(`  ${heading}: ${left} more (--json lists all)`);
  return lines.map((each) => `${each}\n`).join('');
}

/** The differences with the ID under the domain's name for it, for JSON. */
export function differencesObject({ missing, unexpected }: Differences): object {
  const shown = (differences: readonly Difference[]) =>
    differences.map(({ consumer, id, problem }) => ({ consumer, ...named(id), problem }));
  return { missing: shown(missing), unexpected: shown(unexpected) };
}
