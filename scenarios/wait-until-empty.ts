import { setTimeout as pause } from 'node:timers/promises';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { queueDepth } from '../cli/aws/queue-depth.ts';

/** How it is waited. */
export interface DrainedOptions {
  /** How long nothing may move before it gives up. */
  readonly patienceMs: number;
  /** From one look to the next. @default 100 */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
  /** Called after each look with the number of messages that are left. The next look waits for it. */
  onLook?(left: number): void | Promise<void>;
}

/**
 * Waits until the queues hold nothing, neither waiting nor in flight.
 * @returns whether they are empty
 * @throws the reason of the signal, when it is aborted
 */
export async function drained(
  sqs: SQSClient,
  queueUrls: readonly string[],
  { patienceMs, pollMs = 100, signal, onLook }: DrainedOptions,
): Promise<boolean> {
  let last = -1;
  let lastChange = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const depths = await Promise.all(queueUrls.map((url) => queueDepth(sqs, url)));
    const left = depths.reduce((sum, { waiting, inFlight }) => sum + waiting + inFlight, 0);
    await onLook?.(left);
    if (left === 0) return true;
    if (left !== last) lastChange = performance.now();
    else if (performance.now() - lastChange > patienceMs) return false;
    last = left;
    await pause(pollMs, undefined, signal && { signal });
  }
}
