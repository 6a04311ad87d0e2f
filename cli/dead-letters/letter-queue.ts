/** The queues that operators take letters out of: each consumer's dead-letter queue, and the one of unrouted messages. */
import type { Message } from '@aws-sdk/client-sqs';
import { type ConsumerHandles, UNROUTED } from '../../contract/stack-outputs.ts';
import { consumerOf, type StackHandles } from '../aws/stack.ts';
import { type Letter, readLetter, readUnrouted } from './letter.ts';

export interface LetterQueue {
  /** As one types it: the consumer's name, or `unrouted`. */
  readonly name: string;
  readonly url: string;
  /** What its messages are called, one of them. */
  readonly noun: 'dead letter' | 'message';
  readonly read: (message: Message) => Letter;
}

/** The dead-letter queue of a consumer. */
export function deadLettersOf({ name, deadLetterQueueUrl: url }: ConsumerHandles): LetterQueue {
  return { name, url, noun: 'dead letter', read: readLetter };
}

/** All of a stack. The one of unrouted messages is the last. */
export function letterQueues({ consumers, unroutedQueueUrl: url }: StackHandles): LetterQueue[] {
  return [...consumers.map(deadLettersOf), { name: UNROUTED, url, noun: 'message', read: readUnrouted }];
}

/**
 * The one that the user named.
 * @throws CommandError for a name that there is not
 */
export function letterQueueOf(stack: StackHandles, name: string): LetterQueue {
  const found = letterQueues(stack).find((each) => each.name === name);
  return found ?? deadLettersOf(consumerOf(stack, name));
}
