/** Batches of messages as SNS and SQS accept them, and their rate. */
import { setTimeout } from 'node:timers/promises';
import type { MessageAttributeValue } from '@aws-sdk/client-sns';

export interface OutgoingMessage {
  readonly body: string;
  readonly attributes: Record<string, MessageAttributeValue>;
  /** Of its event: names the message where it fails. */
  readonly id?: string | undefined;
}

/** A message with an event; copies of it count as one. */
export interface EventMessage extends OutgoingMessage {
  readonly id: string;
}

/** A message and its position among all, from 0. */
export interface Entry<M extends OutgoingMessage = OutgoingMessage> {
  readonly index: number;
  readonly message: M;
}

interface BatchLimits<M> {
  /** Of a batch, with the attributes. */
  readonly maxBytes: number;
  /** Messages per second, at most: a low rate makes small batches, about ten a second, for an even flow. */
  readonly rate?: number | undefined;
  /** A batch holds one message of each group. @default - groups do not matter */
  readonly groupOf?: ((message: M) => string) | undefined;
}

/** https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html, and the same for SQS's SendMessageBatch */
const MAX_ENTRIES = 10;
/** After a stall the rate may be exceeded to catch up with this much of it. */
const CATCH_UP_MS = 1000;

/** Splits messages into batches. A message too large for any batch comes alone. */
export async function* inBatches<M extends OutgoingMessage>(
  messages: Iterable<M> | AsyncIterable<M>,
  { maxBytes, rate, groupOf }: BatchLimits<M>,
): AsyncGenerator<Entry<M>[]> {
  const maxEntries = rate === undefined ? MAX_ENTRIES : Math.min(MAX_ENTRIES, Math.ceil(rate / 10));
  let batch: Entry<M>[] = [];
  let bytes = 0;
  let index = 0;
  const groups = new Set<string>();
  for await (const message of messages) {
    const size = messageSize(message);
    const group = groupOf?.(message);
    const isFull = batch.length >= maxEntries || bytes + size > maxBytes;
    if (batch.length > 0 && (isFull || (group !== undefined && groups.has(group)))) {
      yield batch;
      batch = [];
      bytes = 0;
      groups.clear();
    }
    if (group !== undefined) groups.add(group);
    batch.push({ index: index++, message });
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** Bytes of a message as SNS and SQS count them: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html */
export function messageSize({ body, attributes }: OutgoingMessage): number {
  return Object.entries(attributes).reduce(
    (sum, [name, { DataType = '', StringValue = '', BinaryValue }]) =>
      sum +
      Buffer.byteLength(name) +
      Buffer.byteLength(DataType) +
      Buffer.byteLength(StringValue) +
      (BinaryValue?.byteLength ?? 0),
    Buffer.byteLength(body),
  );
}

/** Limits the average rate; callers may share one. */
export class Pace {
  /** Messages; undefined where there is no limit. */
  readonly perSecond: number | undefined;
  /** When the next messages may go; undefined before the first. */
  private next: number | undefined;
  private readonly clock: { now(): number; pause: typeof pause };

  constructor(perSecond: number | undefined, clock = { now: () => performance.now(), pause }) {
    this.perSecond = perSecond;
    this.clock = clock;
  }

  /** Resolves when the messages may go, or on the signal. */
  async turn(messages: number, signal: AbortSignal): Promise<void> {
    if (this.perSecond === undefined) return;
    const now = this.clock.now();
    const turn = Math.max(this.next ?? now, now - CATCH_UP_MS);
    this.next = turn + (messages / this.perSecond) * 1000;
    if (turn > now) await this.clock.pause(turn - now, signal);
  }
}

/** Ends early, without an error, on the signal. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {});
}
