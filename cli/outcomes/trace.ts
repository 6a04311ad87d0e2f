/** Where an order is: what each consumer's record, dead-letter queue, queue and filter say about it. */
import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { versionsOf } from '../../domain/events.ts';
import { ORDER_PLACED } from '../../domain/order.ts';
import {
  type ConsumerHandles,
  recordsTable,
  type TableHandles,
  UNROUTED,
} from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { type QueueDepth, queueDepth } from '../aws/queue-depth.ts';
import { allButArchive, type StackHandles } from '../aws/stack.ts';
import type { Letter } from '../dead-letters/letter.ts';
import { deadLettersOf, type LetterQueue, letterQueueOf } from '../dead-letters/letter-queue.ts';
import { lookAtDeadLetters } from '../dead-letters/look.ts';
import { type FilterPolicy, passes } from './filter-policy.ts';
import { readFilterPolicies } from './subscriptions.ts';

/** What a consumer knows about the order. */
export interface ConsumerView {
  readonly name: string;
  readonly state: ConsumerState;
  readonly record?: OrderRecord | undefined;
  /** Its dead letters of the order. */
  readonly letters: readonly Letter[];
  /** What its queue holds, of any order: SQS cannot be asked for one. */
  readonly waiting: number;
  readonly inFlight: number;
  /** Why the filter rejects the order, or what is not known of the order to tell. */
  readonly filter?: string | undefined;
}

/**
 * - done: recorded
 * - conflict: recorded, but as another order than at other consumers
 * - dead-lettered
 * - filtered-out: it is not for this consumer
 * - perhaps-filtered-out: nothing found yet tells whether it is
 * - no-records: the consumer keeps no records of orders
 * - open: not recorded, but its queue holds messages
 * - missing: not recorded, and its queue holds none
 */
export type ConsumerState =
  | 'done'
  | 'conflict'
  | 'dead-lettered'
  | 'filtered-out'
  | 'perhaps-filtered-out'
  | 'no-records'
  | 'open'
  | 'missing';

interface OrderRecord {
  /** ID of the table: `invoices`. */
  readonly table: string;
  /** Undefined where the order was cancelled before it came, and has not come yet. */
  readonly digest: string | undefined;
  /** When the consumer made it. */
  readonly at: Date | undefined;
  readonly placedAt: Date | undefined;
  readonly cancellation: { readonly at: Date; readonly reason: string } | undefined;
  /** `RESERVED`, say. */
  readonly status: string | undefined;
  /** Undefined where the record does not tell. */
  readonly requiresShipping: boolean | undefined;
}

type TraceClients = Pick<Clients, 'sns' | 'sqs' | 'dynamodb'>;
type TextAttributes = Record<string, { DataType: string; StringValue: string }>;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** How long the result of a look into a dead-letter queue is used: a look hides letters from others. */
const LETTERS_AGE_MS = 15_000;

/** Looks for one order, as often as it is asked to. */
export class OrderTrace {
  private readonly clients: TraceClients;
  private readonly stack: StackHandles;
  private readonly orderId: string;
  private readonly records = new Map<string, OrderRecord>();
  private readonly letters = new Map<string, { at: number; wasIdle: boolean; found: Letter[] }>();
  private policies: Map<string, FilterPolicy> | undefined;

  constructor(clients: TraceClients, stack: StackHandles, orderId: string) {
    this.clients = clients;
    this.stack = stack;
    this.orderId = orderId;
  }

  /**
   * @param signal cuts a look into dead-letter queues short; the result is then not to be relied on
   * @returns what each consumer knows, in the order of the stack
   * @throws whatever the SDK throws
   */
  async look(signal: AbortSignal): Promise<ConsumerView[]> {
    const { stack, clients } = this;
    const consumers = allButArchive(stack);
    const depths = await Promise.all(
      consumers.map(async (consumer) => {
        // Before the record: what has left the queue by now has its record, or its letter.
        const depth = await queueDepth(clients.sqs, consumer.queueUrl);
        await this.lookForRecord(consumer);
        await this.lookForLetters(deadLettersOf(consumer), depth.waiting + depth.inFlight === 0, signal);
        return { consumer, depth };
      }),
    );
    await this.lookForLetters(letterQueueOf(stack, UNROUTED), false, signal);
    if (consumers.some(({ name }) => this.isOpen(name))) {
      this.policies ??= await readFilterPolicies(clients.sns, stack);
    }
    const known = this.attributes();
    return depths.map(({ consumer, depth }) => this.view(consumer, depth, known));
  }

  private view(consumer: ConsumerHandles, depth: QueueDepth, known: TextAttributes): ConsumerView {
    const { name } = consumer;
    const record = this.records.get(name);
    const view = { name, letters: this.lettersOf(name), ...depth, record };
    if (view.letters.length > 0) return { ...view, state: 'dead-lettered' };
    if (record && this.isWhole(record)) {
      return { ...view, state: this.conflicts(record) ? 'conflict' : 'done' };
    }
    const { decision, why: filter } = explainFilter(this.policies?.get(name) ?? {}, known);
    if (decision === 'rejects') return { ...view, state: 'filtered-out', filter };
    if (!recordsTable(consumer)) return { ...view, state: 'no-records' };
    if (depth.waiting + depth.inFlight > 0) return { ...view, state: 'open', filter };
    if (decision === 'unknown' && this.isKnown()) return { ...view, state: 'perhaps-filtered-out', filter };
    return { ...view, state: 'missing' };
  }

  /** Messages of the order that no consumer's subscription asks for. */
  get unrouted(): readonly Letter[] {
    return this.lettersOf(UNROUTED);
  }

  /** Whether the order was ever seen. */
  isKnown(): boolean {
    return this.records.size > 0 || Array.from(this.letters.values()).some(({ found }) => found.length > 0);
  }

  private lettersOf(consumer: string): Letter[] {
    return this.letters.get(consumer)?.found ?? [];
  }

  /** Whether the consumer has neither all of the order on record nor a dead letter. */
  private isOpen(consumer: string): boolean {
    const record = this.records.get(consumer);
    return !(record && this.isWhole(record)) && this.lettersOf(consumer).length === 0;
  }

  /** Whether another consumer's record is of another order. Which of the two is right cannot be told. */
  private conflicts({ digest }: OrderRecord): boolean {
    return this.digests().some((other) => other !== digest);
  }

  /** Whether no more is to come: the order is there, or its cancellation is all that anybody has. */
  private isWhole({ digest }: OrderRecord): boolean {
    return digest !== undefined || this.digests().length === 0;
  }

  private digests(): string[] {
    return Array.from(this.records.values(), ({ digest }) => digest ?? []).flat();
  }

  private async lookForRecord(consumer: ConsumerHandles): Promise<void> {
    const table = recordsTable(consumer);
    if (!table || this.records.get(consumer.name)?.digest !== undefined) return;
    const id = Object.keys(consumer.tables).find((key) => consumer.tables[key] === table) ?? table.name;
    try {
      const record = await readRecord(this.clients.dynamodb, table, this.orderId);
      if (record) this.records.set(consumer.name, { table: id, ...record });
    } catch (error) {
      // A deleted table holds no record. What the others know is worth telling all the same.
      if ((error as Error).name !== 'ResourceNotFoundException') throw error;
    }
  }

  private async lookForLetters({ name, url, read }: LetterQueue, isIdle: boolean, signal: AbortSignal) {
    const last = this.letters.get(name);
    const isFresh = last !== undefined && performance.now() - last.at < LETTERS_AGE_MS;
    // A consumer that has just come to rest may have left the order there.
    const hasComeToRest = last !== undefined && isIdle && !last.wasIdle;
    if (isFresh && (this.records.has(name) || !hasComeToRest)) return;
    const found: Letter[] = [];
    await lookAtDeadLetters(
      this.clients.sqs,
      url,
      (message) => {
        const letter = read(message);
        if (letter.orderId === this.orderId || mentions(letter, this.orderId)) found.push(letter);
      },
      { signal },
    );
    this.letters.set(name, { at: performance.now(), wasIdle: isIdle, found });
  }

  /** The message attributes that the order was published with, as far as records and letters tell. */
  private attributes(): TextAttributes {
    const known: TextAttributes = {};
    for (const { digest, requiresShipping } of this.records.values()) {
      if (digest === undefined) continue;
      known.eventType = string(ORDER_PLACED);
      known.schemaVersion = string('1');
      if (requiresShipping !== undefined) known.requiresShipping = string(String(requiresShipping));
    }
    const letters = allButArchive(this.stack)
      .flatMap(({ name }) => this.lettersOf(name))
      .filter(({ message }) => !isOtherEvent(message.MessageAttributes?.eventType?.StringValue));
    // An unrouted message tells about an order that nobody has; others may have got it with other attributes.
    const telling = letters.length > 0 || this.records.size > 0 ? letters : this.unrouted;
    for (const { message } of telling) {
      for (const [key, { DataType = '', StringValue }] of Object.entries(message.MessageAttributes ?? {})) {
        if (!key.startsWith('DeadLetter') && StringValue !== undefined)
          known[key] = { DataType, StringValue };
      }
    }
    return known;
  }
}

/** Whether it is an event about an order that was placed before, whose attributes may differ. */
function isOtherEvent(eventType: string | undefined): boolean {
  return eventType !== ORDER_PLACED && versionsOf(eventType).length > 0;
}

/** A body that is broken, but names the order. Order IDs contain no characters that are special in a pattern. */
function mentions({ orderId, body }: Letter, wanted: string): boolean {
  return orderId === undefined && new RegExp(`"orderId"\\s*:\\s*"${wanted}"`).test(body);
}

async function readRecord(
  dynamodb: DynamoDBClient,
  { name: TableName, partitionKey }: TableHandles,
  orderId: string,
): Promise<Omit<OrderRecord, 'table'> | undefined> {
  const { Item } = await dynamodb.send(
    new GetItemCommand({ TableName, Key: { [partitionKey]: { S: orderId } }, ConsistentRead: true }),
  );
  if (!Item) return undefined;
  const item = unmarshall(Item);
  const times = Object.entries(item).filter(([, value]) => typeof value === 'string' && TIME.test(value));
  const { placedAt, cancelledAt, ...others } = Object.fromEntries(
    times.map(([field, value]) => [field, new Date(value)]),
  );
  const lines: unknown[] = Array.isArray(item.lines) ? item.lines : [];
  const ships = lines.map((line) => (line as { requiresShipping?: unknown } | null)?.requiresShipping);
  const tells = ships.length > 0 && ships.every((each) => typeof each === 'boolean');
  return {
    digest: item.orderDigest === undefined ? undefined : String(item.orderDigest),
    // A consumer's record has one time of its own beside those of the events: issuedAt, createdAt, reservedAt.
    at: Object.values(others)[0],
    placedAt,
    cancellation: cancelledAt && { at: cancelledAt, reason: String(item.cancellationReason) },
    status: typeof item.status === 'string' ? item.status : undefined,
    requiresShipping: tells ? ships.includes(true) : undefined,
  };
}

interface FilterDecision {
  readonly decision: 'takes' | 'rejects' | 'unknown';
  readonly why?: string;
}

/** What a filter policy does with an order of which only some attributes are known. */
function explainFilter(policy: FilterPolicy, known: TextAttributes): FilterDecision {
  const failing = Object.entries(policy).filter(([key, allowed]) => !passes({ [key]: allowed }, known));
  const rejecting = failing.filter(([key]) => Object.hasOwn(known, key));
  const conditions = (those: typeof failing) =>
    those.map(([key, allowed]) => `${key} ${quoted(allowed).join(' or ')}`).join(' and ');
  if (rejecting.length > 0) {
    const has = quoted(rejecting.map(([key]) => known[key]?.StringValue)).join(' and ');
    return {
      decision: 'rejects',
      why: `takes only orders with ${conditions(rejecting)}; this one has ${has}`,
    };
  }
  if (failing.length === 0) return { decision: 'takes' };
  return {
    decision: 'unknown',
    why: `takes only orders with ${conditions(failing)}, which no record tells of this one`,
  };
}

const quoted = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value));

function string(StringValue: string) {
  return { DataType: 'String', StringValue };
}
