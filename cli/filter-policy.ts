// Decides as SNS does whether a subscription's filter policy lets a message through, going by its attributes.
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { Fault } from './fault.ts';

type Attributes = Readonly<Record<string, MessageAttributeValue>>;
/** A test of one value; `undefined` where the attribute is absent. */
type Matcher = (value: string | number | boolean | null | undefined) => boolean;

/**
 * Reads a filter policy of scope MessageAttributes. Without a policy everything passes.
 * @param policy the JSON of the subscription's attribute FilterPolicy
 * @returns whether a message with these attributes passes
 * @throws Fault naming what is not known here
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
 */
export function parseFilterPolicy(policy: string | undefined): (attributes: Attributes) => boolean {
  if (!policy) return () => true;
  let fields: unknown;
  try {
    fields = JSON.parse(policy);
  } catch {
    throw new Fault(`The filter policy is not JSON: ${policy}`);
  }
  if (!isObject(fields)) throw unknown('policy', fields);
  const tests = Object.entries(fields).map(([name, conditions]) => {
    if (name === '$or' || !Array.isArray(conditions)) throw unknown(name, conditions);
    const matchers = conditions.map((condition) => matcher(name, condition));
    return { name, matchers };
  });
  // All keys have to match, and of each key one condition.
  return (attributes) =>
    tests.every(({ name, matchers }) => {
      const values = valuesOf(Object.hasOwn(attributes, name) ? attributes[name] : undefined);
      return matchers.some((matches) => values.some(matches));
    });
}

function matcher(name: string, condition: unknown): Matcher {
  if (isScalar(condition)) return (value) => value === condition;
  if (!isObject(condition)) throw unknown(name, condition);
  const [[operator, operand] = ['', undefined], ...others] = Object.entries(condition);
  if (others.length > 0) throw unknown(name, condition);
  switch (operator) {
    case 'exists':
      if (typeof operand !== 'boolean') break;
      return (value) => (value !== undefined) === operand;
    case 'prefix':
      if (typeof operand !== 'string') break;
      return (value) => typeof value === 'string' && value.startsWith(operand);
    case 'suffix':
      if (typeof operand !== 'string') break;
      return (value) => typeof value === 'string' && value.endsWith(operand);
    case 'equals-ignore-case':
      if (typeof operand !== 'string') break;
      return (value) => typeof value === 'string' && value.toLowerCase() === operand.toLowerCase();
    case 'anything-but': {
      const refused = (Array.isArray(operand) ? operand : [operand]).map((each) => {
        if (isObject(each) && !('prefix' in each || 'suffix' in each)) throw unknown(name, condition);
        return matcher(name, each);
      });
      return (value) => value !== undefined && !refused.some((matches) => matches(value));
    }
    case 'numeric':
      return numeric(name, operand);
  }
  throw unknown(name, condition);
}

const comparisons: Record<string, (a: number, b: number) => boolean> = {
  '=': (a, b) => a === b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** `[">", 0, "<=", 150]`: every pair has to hold. */
function numeric(name: string, operand: unknown): Matcher {
  const terms = Array.isArray(operand) ? operand : [];
  const pairs = Array.from({ length: Math.ceil(terms.length / 2) }, (_, index) => {
    const compare = comparisons[String(terms[2 * index])];
    const limit: unknown = terms[2 * index + 1];
    if (!compare || typeof limit !== 'number') throw unknown(name, { numeric: operand });
    return (value: number) => compare(value, limit);
  });
  if (pairs.length === 0) throw unknown(name, { numeric: operand });
  return (value) => typeof value === 'number' && pairs.every((holds) => holds(value));
}

/** What an attribute is compared by: a String.Array by each of its elements, binary data by nothing. */
function valuesOf(attribute: MessageAttributeValue | undefined): Parameters<Matcher>[0][] {
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

function isScalar(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknown(name: string, condition: unknown): Fault {
  return new Fault(
    `Cannot follow the filter policy on "${name}": ${JSON.stringify(condition)} is not known here`,
  );
}
