/** The message attributes that say why a message was dead-lettered: consumers write them, operators' commands read them. */
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSMessageAttribute } from 'aws-lambda';

/** Attributes as a function gets them. */
export type Attributes = Record<string, SQSMessageAttribute>;

/** What an attribute says, without the lists that Lambda adds to each. */
export interface AttributeValue {
  readonly dataType: string;
  readonly stringValue?: string | undefined;
  /** Base64. */
  readonly binaryValue?: string | undefined;
}

/** What SQS allows: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
export const MAX_ATTRIBUTES = 10;
export const REASON_ATTRIBUTES = ['DeadLetterError', 'DeadLetterMessage', 'DeadLetterContext'] as const;

/** The JSON in the attribute DeadLetterContext. Times are ISO 8601. */
export type DeadLetterContext = {
  consumer: string;
  /** How often the message was received, this time included, since it was last put into the queue. */
  attempts: number;
  firstReceivedAt: string;
  deadLetteredAt: string;
  requestId: string;
  /** First 12 hex digits of the SHA-256 of the bundle that ran. */
  codeVersion: string;
  /** Attributes that were removed to make room for the reason, since a message has at most ten. A redrive restores them. */
  displaced?: Attributes | undefined;
};

/** The attributes that the message was first sent with: without the reason, and with those that the reason displaced. */
export function originalAttributes(attributes: Attributes): Attributes {
  const originals = Object.entries(attributes).filter(
    ([name]) => !(REASON_ATTRIBUTES as readonly string[]).includes(name),
  );
  return { ...Object.fromEntries(originals), ...displacedEarlier(attributes.DeadLetterContext?.stringValue) };
}

/** Attributes as a function gets them, or as the archive has them, as they are sent. */
export function toRequest(
  attributes: Readonly<Record<string, AttributeValue>>,
): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { dataType, stringValue, binaryValue }]) => [
      name,
      binaryValue === undefined
        ? { DataType: dataType, StringValue: stringValue }
        : { DataType: dataType, BinaryValue: Buffer.from(binaryValue, 'base64') },
    ]),
  );
}

function displacedEarlier(context: string | undefined): Attributes {
  try {
    const { displaced = {} } = JSON.parse(context ?? '{}') as Partial<DeadLetterContext>;
    return Object.fromEntries(Object.entries(displaced).filter(([, attribute]) => isAttribute(attribute)));
  } catch {
    return {}; // Not ours: any publisher can set an attribute of that name.
  }
}

function isAttribute({ dataType, stringValue, binaryValue }: Partial<SQSMessageAttribute>): boolean {
  return typeof dataType === 'string' && typeof (stringValue ?? binaryValue) === 'string';
}
