import type { MessageAttributes } from './internals.ts';

/** Hears of events in queues and topics. */
export interface MessagingObserver {
  /** A message came into a queue: sent by somebody or delivered by a topic, not moved there by SQS itself. */
  onSent?(queueName: string, messageId: string): void;
  onReceived?(queueName: string, count: number): void;
  /** A request to receive was answered with no message, at once or after its wait. */
  onEmptyReceive?(queueName: string): void;
  onDeleted?(queueName: string, messageId: string): void;
  /** SQS itself moved a message out of this queue, to its dead-letter queue. */
  onMovedToDeadLetterQueue?(queueName: string, messageId: string): void;
  /** A message was published, and is not delivered yet. */
  onPublished?(topicArn: string, attributes: MessageAttributes): void;
}
