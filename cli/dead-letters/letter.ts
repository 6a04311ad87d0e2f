/** What a dead letter says of itself: whose order, why, since when. */
import type { Message } from '@aws-sdk/client-sqs';
import type { DeadLetterContext } from '../../contract/dead-letter.ts';
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

/**
 * Whether the reason is of a death before this one: the letter was redriven with its attributes, and then crashed its consumer
 * until SQS moved it. Such a move, and nothing else, leaves DeadLetterQueueSourceArn.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
 */
function isOfEarlierDeath({ Attributes }: Message): boolean {
  return Attributes?.DeadLetterQueueSourceArn !== undefined;
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
