/** The queues that operators take letters out of: each consumer's dead-letter queue, and the one of unrouted messages. */
import type { Message } from '@aws-sdk/client-sqs';
import { type ConsumerHandles, UNROUTED } from '../../contract/stack-outputs.ts';
import { consumerOf, deployCommand, type StackHandles } from '../aws/stack.ts';
import { CommandError } from '../terminal/command-error.ts';
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

/** All of a stack. The one of unrouted messages is the last, and missing where the stack was deployed before it had one. */
export function letterQueues({ consumers, unroutedQueueUrl: url }: StackHandles): LetterQueue[] {
  const unrouted: LetterQueue[] = url ? [{ name: UNROUTED, url, noun: 'message', read: readUnrouted }] : [];
  return [...consumers.map(deadLettersOf), ...unrouted];
}

/**
 * The one that the user named.
 * @throws CommandError for a name that there is not
 */
export function letterQueueOf(stack: StackHandles, name: string): LetterQueue {
  const found = letterQueues(stack).find((each) => each.name === name);
  if (found) return found;
  if (name !== UNROUTED) return deadLettersOf(consumerOf(stack, name));
  throw new CommandError(
    `Stack "${stack.name}" keeps no unrouted messages: deploy its current version with \`${deployCommand(stack.name)}\``,
  );
}
