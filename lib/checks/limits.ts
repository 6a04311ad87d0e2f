/** Checks of settings against AWS's limits, each fault told in one line. */
import type { IConstruct } from 'constructs';

/** A setting that cannot be deployed. Its message is the whole story: print it without a stack trace. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** What a number may be, and the page that says so. */
export interface Range {
  readonly min: number;
  readonly max: number;
  /** @default - a bare count */
  readonly unit?: string;
  /** @default - not a limit of AWS */
  readonly source?: string;
}

/**
 * Checks that a setting is a whole number within a range.
 *
 * @throws ConfigError naming the construct, the value and the range
 */
export function checkWithin(scope: IConstruct, setting: string, value: number, range: Range): void {
  if (Number.isInteger(value) && value >= range.min && value <= range.max) return;
  const unit = range.unit ? ` ${range.unit}` : '';
  const allowed = Number.isFinite(range.max)
    ? `from ${range.min} to ${range.max}${unit}`
    : `of at least ${range.min}${unit}`;
  fail(scope, `${setting} is ${value}${unit}, but must be a whole number ${allowed}`, range.source);
}

/**
 * Checks that no number among settings is negative: Duration and Size refuse those, but do not say which it was.
 *
 * @param owner where the settings stand, such as `consumers.billing in lib/config.ts`
 * @throws ConfigError naming the setting and its value
 */
export function checkNotNegative(owner: string, settings: object): void {
  for (const [setting, value] of Object.entries(settings)) {
    if (typeof value === 'number' && value < 0) {
      throw new ConfigError(`${owner}: ${setting} is ${value}, but must not be negative`);
    }
  }
}

/**
 * Refuses a setting.
 *
 * @throws ConfigError always, as one line: the construct's path, the fault, and the page that says so
 */
export function fail(scope: IConstruct, fault: string, source?: string): never {
  throw new ConfigError(`${scope.node.path}: ${fault}${source ? ` (${source})` : ''}`);
}
