/** What is sent to a dead-letter queue: the message as it came, and why it is there. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { MessageAttributeValue, SendMessageCommandInput } from '@aws-sdk/client-sqs';
import type { SQSMessageAttribute, SQSRecord } from 'aws-lambda';
import { PermanentError } from './permanent-error.ts';

const REASON_ATTRIBUTES = ['DeadLetterError', 'DeadLetterMessage', 'DeadLetterContext'] as const;

/** What SQS allows, https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_ATTRIBUTES = 10;
const MAX_BYTES = 1_048_576;
const MAX_REASON_BYTES = 1_024;

type Attributes = Record<string, SQSMessageAttribute>;

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
  /** Attributes of the message that had to give way to the reason: a message has at most ten. A redrive puts them back. */
  displaced?: Attributes;
};

const codeVersion = createHash('sha256')
  .update(readFileSync(fileURLToPath(import.meta.url)))
  .digest('hex')
  .slice(0, 12);

/**
 * The letter for `record`: its body, attributes and message group as they are, with the reason in three attributes. An
 * earlier reason, of a letter that was redriven, is replaced. Where the reason does not fit SQS's size limit, the message
 * goes without it.
 */
export function deadLetter(
  record: SQSRecord,
  error: Error,
  { consumer, requestId, now = new Date() }: { consumer: string; requestId: string; now?: Date },
): Pick<SendMessageCommandInput, 'MessageBody' | 'MessageAttributes' | 'MessageGroupId'> {
  const originals = Object.entries(originalAttributes(record.messageAttributes));
  const kept = originals.slice(0, MAX_ATTRIBUTES - REASON_ATTRIBUTES.length);
  const displaced = originals.slice(kept.length);
  const context: DeadLetterContext = {
    consumer,
    attempts: Number(record.attributes.ApproximateReceiveCount),
    firstReceivedAt: new Date(Number(record.attributes.ApproximateFirstReceiveTimestamp)).toISOString(),
    deadLetteredAt: now.toISOString(),
    requestId,
    codeVersion,
    ...(displaced.length > 0 && { displaced: Object.fromEntries(displaced) }),
  };
  const withReason: Attributes = {
    ...Object.fromEntries(kept),
    DeadLetterError: text(error.name),
    DeadLetterMessage: text(speakable(error, requestId)),
    DeadLetterContext: { dataType: 'String', stringValue: JSON.stringify(context) },
  };
  const fits = bytes(record.body) + attributeBytes(withReason) <= MAX_BYTES;

  return {
    MessageBody: record.body,
    MessageAttributes: toRequest(fits ? withReason : Object.fromEntries(originals.slice(0, MAX_ATTRIBUTES))),
    // Keeps fair queues fair: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    ...(record.attributes.MessageGroupId && { MessageGroupId: record.attributes.MessageGroupId }),
  };
}

/** The attributes the message was first sent with: without a reason, and with what an earlier reason displaced. */
export function originalAttributes(attributes: Attributes): Attributes {
  const originals = Object.entries(attributes).filter(
    ([name]) => !(REASON_ATTRIBUTES as readonly string[]).includes(name),
  );
  return { ...Object.fromEntries(originals), ...displacedEarlier(attributes.DeadLetterContext?.stringValue) };
}

function displacedEarlier(context: string | undefined): Attributes {
  try {
    const { displaced = {} } = JSON.parse(context ?? '{}') as Partial<DeadLetterContext>;
    return Object.fromEntries(Object.entries(displaced).filter(([, attribute]) => isAttribute(attribute)));
  } catch {
    return {}; // Not written here: anybody who may publish can set an attribute of that name.
  }
}

function isAttribute({ dataType, stringValue, binaryValue }: Partial<SQSMessageAttribute>): boolean {
  return typeof dataType === 'string' && typeof (stringValue ?? binaryValue) === 'string';
}

/**
 * The message of a permanent error, written to hold nothing personal, or of an AWS service, which knows names and limits
 * only. Any other error may quote the order it stumbled over.
 */
function speakable(error: Error, requestId: string): string {
  return error instanceof PermanentError || '$metadata' in error
    ? error.message
    : `unexpected error, see the log of request ${requestId}`;
}

function text(value: string): SQSMessageAttribute {
  return { dataType: 'String', stringValue: cut(sendable(value), MAX_REASON_BYTES) || '-' };
}

/** Only the characters that SQS takes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
function sendable(value: string): string {
  return value.replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}');
}

/** The longest beginning of `value` that takes at most `limit` bytes of UTF-8, ending in … where something was cut. */
function cut(value: string, limit: number): string {
  if (bytes(value) <= limit) return value;
  let kept = '';
  let size = bytes('…');
  for (const character of value) {
    size += bytes(character);
    if (size > limit) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Attributes as a function gets them, as they are sent. */
export function toRequest(attributes: Attributes): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { dataType, stringValue, binaryValue }]) => [
      name,
      binaryValue === undefined
        ? { DataType: dataType, StringValue: stringValue }
        : { DataType: dataType, BinaryValue: Buffer.from(binaryValue, 'base64') },
    ]),
  );
}

/** Name, type and value count. Base64 counts more than the bytes it stands for, which errs on the safe side. */
function attributeBytes(attributes: Attributes): number {
  return Object.entries(attributes).reduce(
    (sum, [name, { dataType, stringValue, binaryValue }]) =>
      sum + bytes(name) + bytes(dataType) + bytes(stringValue ?? '') + bytes(binaryValue ?? ''),
    0,
  );
}

function bytes(value: string): number {
  return Buffer.byteLength(value);
}
