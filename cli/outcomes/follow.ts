/** Follows published orders to their end at each consumer: recorded, refused, or not seen. */

import { setTimeout } from 'node:timers/promises';
import {
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  type DynamoDBClient,
  type KeysAndAttributes,
} from '@aws-sdk/client-dynamodb';
import { checkEvent, type OrderEvent } from '../../contract/events.ts';
import { ORDER_PLACED, orderDigest } from '../../contract/order.ts';
import { backoffDelay } from '../../contract/retries.ts';
import { type ConsumerHandles, recordsTable, type TableHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { Deadline } from '../aws/deadline.ts';
import { recordingConsumers, type StackHandles } from '../aws/stack.ts';
import { lookAtDeadLetters } from '../dead-letters/look.ts';
import type { OrderMessage } from '../publishing/batches.ts';
import { CommandError } from '../terminal/command-error.ts';
import { readSubscriptions, type Takes } from './subscriptions.ts';

/** What became of the messages at one consumer. All of those that its filter lets through are in one of the three. */
export interface Outcome {
  /** How many orders and cancellations it has on record. */
  readonly processed: number;
  /** In its dead-letter queue. */
  readonly refused: RefusedMessage[];
  /** In neither place when the time was over. */
  readonly missing: OrderMessage[];
}

interface RefusedMessage {
  readonly message: OrderMessage;
  /** What the consumer said; absent where SQS or SNS moved the message without a word. */
  readonly reason?: string;
}

export interface FollowOptions {
  readonly clients: Pick<Clients, 'sns' | 'sqs' | 'dynamodb'>;
  readonly stack: StackHandles;
  readonly messages: Iterable<OrderMessage>;
  /** How long to wait for the last one. */
  readonly timeoutMs: number;
  /** Which consumers get a message. @default what the filter policies say */
  readonly takes?: Takes;
  /** IDs of dead letters that lay there before: they are no answer. @default none */
  readonly earlierLetters?: ReadonlySet<string>;
  /** Called after each look, with sums over all consumers. */
  readonly onProgress?: (progress: { ended: number; expected: number }) => void;
  /** Called with the reason, in a line, where a look failed that may succeed later. */
  readonly onTrouble?: (reason: string) => void;
  /** Ends the wait at once; what has not been found then is missing. */
  readonly signal?: AbortSignal;
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
const MAX_KEYS = 100;
const PARALLEL_READS = 4;
const MAX_EMPTY_ANSWERS = 5;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

interface Open {
  readonly message: OrderMessage;
  /** Absent where the message is no valid event: then it can only be refused. */
  readonly event: OrderEvent | undefined;
}

/** What a record says of its order. */
interface Recorded {
  readonly digest: string | undefined;
  readonly isCancelled: boolean;
}

/**
 * Waits until each message has ended at each consumer with records whose filter policy lets it through, at most `timeoutMs`. Throttling, errors
 * of AWS and an outage of the network are waited out.
 * @returns consumer → outcome, in the order of the stack
 * @throws CommandError for a consumer that cannot be followed; whatever else the SDK throws, and what lasts to the end before the
 *   first look
 */
export async function followMessages(options: FollowOptions): Promise<Map<string, Outcome>> {
  const { clients, stack, messages, timeoutMs, onProgress, onTrouble } = options;
  const { signal = new AbortController().signal } = options;
  const deadline = new Deadline(timeoutMs, signal, onTrouble);
  const { earlierLetters = new Set() } = options;
  const takes = options.takes ?? (await deadline.retry(() => readSubscriptions(clients.sns, stack)));
  const distinct = new Map<string, Open>();
  for (const message of messages) {
    if (!distinct.has(message.body)) distinct.set(message.body, { message, event: eventIn(message.body) });
  }
  const recording = recordingConsumers(stack);
  if (recording.length === 0) stack.consumers.forEach(recordTable);
  const followed = recording.map((consumer) => {
    const expected = Array.from(distinct.values()).filter(({ message }) => takes(consumer.name, message));
    return new FollowedConsumer(clients, consumer, recordTable(consumer), expected, earlierLetters);
  });
  const sum = (of: (consumer: FollowedConsumer) => number) =>
    followed.reduce((all, each) => all + of(each), 0);
  const expected = sum((each) => each.open.size);

  for (let left = expected, pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    const before = left;
    const isLast = deadline.isOver;
    await Promise.all(followed.map((each) => each.look(isLast))).catch((error) => deadline.tolerate(error));
    left = sum((each) => each.open.size);
    onProgress?.({ ended: expected - left, expected });
    if (left === 0 || isLast) break;
    if (left < before) pause = FIRST_PAUSE_MS;
    await deadline.wait(pause);
  }
  return new Map(followed.map((each) => [each.name, each.outcome()]));
}

class FollowedConsumer {
  readonly name: string;
  /** Body → what has not ended yet. */
  readonly open: Map<string, Open>;
  private readonly clients: FollowOptions['clients'];
  private readonly deadLetterQueueUrl: string;
  private readonly table: TableHandles;
  private readonly earlierLetters: ReadonlySet<string>;
  private processed = 0;
  private readonly refused: RefusedMessage[] = [];

  constructor(
    clients: FollowOptions['clients'],
    consumer: ConsumerHandles,
    table: TableHandles,
    expected: Open[],
    earlierLetters: ReadonlySet<string>,
  ) {
    this.name = consumer.name;
    this.clients = clients;
    this.deadLetterQueueUrl = consumer.deadLetterQueueUrl;
    this.table = table;
    this.earlierLetters = earlierLetters;
    this.open = new Map(expected.map((each) => [each.message.body, each]));
  }

  async look(isLast: boolean): Promise<void> {
    const before = this.open.size;
    await this.lookForRecords();
    // While records still come in, the dead letters can wait.
    if (this.open.size > 0 && (isLast || this.open.size === before)) await this.lookForDeadLetters();
  }

  outcome(): Outcome {
    return {
      processed: this.processed,
      refused: this.refused,
      missing: Array.from(this.open.values(), ({ message }) => message),
    };
  }

  private async lookForRecords(): Promise<void> {
    const ids = new Set<string>();
    for (const { message, event } of this.open.values()) if (event) ids.add(message.orderId);
    const records = await readRecords(this.clients.dynamodb, this.table, Array.from(ids));
    for (const [body, { message, event }] of this.open) {
      const record = records.get(message.orderId);
      if (!event || !record || !tellsOf(record, event)) continue;
      this.open.delete(body);
      this.processed++;
    }
  }

  private async lookForDeadLetters(): Promise<void> {
    await lookAtDeadLetters(
      this.clients.sqs,
      this.deadLetterQueueUrl,
      ({ MessageId = '', Body = '', MessageAttributes = {} }) => {
        const found = this.earlierLetters.has(MessageId) ? undefined : this.open.get(Body);
        if (!found) return;
        this.open.delete(Body);
        const { DeadLetterError, DeadLetterMessage } = MessageAttributes;
        const reason = [DeadLetterError?.StringValue, DeadLetterMessage?.StringValue]
          .filter(Boolean)
          .join(': ');
        this.refused.push({ message: found.message, ...(reason && { reason }) });
      },
    );
  }
}

/**
 * The consumer's table of one record an order.
 * @throws CommandError where there is none
 */
export function recordTable(consumer: ConsumerHandles): TableHandles {
  const found = recordsTable(consumer);
  if (found) return found;
  throw new CommandError(`Cannot follow orders to ${consumer.name}: it has no table that holds records`);
}

/**
 * Those of the messages whose event would change what the consumer has on record: an order that it has not, or a cancellation of one
 * that is not cancelled there.
 * @throws CommandError for a consumer without records; whatever the SDK throws
 */
export async function notOnRecord<M extends OrderMessage>(
  dynamodb: DynamoDBClient,
  consumer: ConsumerHandles,
  messages: readonly M[],
): Promise<M[]> {
  const table = recordTable(consumer);
  const ids = new Set(messages.map(({ orderId }) => orderId));
  const records = await readRecords(dynamodb, table, Array.from(ids));
  return messages.filter(({ body, orderId }) => {
    const event = eventIn(body);
    const record = records.get(orderId);
    if (event?.eventType === ORDER_PLACED) return record?.digest === undefined;
    return event !== undefined && record?.isCancelled !== true;
  });
}

/** Whether what is recorded is, or includes, the event. */
function tellsOf({ digest, isCancelled }: Recorded, event: OrderEvent): boolean {
  // Another digest: a different order has the orderId, and this message will be refused.
  return event.eventType === ORDER_PLACED ? digest === orderDigest(event) : isCancelled;
}

/** By orderId. */
async function readRecords(
  dynamodb: DynamoDBClient,
  table: TableHandles,
  orderIds: string[],
): Promise<Map<string, Recorded>> {
  const records = new Map<string, Recorded>();
  const chunks = Array.from({ length: Math.ceil(orderIds.length / MAX_KEYS) }, (_, index) =>
    orderIds.slice(index * MAX_KEYS, (index + 1) * MAX_KEYS),
  );
  const reader = async () => {
    for (let chunk = chunks.pop(); chunk; chunk = chunks.pop()) {
      for await (const item of readItems(dynamodb, table, chunk)) {
        const isCancelled = item.cancelledAt !== undefined;
        const orderId = item[table.partitionKey]?.S;
        if (orderId) records.set(orderId, { digest: item.orderDigest?.S, isCancelled });
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, reader));
  return records;
}

async function* readItems(
  dynamodb: DynamoDBClient,
  { name, partitionKey }: TableHandles,
  orderIds: string[],
) {
  const all: KeysAndAttributes = {
    Keys: orderIds.map((orderId) => ({ [partitionKey]: { S: orderId } })),
    ProjectionExpression: '#key, orderDigest, cancelledAt',
    ExpressionAttributeNames: { '#key': partitionKey },
  };
  // Under load or over 16 MB DynamoDB answers in part, and asks for deadline with the rest.
  for (let left: KeysAndAttributes | undefined = all, tries = 0; left; tries++) {
    const answer: BatchGetItemCommandOutput = await dynamodb.send(
      new BatchGetItemCommand({ RequestItems: { [name]: left } }),
    );
    const items = answer.Responses?.[name] ?? [];
    yield* items;
    left = answer.UnprocessedKeys?.[name];
    if (items.length > 0) tries = 0;
    if (left && tries === MAX_EMPTY_ANSWERS) {
      throw new CommandError('DynamoDB throttles dynamodb:BatchGetItem: try again later');
    }
    if (left && tries > 0) await setTimeout(backoffDelay(tries, { first: 2 * FIRST_PAUSE_MS }));
  }
}

/** The digest of the order in a body; undefined where it holds no valid one. */
export function digestOf(body: string): string | undefined {
  const event = eventIn(body);
  return event?.eventType === ORDER_PLACED ? orderDigest(event) : undefined;
}

/** The event in a body; undefined where it holds no valid one. */
export function eventIn(body: string): OrderEvent | undefined {
  try {
    const result = checkEvent(JSON.parse(body));
    return 'event' in result ? result.event : undefined;
  } catch {
    return undefined;
  }
}
