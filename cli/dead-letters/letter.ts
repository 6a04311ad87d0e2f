/** What a dead letter says of itself: whose order, why, since when. */
import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSMessageAttribute } from 'aws-lambda';
import { type DeadLetterContext, originalAttributes, toRequest } from '../../contract/dead-letter.ts';
import { messageAttributes, type OrderEvent } from '../../contract/events.ts';
import { printable } from '../terminal/text.ts';

export interface Letter {
  readonly messageId: string;
  readonly body: string;
  /** Absent where the body names none. */
  readonly orderId?: string;
  /** Absent where SQS or SNS put the letter there. */
  readonly reason?: { readonly error: string; readonly message: string };
  /** When the consumer gave it up; where SQS or SNS did, when SQS first got the message. */
  readonly at: Date;
  /** As the consumer said; unchecked, since anybody who may publish can set attributes. */
  readonly context: Partial<DeadLetterContext>;
  /** As SQS handed it out. */
  readonly message: Message;
}

/** What is sent in place of a letter: another body, and the attributes that the contract derives from its event. */
export interface Correction {
  readonly body: string;
  readonly event: OrderEvent;
}

/** Reads what SQS handed out with all attributes. */
export function readLetter(message: Message): Letter {
  const { MessageId: messageId = '', Body: body = '', MessageAttributes = {}, Attributes = {} } = message;
  const { DeadLetterError, DeadLetterMessage, DeadLetterContext } = MessageAttributes;
  const context = parseObject(DeadLetterContext?.StringValue) as Partial<DeadLetterContext>;
  const orderId = orderIdOf(body);
  const givenUp = new Date(String(context.deadLetteredAt));
  const isStale = isOfEarlierDeath(message);
  return {
    messageId,
    body,
    ...(orderId !== undefined && { orderId }),
    ...(DeadLetterError?.StringValue &&
      !isStale && {
        reason: { error: DeadLetterError.StringValue, message: DeadLetterMessage?.StringValue ?? '' },
      }),
    at: isStale || Number.isNaN(givenUp.getTime()) ? sentAt(message) : givenUp,
    context,
    message: { ...message, Attributes },
  };
}

/** Reads a message that no consumer's subscription asked for, what SQS handed out with all attributes. Its eventType is the reason. */
export function readUnrouted(message: Message): Letter {
  const eventType = message.MessageAttributes?.eventType?.StringValue;
  return {
    ...readLetter(message),
    reason: { error: eventType === undefined ? 'no eventType' : `eventType "${eventType}"`, message: '' },
    at: sentAt(message),
    context: {},
  };
}

/** The attributes with which a letter is sent: those it had before it died, and what a correction makes of them. */
export function sentAttributes(
  { message }: Letter,
  correction: Correction | undefined,
): Record<string, MessageAttributeValue> {
  return { ...attributesBefore(message), ...(correction && messageAttributes(correction.event)) };
}

/**
 * Whether the reason is of a death before this one: the letter was redriven with its attributes, and then crashed its consumer
 * until SQS moved it. Such a move, and nothing else, leaves DeadLetterQueueSourceArn.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
 */
function isOfEarlierDeath({ Attributes }: Message): boolean {
  return Attributes?.DeadLetterQueueSourceArn !== undefined;
}

/** The attributes that the message had before it died. */
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

/** When SQS got the message, by its own clock. A move to a dead-letter queue by SQS leaves it as it was. */
export function sentAt({ Attributes }: Message): Date {
  return new Date(Number(Attributes?.SentTimestamp));
}

/** The orderId that a body names, as it is or in SNS's envelope. */
function orderIdOf(body: string): string | undefined {
  const value = parseObject(body);
  const { orderId } = value.Type === 'Notification' ? parseObject(value.Message) : value;
  return typeof orderId === 'string' ? printable(orderId, 100) : undefined;
}

function parseObject(text: unknown): Record<string, unknown> {
  try {
    const value = JSON.parse(String(text));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
