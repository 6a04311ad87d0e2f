// Decides as SNS does whether a subscription's filter policy lets a message through, going by its attributes.
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { type Rule, ruleTest } from '../local/filter-pattern.ts';
import { Fault } from './fault.ts';

type Scalar = string | number | boolean | null;
type Attributes = Readonly<Record<string, MessageAttributeValue>>;

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
  const keys = Object.entries(fields).map(([name, conditions]) => {
    if (name === '$or' || !Array.isArray(conditions)) throw unknown(name, conditions);
    return { name, tests: conditions.map((condition) => conditionTest(name, condition)) };
  });
  // All keys have to match, and of each key one condition.
  return (attributes) =>
    keys.every(({ name, tests }) => {
      const values = valuesOf(Object.hasOwn(attributes, name) ? attributes[name] : undefined);
      return tests.some((test) => values.some(test));
    });
}

function conditionTest(name: string, condition: unknown) {
  try {
    return ruleTest(condition as Rule);
  } catch {
    throw unknown(name, condition);
  }
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

function unknown(name: string, condition: unknown): Fault {
  return new Fault(
    `Cannot follow the filter policy on "${name}": ${JSON.stringify(condition)} is not known here`,
  );
}
