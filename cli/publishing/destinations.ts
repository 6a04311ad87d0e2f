/** Where batches of messages are sent: a topic, or a queue. */
import { PublishBatchCommand, type SNSClient } from '@aws-sdk/client-sns';
import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { OutgoingMessage } from './batches.ts';
import type { Destination } from './sending.ts';

/** For FIFO topics and queues; a standard one accepts a group too, for fair queues. */
interface Grouping {
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

/**
 * Of a whole batch, so also of one message. A topic can be set to take more, up to 1 MiB.
 * https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
 */
export const MAX_TOPIC_BYTES = 256 * 1024;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_QUEUE_BYTES = 1_048_576;

export function toTopic<M extends OutgoingMessage>(
  sns: SNSClient,
  TopicArn: string,
  grouping: (message: M) => Grouping,
): Destination<M> {
  return {
    service: 'SNS',
    address: TopicArn,
    action: 'sns:Publish',
    maxBytes: MAX_TOPIC_BYTES,
    groupOf: groupOf(TopicArn, grouping),
    send: (messages) =>
      sns.send(
        new PublishBatchCommand({
          TopicArn,
          PublishBatchRequestEntries: messages.map((message, position) => ({
            Id: String(position),
            Message: message.body,
            MessageAttributes: message.attributes,
            MessageGroupId: grouping(message).groupId,
            MessageDeduplicationId: grouping(message).deduplicationId,
          })),
        }),
      ),
    explain: (error) =>
      error instanceof Error && /^NotFound(Exception)?$/.test(error.name)
        ? `There is no topic ${TopicArn}: check the stack, --topic-arn and --region`
        : undefined,
  };
}

export function toQueue<M extends OutgoingMessage>(
  sqs: SQSClient,
  QueueUrl: string,
  grouping: (message: M) => Grouping,
): Destination<M> {
  return {
    service: 'SQS',
    address: QueueUrl,
    action: 'sqs:SendMessage',
    maxBytes: MAX_QUEUE_BYTES,
    groupOf: groupOf(QueueUrl, grouping),
    send: (messages) =>
      sqs.send(
        new SendMessageBatchCommand({
          QueueUrl,
          Entries: messages.map((message, position) => ({
            Id: String(position),
            MessageBody: message.body,
            MessageAttributes: message.attributes,
            MessageGroupId: grouping(message).groupId,
            MessageDeduplicationId: grouping(message).deduplicationId,
          })),
        }),
      ),
  };
}

export const isFifo = (address: string) => address.endsWith('.fifo');

function groupOf<M>(address: string, grouping: (message: M) => Grouping) {
  return isFifo(address) ? (message: M) => grouping(message).groupId ?? '' : undefined;
}
