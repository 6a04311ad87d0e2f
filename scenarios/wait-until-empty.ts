import { setTimeout as pause } from 'node:timers/promises';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { queueDepth } from '../cli/aws/queue-depth.ts';

export interface WaitOptions {
  /** Gives up when nothing has moved for so long. */
  readonly stallTimeoutMs: number;
  /** @default 100 */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
  /** Called after each look with the number of messages that are left; the next look waits for it. */
  onPoll?(left: number): void | Promise<void>;
}

/**
 * Waits until the queues hold nothing, neither waiting nor in flight.
 * @returns whether they are empty
 * @throws the reason of the signal, when it is aborted
 */
export async function waitUntilEmpty(
  sqs: SQSClient,
  queueUrls: readonly string[],
  { stallTimeoutMs, pollMs = 100, signal, onPoll }: WaitOptions,
): Promise<boolean> {
  let last = -1;
  let lastChange = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const depths = await Promise.all(queueUrls.map((url) => queueDepth(sqs, url)));
    const left = depths.reduce((sum, { waiting, inFlight }) => sum + waiting + inFlight, 0);
    await onPoll?.(left);
    if (left === 0) return true;
    if (left !== last) lastChange = performance.now();
    else if (performance.now() - lastChange > stallTimeoutMs) return false;
    last = left;
    await pause(pollMs, undefined, signal && { signal });
  }
}
