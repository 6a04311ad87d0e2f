/** The one message that is sent before all others, and what became of it. */
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import type { StackHandles } from '../aws/stack.ts';
import type { Progress } from '../terminal/progress.ts';
import { NOUN } from '../terminal/words.ts';
import { followMessages } from './follow.ts';

export interface Canary {
  readonly clients: Clients;
  readonly stack: StackHandles;
  /** Those that were sent it. */
  readonly consumers: readonly ConsumerHandles[];
  readonly id: string;
  readonly body: string;
  /** IDs of the dead letters that these had before. */
  readonly earlierLetters: ReadonlySet<string>;
  /** How long it may take. */
  readonly seconds: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface CanaryEnd {
  /** By each of the consumers. */
  readonly isProcessed: boolean;
  /** The reason of each consumer that refused it; undefined where SQS or SNS moved the message. */
  readonly refused: readonly (string | undefined)[];
  /** Why nothing more is to be sent; undefined where it was processed, and after Ctrl-C. */
  readonly stopped?: string;
  /** The command to type next, where it is still on its way. */
  readonly next?: readonly string[] | undefined;
}

/** Waits for the end of the canary at each consumer. @throws what `followMessages` throws */
export async function awaitCanary(canary: Canary): Promise<CanaryEnd> {
  const { clients, stack, consumers, id, body, earlierLetters, seconds, progress, signal } = canary;
  const step = progress.step(`Waiting for the end of ${NOUN} ${id}`);
  const outcomes = await followMessages({
    clients,
    stack: { ...stack, consumers },
    messages: [{ body, attributes: {}, id }],
    takes: () => true,
    earlierLetters,
    timeoutMs: seconds * 1000,
    signal,
  }).catch((error) => {
    step.fail(`Could not follow ${NOUN} ${id}`);
    throw error;
  });
  const ends = Array.from(outcomes.values());
  const refused = ends.flatMap((each) => each.refused).map(({ reason }) => reason);
  if (ends.every(({ processed }) => processed > 0)) {
    step.done(`The canary, ${NOUN} ${id}, was processed`);
    return { isProcessed: true, refused };
  }
  if (refused.length > 0) {
    step.fail(`The canary, ${NOUN} ${id}, came back`);
    return { isProcessed: false, refused, stopped: 'the canary came back' };
  }
  if (signal.aborted) {
    step.fail(`Stopped waiting for ${NOUN} ${id}`);
    return { isProcessed: false, refused };
  }
  step.fail(`The canary, ${NOUN} ${id}, has not ended within ${seconds} s`);
  const stopped = `the canary has not ended within ${seconds} s`;
  return { isProcessed: false, refused, stopped, next: id ? ['trace', id] : undefined };
}
