/** Checks of settings, each problem reported in one line. */
import { Errors } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { ARCHIVE } from '../../contract/archive.ts';
import { isKebabCase } from '../../contract/names.ts';
import { UNROUTED } from '../../contract/stack-outputs.ts';

/** A setting that cannot be deployed. Only its message is printed: no stack trace. */
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

/** The error for a construct's setting, in one line: the construct's path, the problem, and the page that says so. */
export function invalid(scope: IConstruct, problem: string, source?: string): ConfigError {
  return new ConfigError(`${scope.node.path}: ${problem}${source ? ` (${source})` : ''}`);
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
  throw invalid(scope, `${setting} is ${value}${unit}, but must be a whole number ${allowed}`, range.source);
}

/**
 * Checks that each number among settings is whole and not negative: Duration and Size refuse others as well, but do not say
 * which setting it was.
 *
 * @param owner where the settings are, such as `consumers.billing in lib/config.ts`
 * @throws ConfigError naming the setting and its value
 */
export function checkWholeNumbers(owner: string, settings: object): void {
  for (const [setting, value] of Object.entries(settings)) {
    if (typeof value !== 'number' || (Number.isInteger(value) && value >= 0)) continue;
    throw new ConfigError(`${owner}: ${setting} is ${value}, but must be a whole number, 0 or more`);
  }
}

const RESERVED_NAMES = new Map([
  [UNROUTED, 'the queue of messages that nobody takes'],
  [ARCHIVE, 'the consumer of the archive, which is a setting of the stage'],
]);

/** @throws ConfigError for a name, of a consumer or a table, that no ID can be made of, or that is reserved */
export function checkName(name: string): void {
  const reservedFor = RESERVED_NAMES.get(name);
  if (reservedFor !== undefined) throw new ConfigError(`"${name}" is ${reservedFor}: choose another name`);
  if (isKebabCase(name)) return;
  throw new ConfigError(`"${name}" is not a name in kebab-case, such as billing or credit-notes`);
}

/**
 * What to print, without a stack trace, for a wrong setting that this project or CDK has found: a line for each resource.
 * Undefined for any other error.
 */
export function settingProblem(error: unknown): string | undefined {
  if (error instanceof ConfigError) return error.message;
  const [, twice] = /^There is already a Construct with name '(\w+)'/.exec((error as Error).message) ?? [];
  if (twice)
    return `two things would be ${twice} in the stack: give a consumer, its table or the domain's topic another name`;
  if (!Errors.isValidationError(error)) return undefined;
  const { constructPath, message } = error;
  // CDK lists what is wrong with a construct's props line by line, under a heading.
  const line = message.replace(/\s*\n[\s-]*/g, ' ');
  return constructPath ? `${constructPath}: ${line}` : line;
}
