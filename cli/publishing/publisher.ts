/** Publishes messages to an SNS topic. */
import { PublishBatchCommand, type SNSClient } from '@aws-sdk/client-sns';
import { type OutgoingMessage, Pace } from './batches.ts';
import { customerGroup, deduplicationId } from './customer-group.ts';
import { type Destination, type SendOptions, type SendResult, sendMessages } from './sending.ts';

export interface PublishOptions extends Omit<SendOptions<OutgoingMessage>, 'pace'> {
  readonly sns: SNSClient;
  readonly topicArn: string;
  /** Messages per second, at most. @default no limit */
  readonly rate?: number;
  /** Gives a standard topic's messages their customer as group, so that its queues are fair. @default false */
  readonly fairQueues?: boolean;
}

/**
 * Of a whole batch, so also of one message. A topic can be set to take more, up to 1 MiB.
 * https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
 */
export const MAX_BATCH_BYTES = 256 * 1024;

/** Publishes all `messages`: see `sendMessages`. On a FIFO topic the orders of a customer keep their order. */
export function publishMessages(options: PublishOptions): Promise<SendResult> {
  const { sns, topicArn, rate, fairQueues = false, ...others } = options;
  return sendMessages(topic(sns, topicArn, fairQueues), { ...others, pace: new Pace(rate) });
}

function topic(sns: SNSClient, topicArn: string, fairQueues: boolean): Destination<OutgoingMessage> {
  const isFifo = topicArn.endsWith('.fifo');
  const grouping = (message: OutgoingMessage) => ({
    ...((isFifo || fairQueues) && { MessageGroupId: customerGroup(message) }),
    ...(isFifo && { MessageDeduplicationId: deduplicationId(message) }),
  });
  return {
    service: 'SNS',
    action: 'sns:Publish',
    maxBytes: MAX_BATCH_BYTES,
    ...(isFifo && { groupOf: customerGroup }),
    send: (messages) =>
      sns.send(
        new PublishBatchCommand({
          TopicArn: topicArn,
          PublishBatchRequestEntries: messages.map((message, position) => ({
            Id: String(position),
            Message: message.body,
            MessageAttributes: message.attributes,
            ...grouping(message),
          })),
        }),
      ),
    explain: (error) =>
      error instanceof Error && /^NotFound(Exception)?$/.test(error.name)
        ? `There is no topic ${topicArn}: check the stack, --topic-arn and --region`
        : undefined,
  };
}
