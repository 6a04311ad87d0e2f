/** Decides as SNS does whether a subscription's filter policy lets a message through, going by its attributes. */
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { CommandError } from '../terminal/command-error.ts';

type Scalar = string | number | boolean | null;
type Test = (value: Scalar | undefined) => boolean;
type Attributes = Readonly<Record<string, MessageAttributeValue>>;

/**
 * Reads a filter policy of scope MessageAttributes. Without a policy everything passes.
 * @param policy the JSON of the subscription's attribute FilterPolicy
 * @returns whether a message with these attributes passes
 * @throws CommandError naming what is not known here
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
 */
export function parseFilterPolicy(policy: string | undefined): (attributes: Attributes) => boolean {
  if (!policy) return () => true;
  let fields: unknown;
  try {
    fields = JSON.parse(policy);
  } catch {
    throw new CommandError(`The filter policy is not JSON: ${policy}`);
  }
  if (!isObject(fields)) throw unknown('policy', fields);
  const keys = Object.entries(fields).map(([name, conditions]) => {
    if (name === '$or' || !Array.isArray(conditions)) throw unknown(name, conditions);
    return { name, tests: conditions.map((condition) => conditionTest(name, condition)) };
  });
  // All keys have to match, and of each key one condition. A message without any attribute passes no policy:
  // https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html
  return (attributes) =>
    (keys.length === 0 || Object.keys(attributes).length > 0) &&
    keys.every(({ name, tests }) => {
      const values = valuesOf(Object.hasOwn(attributes, name) ? attributes[name] : undefined);
      return tests.some((test) => values.some(test));
    });
}

function conditionTest(name: string, condition: unknown): Test {
  if (isScalar(condition)) return (value) => value === condition;
  const [[operator, operand] = ['', undefined], ...others] = isObject(condition)
    ? Object.entries(condition)
    : [];
  const test = others.length === 0 ? operatorTest(name, operator, operand) : undefined;
  if (!test) throw unknown(name, condition);
  return test;
}

/** https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html, numeric-value-matching.html, attribute-key-matching.html */
function operatorTest(name: string, operator: string, operand: unknown): Test | undefined {
  const isText = typeof operand === 'string';
  switch (operator) {
    case 'exists':
      return typeof operand === 'boolean' ? (value) => (value !== undefined) === operand : undefined;
    case 'prefix':
      return isText ? (value) => typeof value === 'string' && value.startsWith(operand) : undefined;
    case 'suffix':
      return isText ? (value) => typeof value === 'string' && value.endsWith(operand) : undefined;
    case 'equals-ignore-case':
      return isText
        ? (value) => typeof value === 'string' && value.toLowerCase() === operand.toLowerCase()
        : undefined;
    case 'anything-but': {
      const refused = [operand].flat().map((each) => conditionTest(name, each));
      return (value) => value !== undefined && !refused.some((test) => test(value));
    }
    case 'numeric':
      return Array.isArray(operand) ? rangeTest(operand) : undefined;
    default:
      return undefined;
  }
}

const COMPARISONS = new Map<unknown, (value: number, bound: number) => boolean>([
  ['=', (value, bound) => value === bound],
  ['<', (value, bound) => value < bound],
  ['<=', (value, bound) => value <= bound],
  ['>', (value, bound) => value > bound],
  ['>=', (value, bound) => value >= bound],
]);

/** Of `[">", 0, "<=", 150]` every pair has to hold. */
function rangeTest(terms: readonly unknown[]): Test | undefined {
  const bounds: ((value: number) => boolean)[] = [];
  for (let index = 0; index < terms.length; index += 2) {
    const compare = COMPARISONS.get(terms[index]);
    const bound = terms[index + 1];
    if (!compare || typeof bound !== 'number') return undefined;
    bounds.push((value) => compare(value, bound));
  }
  if (bounds.length === 0) return undefined;
  return (value) => typeof value === 'number' && bounds.every((holds) => holds(value));
}

/** What an attribute is compared by: a String.Array by each of its elements, binary data by nothing. */
function valuesOf(attribute: MessageAttributeValue | undefined): (Scalar | undefined)[] {
  if (attribute === undefined) return [undefined];
  const { DataType = '', StringValue = '' } = attribute;
  if (DataType === 'String.Array') {
    try {
      const elements: unknown = JSON.parse(StringValue);
      return Array.isArray(elements) ? elements.filter(isScalar) : [];
    } catch {
      return [];
    }
  }
  if (DataType === 'Number' || DataType.startsWith('Number.')) return [Number(StringValue)];
  return DataType.startsWith('String') ? [StringValue] : [null];
}

function isScalar(value: unknown): value is Scalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknown(name: string, condition: unknown): CommandError {
  return new CommandError(
    `Cannot follow the filter policy on "${name}": ${JSON.stringify(condition)} is not known here`,
  );
}
