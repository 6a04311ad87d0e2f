/** Where an order is: what each consumer's record, dead-letter queue, queue and filter say of it. */

import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { ORDER_CANCELLED } from '../../contract/cancellation.ts';
import { ORDER_PLACED } from '../../contract/order.ts';
import { type ConsumerHandles, type TableHandles, UNROUTED } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { queueDepth } from '../aws/queue-depth.ts';
import { recordingConsumers, type StackHandles } from '../aws/stack.ts';
import type { Letter } from '../dead-letters/letter.ts';
import { deadLettersOf, type LetterQueue, letterQueues } from '../dead-letters/letter-queue.ts';
import { lookAtDeadLetters } from '../dead-letters/look.ts';
import { parseFilterPolicy } from './filter-policy.ts';
import { recordTable } from './follow.ts';
import { readFilterPolicies } from './subscriptions.ts';

/** What a consumer knows of the order. */
export interface ConsumerView {
  readonly name: string;
  readonly state: ConsumerState;
  readonly record?: OrderRecord;
  /** Its dead letters of the order. */
  readonly letters: readonly Letter[];
  /** What its queue holds, of any order: SQS cannot be asked for one. */
  readonly waiting: number;
  readonly inFlight: number;
  /** Why the filter keeps the order out, or what would have to be known of the order to tell. */
  readonly filter?: string;
}

/**
 * - done: recorded
 * - conflict: recorded, but as another order than at other consumers
 * - dead-lettered
 * - filtered-out: it is not for this consumer
 * - perhaps-filtered-out: nothing found yet tells whether it is
 * - open: not recorded, but its queue holds messages
 * - missing: not recorded, and its queue holds none
 */
export type ConsumerState =
  | 'done'
  | 'conflict'
  | 'dead-lettered'
  | 'filtered-out'
  | 'perhaps-filtered-out'
  | 'open'
  | 'missing';

interface OrderRecord {
  /** ID of the table: `invoices`. */
  readonly table: string;
  /** Absent where the order was cancelled before it came, and has not come yet. */
  readonly digest?: string;
  /** When the consumer made it. */
  readonly at?: Date;
  readonly placedAt?: Date;
  /** When and why the order was cancelled, if it was. */
  readonly cancellation?: { readonly at: Date; readonly reason: string };
  /** `RESERVED`, say. */
  readonly status?: string;
  /** Absent where the record does not tell. */
  readonly requiresShipping?: boolean;
}

type TraceClients = Pick<Clients, 'sns' | 'sqs' | 'dynamodb'>;
type Attributes = Record<string, { DataType: string; StringValue: string }>;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** How long a look into a dead-letter queue is good for: as long as it takes, others see no letters. */
const LETTERS_AGE_MS = 15_000;

/** Looks for one order, as often as it is asked to. */
export class OrderTrace {
  private readonly clients: TraceClients;
  private readonly stack: StackHandles;
  private readonly orderId: string;
  private readonly records = new Map<string, OrderRecord>();
  private readonly letters = new Map<string, { at: number; wasIdle: boolean; found: Letter[] }>();
  private policies: Map<string, string | undefined> | undefined;

  constructor(clients: TraceClients, stack: StackHandles, orderId: string) {
    this.clients = clients;
    this.stack = stack;
    this.orderId = orderId;
  }

  /**
   * @param signal cuts a look into dead-letter queues short; what is returned then is not to be relied on
   * @returns what each consumer knows, in the order of the stack
   * @throws CommandError for a consumer that cannot be looked into; whatever the SDK throws
   */
  async look(signal: AbortSignal): Promise<ConsumerView[]> {
    const { stack, clients } = this;
    const depths = await Promise.all(
      recordingConsumers(stack).map(async (consumer) => {
        // Before the record: what has left the queue by now has its record, or its letter.
        const figures = await queueDepth(clients.sqs, consumer.queueUrl);
        await this.lookForRecord(consumer);
        await this.lookForLetters(deadLettersOf(consumer), figures.waiting + figures.inFlight === 0, signal);
        return figures;
      }),
    );
    await this.lookForUnrouted(signal);
    const isOpen = ({ name }: ConsumerHandles) => {
      const record = this.records.get(name);
      return !(record && this.isWhole(record)) && this.lettersOf(name).length === 0;
    };
    if (recordingConsumers(stack).some(isOpen))
      this.policies ??= await readFilterPolicies(clients.sns, stack);
    const known = this.attributes();
    return recordingConsumers(stack).map((consumer, index): ConsumerView => {
      const { name } = consumer;
      const record = this.records.get(name);
      const letters = this.lettersOf(name);
      const { waiting = 0, inFlight = 0 } = depths[index] ?? {};
      const common = { name, letters, waiting, inFlight, ...(record && { record }) };
      if (letters.length > 0) return { ...common, state: 'dead-lettered' };
      if (record && this.isWhole(record)) {
        return { ...common, state: this.conflicts(record) ? 'conflict' : 'done' };
      }
      const filter = explainFilter(this.policies?.get(name), known);
      if (filter.decision === 'refuses') return { ...common, state: 'filtered-out', filter: filter.why };
      if (waiting + inFlight > 0)
        return { ...common, state: 'open', ...(filter.why && { filter: filter.why }) };
      if (filter.decision === 'unknown' && this.isKnown()) {
        return { ...common, state: 'perhaps-filtered-out', filter: filter.why };
      }
      return { ...common, state: 'missing' };
    });
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
    const { dynamodb } = this.clients;
    if (this.records.get(consumer.name)?.digest !== undefined) return;
    const table = recordTable(consumer);
    let record: Awaited<ReturnType<typeof readRecord>>;
    try {
      record = await readRecord(dynamodb, table, this.orderId);
    } catch (error) {
      // A table that is gone holds no record. What the others know is worth telling all the same.
      if ((error as Error).name !== 'ResourceNotFoundException') throw error;
      return;
    }
    const [id = table.name] = Object.entries(consumer.tables).find(([, each]) => each === table) ?? [];
    if (record) this.records.set(consumer.name, { table: id, ...record });
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

  private async lookForUnrouted(signal: AbortSignal): Promise<void> {
    const queue = letterQueues(this.stack).find(({ name }) => name === UNROUTED);
    if (queue) await this.lookForLetters(queue, false, signal);
  }

  /** The message attributes that the order was published with, as far as records and letters tell. */
  private attributes(): Attributes {
    const known: Attributes = {};
    for (const { digest, requiresShipping } of this.records.values()) {
      if (digest === undefined) continue;
      known.eventType = string(ORDER_PLACED);
      known.schemaVersion = string('1');
      if (requiresShipping !== undefined) known.requiresShipping = string(String(requiresShipping));
    }
    const letters = recordingConsumers(this.stack)
      .flatMap(({ name }) => this.lettersOf(name))
      .filter(({ message }) => message.MessageAttributes?.eventType?.StringValue !== ORDER_CANCELLED);
    // What nobody took tells of an order that nobody has; others may have got it with other attributes.
    const told = letters.length > 0 || this.records.size > 0 ? letters : this.unrouted;
    for (const { message } of told) {
      for (const [key, { DataType = '', StringValue }] of Object.entries(message.MessageAttributes ?? {})) {
        if (!key.startsWith('DeadLetter') && StringValue !== undefined)
          known[key] = { DataType, StringValue };
      }
    }
    return known;
  }
}

/** A body that is broken, but names the order, whose ID has nothing that a pattern would take for more than itself. */
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
  // A consumer's record has one time of its own beside those of the events: issuedAt, createdAt, reservedAt.
  const own = times.find(([field]) => field !== 'placedAt' && field !== 'cancelledAt')?.[1];
  const cancelledAt = times.find(([field]) => field === 'cancelledAt')?.[1];
  const lines: unknown[] = Array.isArray(item.lines) ? item.lines : [];
  const ships = lines.map((line) => (line as { requiresShipping?: unknown } | null)?.requiresShipping);
  const tells = ships.length > 0 && ships.every((each) => typeof each === 'boolean');
  return {
    ...(item.orderDigest !== undefined && { digest: String(item.orderDigest) }),
    ...(own && { at: new Date(own) }),
    ...(typeof item.placedAt === 'string' &&
      TIME.test(item.placedAt) && { placedAt: new Date(item.placedAt) }),
    ...(cancelledAt && {
      cancellation: { at: new Date(cancelledAt), reason: String(item.cancellationReason) },
    }),
    ...(typeof item.status === 'string' && { status: item.status }),
    ...(tells && { requiresShipping: ships.includes(true) }),
  };
}

type FilterDecision =
  | { decision: 'takes'; why?: undefined }
  | { decision: 'refuses' | 'unknown'; why: string };

/** What a filter policy says of an order of which only some attributes are known. */
function explainFilter(policy: string | undefined, known: Attributes): FilterDecision {
  const keys = Object.entries<unknown>(JSON.parse(policy ?? '{}'));
  const passes = ([key, conditions]: [string, unknown]) =>
    parseFilterPolicy(JSON.stringify({ [key]: conditions }))(known);
  const failing = keys.filter((each) => !passes(each));
  const refusing = failing.filter(([key]) => Object.hasOwn(known, key));
  const wants = (those: typeof keys) =>
    those.map(([key, conditions]) => `${key} ${inWords(conditions)}`).join(' and ');
  if (refusing.length > 0) {
    const has = refusing.map(([key]) => `"${known[key]?.StringValue}"`).join(' and ');
    return { decision: 'refuses', why: `takes only orders with ${wants(refusing)}; this one has ${has}` };
  }
  if (failing.length === 0) return { decision: 'takes' };
  return {
    decision: 'unknown',
    why: `takes only orders with ${wants(failing)}, which no record tells of this one`,
  };
}

/** `"true"`, `"a" or "b"`, or the conditions as they are. */
function inWords(conditions: unknown): string {
  const all = Array.isArray(conditions) ? conditions : [conditions];
  return all.map((each) => JSON.stringify(each)).join(' or ');
}

function string(StringValue: string) {
  return { DataType: 'String', StringValue };
}
