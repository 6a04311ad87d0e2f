import type { SqsQueue } from './internals.ts';

/** A message as it lies in a queue. */
export interface HeldMessage {
  messageId: string;
  body: string;
  /** The text of each attribute that has one. */
  attributes: Record<string, string>;
}

/** The messages that lie in a queue: visible, delayed and in flight. */
export function messagesIn(queue: SqsQueue): HeldMessage[] {
  const { ready, delayed, inflight } = queue.inspectMessages();
  const messages = [...ready, ...delayed, ...inflight.map(({ message }) => message)];
  return messages.map(({ messageId, body, messageAttributes }) => ({
    messageId,
    body,
    attributes: Object.fromEntries(
      Object.entries(messageAttributes).flatMap(([name, { StringValue }]) =>
        StringValue === undefined ? [] : [[name, StringValue]],
      ),
    ),
  }));
}

/** Makes every message in flight visible, as if its visibility timeout had passed. @returns how many there were */
export function endVisibilityTimeouts(queues: Iterable<SqsQueue>): number {
  let ended = 0;
  for (const queue of queues) {
    for (const receiptHandle of [...queue.inflightMessages.keys()]) {
      queue.changeVisibility(receiptHandle, 0);
      ended += 1;
    }
  }
  return ended;
}

/**
 * Lets time pass for the messages in flight alone: those whose visibility timeout ends within it become visible.
 * @param seconds of the emulator's time
 */
export function passTime(queues: Iterable<SqsQueue>, seconds: number): void {
  const now = Date.now();
  for (const queue of queues) {
    for (const [receiptHandle, entry] of [...queue.inflightMessages]) {
      entry.visibilityDeadline -= seconds * 1_000;
      if (entry.visibilityDeadline <= now) queue.changeVisibility(receiptHandle, 0);
    }
  }
}
