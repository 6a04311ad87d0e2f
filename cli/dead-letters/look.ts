/** Goes through a dead-letter queue: each letter once, and what is not handled stays there. */
import {
  ChangeMessageVisibilityBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { queueDepth } from '../aws/queue-depth.ts';

export interface LookResult {
  /** Distinct letters received. */
  readonly seen: number;
  /**
   * About how many more SQS counts: somebody else has received them, they are more than SQS has in flight at a time
   * (120,000), they have only just left, or they lie behind ten of their group in a FIFO queue.
   */
  readonly unseen: number;
}

export interface LookOptions {
  /** Ends the look early; everything is still given back. */
  readonly signal?: AbortSignal;
  /** Extra time to handle all letters, in seconds. @default 0 */
  readonly handlingSeconds?: number;
  /** Concurrent batches; one keeps the sequence of a FIFO queue. @default 4 */
  readonly pollers?: number | undefined;
  /** Called after each batch. `expected` is what SQS counts, which is not exact. */
  readonly onProgress?: (progress: { seen: number; expected: number }) => void;
}

/** A letter that is hidden from others, and the group that it holds up. */
interface Held {
  readonly handle: string;
  readonly group: string | undefined;
}

/** How long letters stay hidden if the look is killed before it gives them back. */
const LEAST_HIDDEN_SECONDS = 60;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html */
const MOST_HIDDEN_SECONDS = 43_200;
/** Several times what it takes, so that no letter is back before the last one is seen. */
const SECONDS_A_LETTER = 0.02;
const BATCH = 10;
/** All have to find nothing before the queue counts as seen: on AWS a poll can be empty although there are letters. */
const POLLERS = 4;
/** Polls in a row without a new letter, even if SQS still counts letters: its count lags behind. */
const MAX_EMPTY_POLLS = 5;
/** The same for a FIFO queue, which also counts letters that it holds back. */
const MAX_EMPTY_FIFO_POLLS = 1;

/** Shows `visit` each letter in the queue once, and leaves all of them there. */
export function lookAtDeadLetters(
  sqs: SQSClient,
  queueUrl: string,
  visit: (letter: Message) => void,
  options: LookOptions = {},
): Promise<LookResult> {
  const handle = async (letters: Message[]) => {
    letters.forEach(visit);
    return [];
  };
  return forEachBatch(sqs, queueUrl, handle, options);
}

/** IDs of the letters in the queue, all of which stay there. */
export async function letterIds(sqs: SQSClient, queueUrl: string, signal: AbortSignal): Promise<Set<string>> {
  const ids = new Set<string>();
  await lookAtDeadLetters(sqs, queueUrl, ({ MessageId = '' }) => ids.add(MessageId), { signal });
  return ids;
}

/**
 * Hands each letter in the queue to `handle` once, in batches of up to ten, some of them at the same time. At the end, on an
 * error too, all letters become visible again but those that `handle` returned: these are deleted already. Only IDs are
 * kept. Of a group of a FIFO queue no more than ten can be seen, as many as SQS hands out at a time: while one of them is in
 * flight, it hands out none behind it. https://repost.aws/knowledge-center/sqs-fifo-messages-not-returned
 */
export async function forEachBatch(
  sqs: SQSClient,
  queueUrl: string,
  handle: (letters: Message[]) => Promise<readonly Message[]>,
  { signal, handlingSeconds = 0, pollers = POLLERS, onProgress }: LookOptions = {},
): Promise<LookResult> {
  const before = await queueDepth(sqs, queueUrl);
  const expected = before.waiting + before.inFlight;
  const hiddenSeconds = Math.min(
    MOST_HIDDEN_SECONDS,
    Math.ceil(LEAST_HIDDEN_SECONDS + expected * SECONDS_A_LETTER + handlingSeconds),
  );
  const seen = new Set<string>();
  const held = new Map<string, Held>();
  const isFifo = queueUrl.endsWith('.fifo');
  const maxEmpty = isFifo ? MAX_EMPTY_FIFO_POLLS : MAX_EMPTY_POLLS;
  let hasFailed = false;

  /** @returns whether there were letters that had not been seen */
  const take = async (): Promise<boolean> => {
    const letters = await receive(sqs, queueUrl, hiddenSeconds);
    const unknown = letters.filter(({ MessageId = '' }) => !seen.has(MessageId));
    for (const { MessageId = '', ReceiptHandle = '', Attributes } of letters) {
      seen.add(MessageId);
      held.set(MessageId, { handle: ReceiptHandle, group: Attributes?.MessageGroupId });
    }
    if (unknown.length === 0) return false;
    for (const { MessageId = '' } of await handle(unknown)) held.delete(MessageId);
    onProgress?.({ seen: seen.size, expected: Math.max(expected, seen.size) });
    return true;
  };
  const hasMore = async () => !hasFailed && !signal?.aborted && (await queueDepth(sqs, queueUrl)).waiting > 0;
  const poll = async () => {
    for (let empty = 0; empty < maxEmpty && !hasFailed && !signal?.aborted; ) {
      if (await take()) empty = 0;
      else if (await hasMore()) empty++;
      else return;
    }
  };
  /** An answer may end in the middle of a group. Given back while all others are in flight, a group comes whole. */
  const completeGroups = async () => {
    const groups = Map.groupBy(held, ([, { group }]) => group);
    for (const [group, letters] of groups) {
      if (group === undefined || letters.length >= BATCH) continue;
      do {
        if (!(await hasMore())) return;
        const given = Array.from(held).filter(([, each]) => each.group === group);
        for (const [messageId] of given) held.delete(messageId);
        await giveBack(
          sqs,
          queueUrl,
          given.map(([, { handle }]) => handle),
        );
      } while (await take());
    }
  };
  const polls = await Promise.allSettled(
    Array.from({ length: pollers }, () =>
      poll().catch((error) => {
        hasFailed = true;
        throw error;
      }),
    ),
  );
  if (isFifo) polls.push(...(await Promise.allSettled([completeGroups()])));
  const givenBack = await giveBack(
    sqs,
    queueUrl,
    Array.from(held.values(), ({ handle }) => handle),
  );
  for (const result of [...polls, ...givenBack]) if (result.status === 'rejected') throw result.reason;
  return { seen: seen.size, unseen: Math.max(0, expected - seen.size) };
}

async function receive(sqs: SQSClient, queueUrl: string, hiddenSeconds: number): Promise<Message[]> {
  try {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: BATCH,
        VisibilityTimeout: hiddenSeconds,
        // A long poll asks all servers of the queue, a short one only some:
        // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
        WaitTimeSeconds: 1,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      }),
    );
    return Messages;
  } catch (error) {
    // As many are in flight as SQS allows: what is left cannot be seen in this look.
    if (error instanceof Error && error.name === 'OverLimit') return [];
    throw error;
  }
}

/** A letter whose call or entry fails comes back by itself when its time is over. */
async function giveBack(sqs: SQSClient, queueUrl: string, handles: string[]) {
  const results: PromiseSettledResult<unknown>[] = [];
  for (let start = 0; start < handles.length; start += BATCH * POLLERS) {
    const chunks = Array.from({ length: POLLERS }, (_, index) =>
      handles.slice(start + index * BATCH, start + (index + 1) * BATCH),
    );
    const given = await Promise.allSettled(
      chunks
        .filter((chunk) => chunk.length > 0)
        .map((chunk) => {
          const Entries = chunk.map((ReceiptHandle, index) => ({
            Id: String(index),
            ReceiptHandle,
            VisibilityTimeout: 0,
          }));
          return sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
        }),
    );
    results.push(...given.filter(({ status }) => status === 'rejected'));
  }
  return results;
}
