/** From where to where letters are sent: back to their consumer, or on from the queue of unrouted messages. */
import { type MessageAttributeValue, PublishCommand } from '@aws-sdk/client-sns';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { ARCHIVE } from '../../contract/archive.ts';
import { MAX_ATTRIBUTES } from '../../contract/dead-letter.ts';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { consumerOf, type StackHandles } from '../aws/stack.ts';
import { type Correction, type Letter, sentAttributes } from '../dead-letters/letter.ts';
import { deadLettersOf, type LetterQueue } from '../dead-letters/letter-queue.ts';
import { eventIn } from '../outcomes/follow.ts';
import { readSubscriptions, type Takes } from '../outcomes/subscriptions.ts';

export interface Route {
  readonly from: LetterQueue;
  /** Where to, in words: `back to billing`, `to the topic`. */
  readonly words: string;
  readonly to: Destination;
  /** URL of the queue to which SQS itself can move letters; absent where it cannot, since it moves dead letters only. */
  readonly moveTo?: string;
  /** The consumers that are reached. */
  readonly consumers: readonly ConsumerHandles[];
  /** What is sent of a letter that the user has not corrected, if not the letter as it was. */
  readonly correct: (letter: Letter) => Correction | undefined;
  /** Which of the consumers get a message. @default all of them, whatever it is */
  readonly takes?: Takes;
  /** Why a letter stays where it is: it would come straight back. @default it is sent all the same */
  readonly refusal?: (letter: Letter, correction: Correction | undefined) => string | undefined;
}

/** Takes messages. */
interface Destination {
  /** URL of the queue, or ARN of the topic. */
  readonly address: string;
  /** What has to be allowed, as an IAM action. */
  readonly action: string;
  send(message: OutgoingLetter): Promise<unknown>;
}

interface OutgoingLetter {
  readonly body: string;
  readonly attributes: Record<string, MessageAttributeValue>;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

/** A consumer's dead letters, back to its queue. */
export function backToConsumer({ sqs }: Pick<Clients, 'sqs'>, consumer: ConsumerHandles): Route {
  return {
    from: deadLettersOf(consumer),
    words: `back to ${consumer.name}`,
    to: queue(sqs, consumer.queueUrl),
    moveTo: consumer.queueUrl,
    consumers: [consumer],
    correct: () => undefined,
    // It takes whatever comes.
    ...(consumer.name === ARCHIVE && { refusal: () => undefined }),
  };
}

/**
 * Unrouted messages, to the topic or to the queue of one consumer. A valid event gets the attributes that the contract derives
 * from it.
 * @param to the consumer's name
 * @throws CommandError for a consumer that is not there or not subscribed; whatever the SDK throws
 */
export async function onFromUnrouted(
  { sqs, sns }: Pick<Clients, 'sqs' | 'sns'>,
  stack: StackHandles,
  from: LetterQueue,
  to: string | undefined,
): Promise<Route> {
  const consumer = to === undefined ? undefined : consumerOf(stack, to);
  const consumers = consumer ? [consumer] : stack.consumers.filter(({ name }) => name !== ARCHIVE);
  const takes = await readSubscriptions(sns, { ...stack, consumers });
  const topic: Destination = {
    address: stack.topicArn,
    action: 'sns:Publish',
    send: ({ body, attributes, groupId, deduplicationId }) =>
      sns.send(
        new PublishCommand({
          TopicArn: stack.topicArn,
          Message: body,
          MessageAttributes: attributes,
          ...(groupId && { MessageGroupId: groupId }),
          ...(deduplicationId && { MessageDeduplicationId: deduplicationId }),
        }),
      ),
  };
  return {
    from,
    words: consumer ? `to ${consumer.name}` : 'to the topic',
    to: consumer ? queue(sqs, consumer.queueUrl) : topic,
    consumers,
    takes,
    correct({ body }) {
      const event = eventIn(body);
      return event && { body, event };
    },
    refusal(letter, correction) {
      const attributes = sentAttributes(letter, correction);
      const most = Object.keys(attributes).length;
      // SNS discards more: https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html
      if (most > MAX_ATTRIBUTES) return `it would have ${most} attributes; ${MAX_ATTRIBUTES} are allowed`;
      if (consumers.some(({ name }) => takes(name, { attributes }))) return undefined;
      const { eventType } = attributes;
      const what = eventType ? `eventType "${eventType.StringValue}"` : 'a message without eventType';
      return consumer
        ? `${consumer.name} does not take ${what} with its attributes`
        : `no consumer takes ${what}`;
    },
  };
}

function queue(sqs: SQSClient, address: string): Destination {
  return {
    address,
    action: 'sqs:SendMessage',
    send: ({ body, attributes, groupId, deduplicationId }) =>
      sqs.send(
        new SendMessageCommand({
          QueueUrl: address,
          MessageBody: body,
          MessageAttributes: attributes,
          ...(groupId && { MessageGroupId: groupId }),
          ...(deduplicationId && { MessageDeduplicationId: deduplicationId }),
        }),
      ),
  };
}
