// Whether a subscription's filter policy lets a message pass, where SNS and fauxqs are not of one mind.
import { filter, type MessageAttributes } from './internals.ts';

/**
 * Whether a message passes. A malformed attribute, which fauxqs takes for any other text, passes no condition.
 * @param settings the subscription's attributes
 */
export function matchesFilterPolicy(
  { FilterPolicy, FilterPolicyScope }: Readonly<Record<string, string>>,
  body: string,
  attributes: MessageAttributes,
): boolean {
  if (!FilterPolicy) return true;
  const policy: Record<string, unknown> = JSON.parse(FilterPolicy);
  if (FilterPolicyScope === 'MessageBody') return filter.matchesFilterPolicyOnBody(policy, body);
  const isReadable = Object.keys(policy).every((name) => !isMalformed(attributes[name]));
  return isReadable && filter.matchesFilterPolicy(policy, attributes);
}

/** @see https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html, which counts it as InvalidAttributes */
export function isMalformed(attribute: MessageAttributes[string] | undefined): boolean {
  const { DataType, StringValue = '' } = attribute ?? {};
  if (DataType === 'Number') return !Number.isFinite(Number(StringValue || Number.NaN));
  return DataType === 'String.Array' && !isJson(StringValue);
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
