// Whether a subscription's filter policy lets a message pass, where SNS and fauxqs differ.
import { type MessageAttributes, matchesFilterPolicy } from './internals.ts';

/**
 * Whether a message passes. A malformed attribute, which fauxqs takes for any other text, passes no condition.
 * @param policy JSON, on message attributes
 */
export function passesFilterPolicy(policy: string | undefined, attributes: MessageAttributes): boolean {
  if (!policy) return true;
  const conditions: Record<string, unknown> = JSON.parse(policy);
  const isReadable = Object.keys(conditions).every((name) => !isMalformed(attributes[name]));
  return isReadable && matchesFilterPolicy(conditions, attributes);
}

/** @see https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html, which counts it as InvalidAttributes */
export function isMalformed(attribute: MessageAttributes[string] | undefined): boolean {
  const { DataType, StringValue = '' } = attribute ?? {};
  if (DataType === 'Number') return !Number.isFinite(Number(StringValue || Number.NaN));
  if (DataType !== 'String.Array') return false;
  try {
    JSON.parse(StringValue);
    return false;
  } catch {
    return true;
  }
}
