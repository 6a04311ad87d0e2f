/** Sends messages to a topic or a queue in batches, and accounts for every one of them. */
import { backoffDelay } from '../../contract/retries.ts';
import { explain, isThrottlingCode, isTransient, isUnreachable } from '../aws/errors.ts';
import { type Entry, inBatches, messageSize, type OutgoingMessage, Pace, pause } from './batches.ts';

/** Takes batches of messages. */
export interface Destination<M extends OutgoingMessage> {
  readonly service: 'SNS' | 'SQS';
  /** ARN of the topic, or URL of the queue. */
  readonly address: string;
  /** The IAM action that it takes. */
  readonly action: string;
  /** Bytes of a batch, so also of one message, with the attributes. */
  readonly maxBytes: number;
  /** The group of a message, where groups keep their sequence. */
  readonly groupOf?: ((message: M) => string) | undefined;
  /** Sends a batch, with its positions in it as IDs. @throws whatever the SDK throws */
  send(messages: readonly M[]): Promise<BatchAnswer>;
  /** Explains an error of this destination; undefined for any other error. */
  explain?(error: unknown): string | undefined;
}

/** What SNS or SQS answers about each message of a batch. */
interface BatchAnswer {
  readonly Successful?: readonly { readonly Id?: string | undefined }[] | undefined;
  readonly Failed?: readonly BatchRefusal[] | undefined;
}

interface BatchRefusal {
  readonly Id: string | undefined;
  readonly Code: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault: boolean | undefined;
}

/** A message that is not sent, as far as is known: after a lost answer it may be. */
interface FailedMessage {
  /** Its position in `messages`, from 0. */
  readonly index: number;
  readonly id: string | undefined;
  readonly reason: string;
}

export interface SendResult {
  readonly sent: number;
  /** By index. Together with `sent` all messages. */
  readonly failed: FailedMessage[];
  /** Why the run ended early; also the reason of each message that was left. */
  readonly stopped: string | undefined;
}

export interface SendOptions<M extends OutgoingMessage> {
  readonly messages: Iterable<M> | AsyncIterable<M>;
  /** How many messages a second. @default no limit */
  readonly pace?: Pace;
  /** Batches under way at the same time; where groups keep their sequence always one. @default 8 */
  readonly concurrency?: number;
  /** Tries of one message. @default 8 */
  readonly attempts?: number;
  /** Whether a message that fails in all its tries ends the run, instead of counting as failed. @default false */
  readonly endsAtFailure?: boolean;
  /** The longest wait before the first retry, in milliseconds; it doubles with each one. @default 100 */
  readonly backoffMs?: number;
  /** Called after each batch. */
  readonly onProgress?: (progress: { sent: number; failed: number }) => void;
  /** Stops: batches under way end, everything after them counts as failed. */
  readonly signal?: AbortSignal;
}

const MAX_BACKOFF_MS = 5000;

/**
 * Sends all `messages`. Failed entries are retried with exponential backoff and full jitter, unless AWS reports a sender fault. A call
 * that is refused as a whole (no permission, no such topic), or that reached no server in all its tries, ends the run: the rest
 * counts as failed for that reason. Does not throw for anything that AWS answers.
 *
 * A message whose response was lost is sent again, so it can arrive twice, as it can from SNS itself.
 *
 * Where groups keep their sequence, one batch goes after the other, each with one message a group, since an entry may be refused and
 * the one behind it taken.
 */
export async function sendMessages<M extends OutgoingMessage>(
  destination: Destination<M>,
  options: SendOptions<M>,
): Promise<SendResult> {
  const { messages, pace = new Pace(undefined), concurrency = 8, attempts = 8, signal, onProgress } = options;
  const { endsAtFailure = false, backoffMs = 100 } = options;
  const { maxBytes, groupOf, service } = destination;
  const failed: FailedMessage[] = [];
  let sent = 0;
  /** Ends early for the caller's reason, or for an answer that no further call would change. */
  const stop = new AbortController();
  const onAbort = () => stop.abort('stopped before it was sent');
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });

  const fail = ({ index, message: { id } }: Entry<M>, reason: string) => {
    failed.push({ index, id, reason });
  };

  /** Counts what is said of each entry; returns those that are worth another try, with the reason. */
  const read = ({ Successful = [], Failed = [] }: BatchAnswer, entries: Entry<M>[]) => {
    const again = new Map<Entry<M>, string>();
    const successful = new Set(Successful.map(({ Id }) => Id));
    const refused = new Map(Failed.map((each) => [each.Id, each]));
    for (const [position, entry] of entries.entries()) {
      const refusal = refused.get(String(position));
      if (successful.has(String(position))) sent++;
      else if (!refusal) again.set(entry, `${service} did not mention it in its answer`);
      else {
        const { Code, Message, SenderFault } = refusal;
        const reason = [Code, Message].filter(Boolean).join(': ') || 'refused without a reason';
        if (SenderFault && !isThrottlingCode(Code)) fail(entry, reason);
        else again.set(entry, reason);
      }
    }
    return again;
  };

  const sendOnce = async (entries: Entry<M>[], isLast: boolean): Promise<Map<Entry<M>, string>> => {
    try {
      return read(await destination.send(entries.map(({ message }) => message)), entries);
    } catch (error) {
      const reason = destination.explain?.(error) ?? explain(error, destination.action) ?? String(error);
      if (!isTransient(error) || (isLast && isUnreachable(error))) stop.abort(reason);
      return new Map(entries.map((entry) => [entry, reason]));
    }
  };

  const send = async (batch: Entry<M>[]): Promise<void> => {
    const [only] = batch;
    const size = only && batch.length === 1 ? messageSize(only.message) : 0;
    if (only && size > maxBytes) {
      fail(only, `has ${size} bytes with its attributes, but ${service} takes ${maxBytes}`);
      return;
    }
    let left = batch;
    for (let attempt = 1; left.length > 0; attempt++) {
      if (stop.signal.aborted) {
        for (const entry of left) fail(entry, String(stop.signal.reason));
        return;
      }
      const isLast = attempt === attempts;
      const reasons = await sendOnce(left, isLast);
      left = left.filter((entry) => reasons.has(entry));
      const [first] = left;
      if (!first) return;
      if (isLast && !stop.signal.aborted) {
        const failure = (entry: Entry<M>) => `${reasons.get(entry)} (tried ${attempt} times)`;
        if (!endsAtFailure) {
          for (const entry of left) fail(entry, failure(entry));
          return;
        }
        stop.abort(failure(first));
      }
      await pause(backoffDelay(attempt, { first: backoffMs, longest: MAX_BACKOFF_MS }), stop.signal);
    }
  };

  const all = inBatches(messages, { maxBytes, groupOf, rate: pace.perSecond });
  const batches = paced(all, pace, stop.signal);
  const worker = async () => {
    for await (const batch of batches) {
      await send(batch);
      onProgress?.({ sent, failed: failed.length });
    }
  };
  try {
    await Promise.all(Array.from({ length: groupOf ? 1 : concurrency }, worker));
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  const stopped = stop.signal.aborted ? String(stop.signal.reason) : undefined;
  return { sent, failed: failed.sort((a, b) => a.index - b.index), stopped };
}

/** Lets batches through at the pace; all at once when stopped. */
async function* paced<M extends OutgoingMessage>(
  batches: AsyncIterable<Entry<M>[]>,
  pace: Pace,
  signal: AbortSignal,
): AsyncGenerator<Entry<M>[]> {
  for await (const batch of batches) {
    await pace.turn(batch.length, signal);
    yield batch;
  }
}
