/** What a message of the topic says, however it came. */
import { PermanentError } from './permanent-error.ts';

/**
 * The JSON value of a body, out of SNS's envelope where the subscription is not raw.
 * @throws PermanentError for a body that is not JSON, or an envelope in an envelope
 */
export function readBody(body: string): unknown {
  const value = parseJson(body);
  if (!isEnvelope(value)) return value;
  const inner = parseJson(value.Message);
  if (isEnvelope(inner)) throw new PermanentError('NestedEnvelope', 'an SNS envelope inside an SNS envelope');
  return inner;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // JSON.parse quotes the text in its message, so that message goes nowhere.
    throw new PermanentError('NotJson', 'the body is not JSON');
  }
}

/** https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html */
function isEnvelope(value: unknown): value is { Message: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'Type' in value &&
    value.Type === 'Notification' &&
    'Message' in value &&
    typeof value.Message === 'string'
  );
}
