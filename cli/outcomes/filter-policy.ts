/** Filter policies of subscriptions: which message attributes a consumer's messages must have. */
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { CommandError } from '../terminal/command-error.ts';

export type Attributes = Readonly<Record<string, MessageAttributeValue>>;
/** Attribute → its allowed values: lib/config.ts knows no other conditions. */
export type FilterPolicy = Readonly<Record<string, readonly string[]>>;

/**
 * Reads a policy of scope MessageAttributes, as SNS holds it in JSON.
 * @throws CommandError for a condition that is set by other means than lib/config.ts
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
 */
export function parseFilterPolicy(json = '{}'): FilterPolicy {
  const policy: Record<string, unknown> = JSON.parse(json);
  for (const [name, allowed] of Object.entries(policy)) {
    if (Array.isArray(allowed) && allowed.every((value) => typeof value === 'string')) continue;
    throw new CommandError(
      `Cannot follow the filter policy on "${name}": only lists of strings are known here, not ${JSON.stringify(allowed)}`,
    );
  }
  return policy as FilterPolicy;
}

/** Whether a message with these attributes passes. */
export function passes(policy: FilterPolicy, attributes: Attributes): boolean {
  return Object.entries(policy).every(([name, allowed]) =>
    valuesOf(Object.hasOwn(attributes, name) ? attributes[name] : undefined).some((value) =>
      allowed.includes(value),
    ),
  );
}

/** The strings that SNS compares: of a String.Array each element; numbers and binary data equal no string. */
function valuesOf({ DataType = '', StringValue = '' }: Partial<MessageAttributeValue> = {}): string[] {
  if (DataType === 'String.Array') {
    try {
      return [JSON.parse(StringValue)].flat();
    } catch {
      return [];
    }
  }
  return DataType.startsWith('String') ? [StringValue] : [];
}
