/** Follows published events to their end at each consumer: recorded, refused, or not seen. */
import type { Message } from '@aws-sdk/client-sqs';
import { domain } from '#domain';
import type { AnyEvent } from '../../contract/event-catalogue.ts';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { Deadline } from '../aws/deadline.ts';
import type { StackHandles } from '../aws/stack.ts';
import { lookAtDeadLetters } from '../dead-letters/look.ts';
import type { EventMessage } from '../publishing/batches.ts';
import { leavesRecord, onRecord, readRecords, withRecords } from './records.ts';
import { readSubscriptions, type Takes } from './subscriptions.ts';

/** What became of the messages at one consumer. All of those that its filter lets through are in one of the three. */
export interface Outcome {
  /** How many events it has on record. */
  readonly processed: number;
  /** In its dead-letter queue. */
  readonly refused: RefusedMessage[];
  /** In neither place at the deadline. */
  readonly missing: EventMessage[];
}

interface RefusedMessage {
  readonly message: EventMessage;
  /** The consumer's reason; undefined where SQS or SNS moved the message. */
  readonly reason: string | undefined;
}

export interface FollowOptions {
  readonly clients: Pick<Clients, 'sns' | 'sqs' | 'dynamodb' | 's3'>;
  readonly stack: StackHandles;
  readonly messages: Iterable<EventMessage>;
  /** How long to wait for the last one. */
  readonly timeoutMs: number;
  /** Which consumers get a message. @default as the filter policies say */
  readonly takes?: Takes;
  /** IDs of dead letters that were there before: they are no answer. @default none */
  readonly earlierLetters?: ReadonlySet<string>;
  /** Called after each look, with sums over all consumers. */
  readonly onProgress?: (progress: { ended: number; expected: number }) => void;
  /** Called with the reason, in one line, where a look failed that may succeed later. */
  readonly onTrouble?: (reason: string) => void;
  /** Ends the wait at once; what has not been found by then is missing. */
  readonly signal?: AbortSignal;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

interface Open {
  readonly message: EventMessage;
  /** Undefined where the message is no valid event: then it can only be refused. */
  readonly event: AnyEvent | undefined;
}

/**
 * Waits until each message has ended at each consumer that keeps records and whose filter policy lets the message through.
 * Throttling, faults of AWS and network outages are waited out.
 * @returns consumer → outcome, as the stack lists them
 * @throws CommandError where no consumer keeps records; whatever else the SDK throws, and what lasts until the deadline before the
 *   first look
 */
export async function followMessages(options: FollowOptions): Promise<Map<string, Outcome>> {
  const { clients, stack, messages, timeoutMs, onProgress, onTrouble } = options;
  const { signal = new AbortController().signal } = options;
  const recording = withRecords(stack.consumers);
  const deadline = new Deadline(timeoutMs, signal, onTrouble);
  const takes = options.takes ?? (await deadline.retry(() => readSubscriptions(clients.sns, stack)));
  const distinct = new Map<string, Open>();
  for (const message of messages) {
    if (distinct.has(message.body)) continue;
    distinct.set(message.body, { message, event: domain.events.eventIn(message.body) });
  }
  const followed = recording.map((consumer) => {
    const expected = Array.from(distinct).filter(
      ([, { message, event }]) =>
        takes(consumer.name, message) && (!event || leavesRecord(consumer.name, event)),
    );
    return followAt(consumer, new Map(expected), options);
  });
  const countOpen = () => followed.reduce((sum, each) => sum + each.open.size, 0);
  const expected = countOpen();

  for (let left = expected, pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    const before = left;
    const isLast = deadline.isOver;
    await Promise.all(followed.map((each) => each.look(isLast))).catch((error) => deadline.tolerate(error));
    left = countOpen();
    onProgress?.({ ended: expected - left, expected });
    if (left === 0 || isLast) break;
    if (left < before) pause = FIRST_PAUSE_MS;
    await deadline.wait(pause);
  }
  return new Map(followed.map((each) => [each.name, each.outcome()]));
}

/** @param open body → what has not ended yet; shrinks */
function followAt(
  consumer: ConsumerHandles,
  open: Map<string, Open>,
  { clients, earlierLetters = new Set() }: FollowOptions,
) {
  const { name, deadLetterQueueUrl } = consumer;
  const refused: RefusedMessage[] = [];
  let processed = 0;

  const lookForRecords = async (): Promise<void> => {
    const valid = Array.from(open.values()).filter(({ event }) => event !== undefined);
    const ids = valid.map(({ message }) => message.id);
    const records = await readRecords(clients, consumer, ids);
    for (const { message, event } of valid) {
      // Another event under the ID: this message will be refused.
      if (!event || onRecord(records.get(message.id), event) !== 'this') continue;
      open.delete(message.body);
      processed++;
    }
  };
  const visitLetter = ({ MessageId = '', Body = '', MessageAttributes = {} }: Message): void => {
    const found = earlierLetters.has(MessageId) ? undefined : open.get(Body);
    if (!found) return;
    open.delete(Body);
    const { DeadLetterError, DeadLetterMessage } = MessageAttributes;
    const reason = [DeadLetterError?.StringValue, DeadLetterMessage?.StringValue].filter(Boolean).join(': ');
    refused.push({ message: found.message, reason: reason || undefined });
  };
  return {
    name,
    open,
    async look(isLast: boolean): Promise<void> {
      const before = open.size;
      await lookForRecords();
      // While records still come in, the dead letters can wait.
      if (open.size > 0 && (isLast || open.size === before)) {
        await lookAtDeadLetters(clients.sqs, deadLetterQueueUrl, visitLetter);
      }
    },
    outcome: (): Outcome => ({
      processed,
      refused,
      missing: Array.from(open.values(), ({ message }) => message),
    }),
  };
}
