/** Publishes messages to an SNS topic. */
import type { SNSClient } from '@aws-sdk/client-sns';
import { type OutgoingMessage, Pace } from './batches.ts';
import { isFifo, toTopic } from './destinations.ts';
import { deduplicationId, groupOf } from './message-group.ts';
import { type SendOptions, type SendResult, sendMessages } from './sending.ts';

export interface PublishOptions extends Omit<SendOptions<OutgoingMessage>, 'pace'> {
  readonly sns: SNSClient;
  readonly topicArn: string;
  /** Messages per second, at most. @default no limit */
  readonly rate?: number | undefined;
  /** Gives the messages of a standard topic a group, so that its queues are fair. @default false */
  readonly fairQueues?: boolean | undefined;
}

/** Publishes all `messages`: see `sendMessages`. On a FIFO topic the events of a group keep their sequence. */
export function publishMessages(options: PublishOptions): Promise<SendResult> {
  const { sns, topicArn, rate, fairQueues = false, ...others } = options;
  const destination = toTopic<OutgoingMessage>(sns, topicArn, (message) => ({
    groupId: isFifo(topicArn) || fairQueues ? groupOf(message) : undefined,
    deduplicationId: isFifo(topicArn) ? deduplicationId(message) : undefined,
  }));
  return sendMessages(destination, { ...others, pace: new Pace(rate) });
}
