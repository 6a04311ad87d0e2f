/** From where to where letters are sent: back to their consumer, or on from the queue of unrouted messages. */
import { domain } from '#domain';
import { ARCHIVE } from '../../contract/archive.ts';
import { MAX_ATTRIBUTES } from '../../contract/dead-letter.ts';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { allButArchive, consumerOf, type StackHandles } from '../aws/stack.ts';
import { type Correction, type Letter, sentAttributes } from '../dead-letters/letter.ts';
import { deadLettersOf, type LetterQueue } from '../dead-letters/letter-queue.ts';
import { readSubscriptions, type Takes } from '../outcomes/subscriptions.ts';
import type { OutgoingMessage } from '../publishing/batches.ts';
import { isFifo, toQueue, toTopic } from '../publishing/destinations.ts';
import type { Destination } from '../publishing/sending.ts';

export interface Route {
  readonly from: LetterQueue;
  /** Where to, in words: `back to analytics`, `to the topic`. */
  readonly words: string;
  readonly to: Destination<OutgoingLetter>;
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

/** A letter as it is sent. */
export interface OutgoingLetter extends OutgoingMessage {
  readonly letter: Letter;
}

/** A consumer's dead letters, back to its queue. */
export function backToConsumer({ sqs }: Pick<Clients, 'sqs'>, consumer: ConsumerHandles): Route {
  return {
    from: deadLettersOf(consumer),
    words: `back to ${consumer.name}`,
    to: toQueue(sqs, consumer.queueUrl, groupingFor(consumer.queueUrl)),
    moveTo: consumer.queueUrl,
    consumers: [consumer],
    correct: () => undefined,
    // The archive takes whatever comes.
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
  const consumers = consumer ? [consumer] : allButArchive(stack);
  const takes = await readSubscriptions(sns, { ...stack, consumers });
  return {
    from,
    words: consumer ? `to ${consumer.name}` : 'to the topic',
    to: consumer
      ? toQueue(sqs, consumer.queueUrl, groupingFor(consumer.queueUrl))
      : toTopic(sns, stack.topicArn, groupingFor(stack.topicArn)),
    consumers,
    takes,
    correct({ body }) {
      const event = domain.events.eventIn(body);
      return event && { body, event };
    },
    refusal(letter, correction) {
      const attributes = sentAttributes(letter, correction);
      const number = Object.keys(attributes).length;
      // SNS discards more: https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html
      if (number > MAX_ATTRIBUTES) {
        return `it would have ${number} attributes; ${MAX_ATTRIBUTES} are allowed`;
      }
      if (consumers.some(({ name }) => takes(name, { attributes }))) return undefined;
      const { eventType } = attributes;
      const what = eventType ? `eventType "${eventType.StringValue}"` : 'a message without eventType';
      return consumer
        ? `${consumer.name} does not take ${what} with its attributes`
        : `no consumer takes ${what}`;
    },
  };
}

/** A letter keeps its group, and on a FIFO queue or topic its deduplication ID. */
function groupingFor(address: string) {
  return ({ letter }: OutgoingLetter) => {
    const { MessageGroupId, MessageDeduplicationId } = letter.message.Attributes ?? {};
    return {
      groupId: MessageGroupId,
      deduplicationId: isFifo(address) ? MessageDeduplicationId : undefined,
    };
  };
}
