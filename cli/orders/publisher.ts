/** Publishes messages to an SNS topic in batches, and accounts for every one of them. */
import { setTimeout } from 'node:timers/promises';
import {
  type MessageAttributeValue,
  PublishBatchCommand,
  type PublishBatchCommandOutput,
  type SNSClient,
} from '@aws-sdk/client-sns';
import { explain, isThrottlingCode, isTransient, isUnreachable } from '../aws/errors.ts';
import { customerGroup, deduplicationId } from './customer-group.ts';

/** A message as it goes to the topic. */
export interface OutgoingMessage {
  readonly body: string;
  readonly attributes: Record<string, MessageAttributeValue>;
  /** Names the message in `failed`. */
  readonly orderId?: string;
}

/** A message that is not published, as far as can be known: after a lost answer it may be. */
interface FailedMessage {
  /** Its position in `messages`, from 0. */
  readonly index: number;
  readonly orderId?: string;
  readonly reason: string;
}

export interface PublishResult {
  readonly published: number;
  /** By index. `published` and these together are all messages that came in. */
  readonly failed: FailedMessage[];
  /** Why the run ended before every message had been tried; it is also the reason of each message left over. */
  readonly stopped?: string;
}

export interface PublishOptions {
  readonly sns: SNSClient;
  readonly topicArn: string;
  readonly messages: Iterable<OutgoingMessage> | AsyncIterable<OutgoingMessage>;
  /** Messages per second, at most. @default no limit */
  readonly rate?: number;
  /** Gives a standard topic's messages their customer as group, so that its queues are fair. @default false */
  readonly fairQueues?: boolean;
  /** Batches under way at the same time; on a FIFO topic always one. @default 8 */
  readonly concurrency?: number;
  /** Tries of one message. @default 8 */
  readonly attempts?: number;
  /** The longest wait before the first retry, in milliseconds; it doubles with each one. @default 100 */
  readonly backoffMs?: number;
  /** Called after each batch. */
  readonly onProgress?: (progress: { published: number; failed: number }) => void;
  /** Stops: batches under way end, everything after them counts as failed. */
  readonly signal?: AbortSignal;
}

/** https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html */
const MAX_BATCH_ENTRIES = 10;
/** Of a whole batch, so also of one message. A topic can be set to take more, up to 1 MiB. */
export const MAX_BATCH_BYTES = 256 * 1024;
const MAX_BACKOFF_MS = 5000;

interface Entry {
  readonly index: number;
  readonly message: OutgoingMessage;
}

/**
 * Publishes all `messages`. Entries that fail are tried again with exponential backoff and full jitter, unless SNS says
 * that the sender is at fault. A call that is refused as a whole (no permission, no such topic), or that reached nobody in all
 * its tries, ends the run: what is left comes back as failed for that reason. Does not throw for anything that AWS answers.
 *
 * A message whose answer was lost is sent again, so it can arrive twice, as it can from SNS itself.
 *
 * On a FIFO topic the orders of a customer keep their order: one batch after the other, each with one message a customer, since
 * SNS may refuse an entry and take the one behind it.
 */
export function publishMessages(options: PublishOptions): Promise<PublishResult> {
  return new Publishing(options).run();
}

class Publishing {
  private readonly options: PublishOptions;
  private readonly attempts: number;
  private readonly isFifo: boolean;
  private readonly failed: FailedMessage[] = [];
  private published = 0;
  /** Ends early for the caller's reason, or for an answer that no further call would change. */
  private readonly stop = new AbortController();

  constructor(options: PublishOptions) {
    this.options = options;
    this.attempts = options.attempts ?? 8;
    this.isFifo = options.topicArn.endsWith('.fifo');
  }

  async run(): Promise<PublishResult> {
    const { messages, rate, concurrency = 8, signal, onProgress } = this.options;
    const { stop, failed } = this;
    const onAbort = () => stop.abort('stopped before it was sent');
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });

    const batches = paced(
      inBatches(messages, rate, this.isFifo ? customerGroup : undefined),
      rate,
      stop.signal,
    );
    const worker = async () => {
      for await (const batch of batches) {
        await this.send(batch);
        onProgress?.({ published: this.published, failed: failed.length });
      }
    };
    try {
      await Promise.all(Array.from({ length: this.isFifo ? 1 : concurrency }, worker));
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    return {
      published: this.published,
      failed: failed.sort((a, b) => a.index - b.index),
      ...(stop.signal.aborted && { stopped: String(stop.signal.reason) }),
    };
  }

  private async send(batch: Entry[]): Promise<void> {
    const { backoffMs = 100 } = this.options;
    const { signal } = this.stop;
    const [only] = batch;
    const size = only && batch.length === 1 ? messageSize(only.message) : 0;
    if (only && size > MAX_BATCH_BYTES) {
      this.fail(only, `has ${size} bytes with its attributes, but SNS takes ${MAX_BATCH_BYTES}`);
      return;
    }
    let left = batch;
    for (let attempt = 1; left.length > 0; attempt++) {
      if (signal.aborted) {
        for (const entry of left) this.fail(entry, String(signal.reason));
        return;
      }
      const isLast = attempt === this.attempts;
      const reasons = await this.sendOnce(left, isLast);
      left = left.filter((entry) => reasons.has(entry));
      if (isLast && !signal.aborted) {
        for (const entry of left) this.fail(entry, `${reasons.get(entry)} (tried ${attempt} times)`);
        return;
      }
      if (left.length === 0) return;
      await pause(Math.random() * Math.min(MAX_BACKOFF_MS, backoffMs * 2 ** (attempt - 1)), signal);
    }
  }

  /** Sends the entries; returns those that are worth another try, with what was said of them. */
  private async sendOnce(entries: Entry[], isLast: boolean): Promise<Map<Entry, string>> {
    const { sns, topicArn } = this.options;
    try {
      const answer = await sns.send(
        new PublishBatchCommand({
          TopicArn: topicArn,
          PublishBatchRequestEntries: entries.map(({ message }, position) => ({
            Id: String(position),
            Message: message.body,
            MessageAttributes: message.attributes,
            ...this.grouping(message),
          })),
        }),
      );
      return this.read(answer, entries);
    } catch (error) {
      const reason = isNotFound(error)
        ? `There is no topic ${topicArn}: check the stack, --topic-arn and --region`
        : (explain(error, 'sns:Publish') ?? String(error));
      if (!isTransient(error) || (isLast && isUnreachable(error))) this.stop.abort(reason);
      return new Map(entries.map((entry) => [entry, reason]));
    }
  }

  private grouping(message: OutgoingMessage): { MessageGroupId?: string; MessageDeduplicationId?: string } {
    if (!this.isFifo && !this.options.fairQueues) return {};
    const MessageGroupId = customerGroup(message);
    return this.isFifo
      ? { MessageGroupId, MessageDeduplicationId: deduplicationId(message) }
      : { MessageGroupId };
  }

  /** Counts what SNS says of each entry; returns those that are worth another try. */
  private read(
    { Successful = [], Failed = [] }: PublishBatchCommandOutput,
    entries: Entry[],
  ): Map<Entry, string> {
    const again = new Map<Entry, string>();
    const successful = new Set(Successful.map(({ Id }) => Id));
    const refused = new Map(Failed.map((each) => [each.Id, each]));
    for (const [position, entry] of entries.entries()) {
      const refusal = refused.get(String(position));
      if (successful.has(String(position))) this.published++;
      else if (!refusal) again.set(entry, 'SNS answered without a word about it');
      else {
        const { Code, Message, SenderFault } = refusal;
        const reason = [Code, Message].filter(Boolean).join(': ') || 'refused without a reason';
        if (SenderFault && !isThrottlingCode(Code)) this.fail(entry, reason);
        else again.set(entry, reason);
      }
    }
    return again;
  }

  private fail({ index, message: { orderId } }: Entry, reason: string): void {
    this.failed.push({ index, ...(orderId !== undefined && { orderId }), reason });
  }
}

/** Bytes of a message as SNS counts them: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html */
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

/**
 * Parts messages into batches that PublishBatch takes. A slow rate makes them smaller, about ten a second, so that the flow
 * is even. A message too large for any batch comes alone.
 */
export async function* inBatches(
  messages: Iterable<OutgoingMessage> | AsyncIterable<OutgoingMessage>,
  rate?: number,
  groupOf?: (message: OutgoingMessage) => string,
): AsyncGenerator<Entry[]> {
  const maxEntries =
    rate === undefined ? MAX_BATCH_ENTRIES : Math.min(MAX_BATCH_ENTRIES, Math.ceil(rate / 10));
  let batch: Entry[] = [];
  let bytes = 0;
  let index = 0;
  const groups = new Set<string>();
  for await (const message of messages) {
    const size = messageSize(message);
    const group = groupOf?.(message);
    const isFull = batch.length >= maxEntries || bytes + size > MAX_BATCH_BYTES;
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

/** Lets batches through at `rate` messages per second on average; all at once when stopped. */
async function* paced(
  batches: AsyncIterable<Entry[]>,
  rate: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<Entry[]> {
  let next = performance.now();
  for await (const batch of batches) {
    if (rate !== undefined) {
      const wait = next - performance.now();
      if (wait > 0) await pause(wait, signal);
      next = Math.max(next, performance.now() - 1000) + (batch.length / rate) * 1000;
    }
    yield batch;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && /^NotFound(Exception)?$/.test(error.name);
}

/** Ends early, without an error, on the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {});
}
