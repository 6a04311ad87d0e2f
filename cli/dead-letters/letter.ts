/** What a dead letter says about itself: which event, why, since when. */
import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSMessageAttribute } from 'aws-lambda';
import { domain } from '#domain';
import { type DeadLetterContext, originalAttributes, toRequest } from '../../contract/dead-letter.ts';
import type { AnyEvent } from '../../contract/event-catalogue.ts';
import { printable } from '../terminal/text.ts';

export interface Letter {
  readonly messageId: string;
  readonly body: string;
  /** Undefined where the body names none. */
  readonly id: string | undefined;
  /** Undefined where SQS or SNS moved the message. */
  readonly reason: { readonly error: string; readonly message: string } | undefined;
  /** When the consumer gave up; where SQS or SNS did, when SQS first got the message. */
  readonly at: Date;
  /** From the consumer; unchecked, since every publisher can set attributes. */
  readonly context: Partial<DeadLetterContext>;
  /** As received. */
  readonly message: Message;
}

/** What is sent in place of a letter: another body, and the attributes that the contract derives from its event. */
export interface Correction {
  readonly body: string;
  readonly event: AnyEvent;
}

/** Reads a message that was received with all attributes. */
export function readLetter(message: Message): Letter {
  const { MessageId: messageId = '', Body: body = '', MessageAttributes = {}, Attributes = {} } = message;
  const { DeadLetterError, DeadLetterMessage, DeadLetterContext } = MessageAttributes;
  const context = parseObject(DeadLetterContext?.StringValue) as Partial<DeadLetterContext>;
  const error = DeadLetterError?.StringValue;
  const givenUp = new Date(String(context.deadLetteredAt));
  const isStale = hasStaleReason(message);
  return {
    messageId,
    body,
    id: idOf(body),
    reason: error && !isStale ? { error, message: DeadLetterMessage?.StringValue ?? '' } : undefined,
    at: isStale || Number.isNaN(givenUp.getTime()) ? sentAt(message) : givenUp,
    context,
    message: { ...message, Attributes },
  };
}

/** Reads a message that no consumer's subscription asked for. Its eventType is the reason. */
export function readUnrouted(message: Message): Letter {
  const eventType = message.MessageAttributes?.eventType?.StringValue;
  return {
    ...readLetter(message),
    reason: { error: eventType === undefined ? 'no eventType' : `eventType "${eventType}"`, message: '' },
    at: sentAt(message),
    context: {},
  };
}

/** The attributes with which a letter is sent: those before it was dead-lettered, and those of a correction. */
export function sentAttributes(
  { message }: Letter,
  correction: Correction | undefined,
): Record<string, MessageAttributeValue> {
  return { ...attributesBefore(message), ...(correction && domain.events.attributesOf(correction.event)) };
}

/**
 * Whether the reason is from an earlier time: the letter was redriven with its attributes, and then crashed its consumer until SQS
 * moved it. Only such a move sets DeadLetterQueueSourceArn.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
 */
function hasStaleReason({ Attributes }: Message): boolean {
  return Attributes?.DeadLetterQueueSourceArn !== undefined;
}

/** The attributes of the message before it was dead-lettered. */
function attributesBefore({ MessageAttributes = {} }: Message): Record<string, MessageAttributeValue> {
  const asFunctionsGetThem = Object.entries(MessageAttributes).map(
    ([name, { DataType = '', StringValue, BinaryValue }]): [string, SQSMessageAttribute] => [
      name,
      {
        dataType: DataType as SQSMessageAttribute['dataType'],
        ...(BinaryValue
          ? { binaryValue: Buffer.from(BinaryValue).toString('base64') }
          : { stringValue: StringValue ?? '' }),
      },
    ],
  );
  return toRequest(originalAttributes(Object.fromEntries(asFunctionsGetThem)));
}

/** When SQS got the message, by its own clock; unchanged by a move to a dead-letter queue. */
export function sentAt({ Attributes }: Message): Date {
  return new Date(Number(Attributes?.SentTimestamp));
}

/** The ID that a body names, as it is or in SNS's envelope. */
function idOf(body: string): string | undefined {
  const value = parseObject(body);
  const event = value.Type === 'Notification' ? parseObject(value.Message) : value;
  const id = event[domain.events.settings.idField];
  return typeof id === 'string' ? printable(id, 100) : undefined;
}

function parseObject(text: unknown): Record<string, unknown> {
  try {
    const value = JSON.parse(String(text));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
