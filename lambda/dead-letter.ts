/** What is sent to a dead-letter queue: the message as it came, and why it is there. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SendMessageCommandInput } from '@aws-sdk/client-sqs';
import type { SQSMessageAttribute, SQSRecord } from 'aws-lambda';
import {
  type Attributes,
  type DeadLetterContext,
  MAX_ATTRIBUTES,
  originalAttributes,
  REASON_ATTRIBUTES,
  toRequest,
} from '../contract/dead-letter.ts';
import { isOrdered } from './message-groups.ts';
import { PermanentError } from './permanent-error.ts';

/** What SQS allows: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_BYTES = 1_048_576;
const MAX_REASON_BYTES = 1_024;

const codeVersion = createHash('sha256')
  .update(readFileSync(fileURLToPath(import.meta.url)))
  .digest('hex')
  .slice(0, 12);

/**
 * The dead-letter message for `record`: its body, attributes and message group unchanged, with the reason in three attributes. An
 * earlier reason, of a message that was redriven, is replaced. A reason that would exceed SQS's size limit is left out.
 */
export function deadLetter(
  record: SQSRecord,
  error: Error,
  { consumer, requestId, now = new Date() }: { consumer: string; requestId: string; now?: Date },
): Pick<
  SendMessageCommandInput,
  'MessageBody' | 'MessageAttributes' | 'MessageGroupId' | 'MessageDeduplicationId'
> {
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
    displaced: displaced.length > 0 ? Object.fromEntries(displaced) : undefined,
  };
  const withReason: Attributes = {
    ...Object.fromEntries(kept),
    DeadLetterError: text(error.name),
    DeadLetterMessage: text(safeMessage(error, requestId)),
    DeadLetterContext: { dataType: 'String', stringValue: JSON.stringify(context) },
  };
  const fits = bytes(record.body) + attributeBytes(withReason) <= MAX_BYTES;

  return {
    MessageBody: record.body,
    MessageAttributes: toRequest(fits ? withReason : Object.fromEntries(originals.slice(0, MAX_ATTRIBUTES))),
    // Keeps fair queues fair: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    MessageGroupId: record.attributes.MessageGroupId,
    // As SQS does for messages that it moves itself: two messages with one deduplication ID are then still two dead letters.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    MessageDeduplicationId: isOrdered(record) ? record.messageId : undefined,
  };
}

/** Permanent errors hold nothing personal, and AWS services know names and limits only; any other error may quote the event. */
function safeMessage(error: Error, requestId: string): string {
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

/** Name, type and value count. Base64 counts more than the bytes it stands for, which is conservative. */
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
