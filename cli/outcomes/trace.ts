/** Where an event is: what each consumer's record, dead-letter queue, queue and filter say about it. */
import { domain } from '#domain';
import type { RecordView } from '../../contract/domain.ts';
import type { AnyEvent } from '../../contract/event-catalogue.ts';
import { type ConsumerHandles, UNROUTED } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { type QueueDepth, queueDepth } from '../aws/queue-depth.ts';
import { allButArchive, recordingConsumers, type StackHandles } from '../aws/stack.ts';
import type { Letter } from '../dead-letters/letter.ts';
import { deadLettersOf, type LetterQueue, letterQueueOf } from '../dead-letters/letter-queue.ts';
import { lookAtDeadLetters } from '../dead-letters/look.ts';
import { ID_FIELD, NOUNS } from '../terminal/words.ts';
import { type FilterPolicy, passes } from './filter-policy.ts';
import { leavesRecord, readRecords } from './records.ts';
import { readFilterPolicies } from './subscriptions.ts';

/** What a consumer knows about the event. */
export interface ConsumerView {
  readonly name: string;
  readonly state: ConsumerState;
  readonly record?: FoundRecord | undefined;
  /** Its dead letters of the event. */
  readonly letters: readonly Letter[];
  /** What its queue holds, of any event: SQS cannot be asked for one. */
  readonly waiting: number;
  readonly inFlight: number;
  /** Why the filter rejects the event, or what is not known of it to tell. */
  readonly filter?: string | undefined;
}

/**
 * - done: recorded
 * - conflict: recorded, but as another event than at other consumers
 * - dead-lettered
 * - filtered-out: it is not for this consumer
 * - perhaps-filtered-out: nothing found yet tells whether it is
 * - no-records: the consumer keeps no records
 * - leaves-none: the consumer keeps no record of this event
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
  | 'leaves-none'
  | 'open'
  | 'missing';

interface FoundRecord extends RecordView {
  /** Name of what holds it. */
  readonly table: string;
}

type TraceClients = Pick<Clients, 'sns' | 'sqs' | 'dynamodb' | 's3'>;
type TextAttributes = Record<string, { DataType: string; StringValue: string }>;

/** Types of the events that create a record. */
const CREATING = domain.events.creating().map(({ eventType }) => eventType);
/** How long the result of a look into a dead-letter queue is used: a look hides letters from others. */
const LETTERS_AGE_MS = 15_000;

/** Looks for one event, and those that change it, as often as it is asked to. */
export class EventTrace {
  private readonly clients: TraceClients;
  private readonly stack: StackHandles;
  private readonly id: string;
  private readonly records = new Map<string, FoundRecord>();
  private readonly letters = new Map<string, { at: number; wasIdle: boolean; found: Letter[] }>();
  private policies: Map<string, FilterPolicy> | undefined;

  constructor(clients: TraceClients, stack: StackHandles, id: string) {
    this.clients = clients;
    this.stack = stack;
    this.id = id;
  }

  /**
   * @param signal cuts a look into dead-letter queues short; the result is then not to be relied on
   * @returns what each consumer knows, as the stack lists them
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
    if (recordingConsumers({ consumers: [consumer] }).length === 0) return { ...view, state: 'no-records' };
    if (depth.waiting + depth.inFlight > 0) return { ...view, state: 'open', filter };
    const event = this.event();
    if (event && !leavesRecord(name, event)) return { ...view, state: 'leaves-none' };
    if (decision === 'unknown' && this.isKnown()) return { ...view, state: 'perhaps-filtered-out', filter };
    return { ...view, state: 'missing' };
  }

  /** Its messages that no consumer's subscription asks for. */
  get unrouted(): readonly Letter[] {
    return this.lettersOf(UNROUTED);
  }

  /** Whether it was ever seen. */
  isKnown(): boolean {
    return this.records.size > 0 || Array.from(this.letters.values()).some(({ found }) => found.length > 0);
  }

  /** Of all consumers. */
  private deadLetters(): Letter[] {
    return allButArchive(this.stack).flatMap(({ name }) => this.lettersOf(name));
  }

  private lettersOf(consumer: string): Letter[] {
    return this.letters.get(consumer)?.found ?? [];
  }

  /** Whether the consumer has neither all of it on record nor a dead letter. */
  private isOpen(consumer: string): boolean {
    const record = this.records.get(consumer);
    return !(record && this.isWhole(record)) && this.lettersOf(consumer).length === 0;
  }

  /** Whether another consumer's record is of another event. Which of the two is right cannot be told. */
  private conflicts({ digest }: FoundRecord): boolean {
    return this.digests().some((other) => other !== digest);
  }

  /** Whether no more is to come: the event is there, or what changes it is all that anybody has. */
  private isWhole({ digest }: FoundRecord): boolean {
    return digest !== undefined || this.digests().length === 0;
  }

  /** The event, where a record or a dead letter has all of it. */
  private event(): AnyEvent | undefined {
    return [
      ...Array.from(this.records.values(), ({ event }) => event),
      ...this.deadLetters().map(({ body }) => domain.events.eventIn(body)),
    ].find((each) => each !== undefined);
  }

  private digests(): string[] {
    return Array.from(this.records.values(), ({ digest }) => digest ?? []).flat();
  }

  private async lookForRecord(consumer: ConsumerHandles): Promise<void> {
    if (this.records.get(consumer.name)?.digest !== undefined) return;
    const holders = Object.entries({ ...consumer.tables, ...consumer.buckets });
    const [table = ''] = holders.find(([, { holds }]) => holds === 'records') ?? [];
    try {
      const record = (await readRecords(this.clients, consumer, [this.id])).get(this.id);
      if (record) this.records.set(consumer.name, { table, ...record });
    } catch (error) {
      // A deleted table holds no record. What the others know is worth telling all the same.
      if ((error as Error).name !== 'ResourceNotFoundException') throw error;
    }
  }

  private async lookForLetters({ name, url, read }: LetterQueue, isIdle: boolean, signal: AbortSignal) {
    const last = this.letters.get(name);
    const isFresh = last !== undefined && performance.now() - last.at < LETTERS_AGE_MS;
    // A consumer that has just come to rest may have left it there.
    const hasComeToRest = last !== undefined && isIdle && !last.wasIdle;
    if (isFresh && (this.records.has(name) || !hasComeToRest)) return;
    const found: Letter[] = [];
    await lookAtDeadLetters(
      this.clients.sqs,
      url,
      (message) => {
        const letter = read(message);
        if (letter.id === this.id || mentions(letter, this.id)) found.push(letter);
      },
      { signal },
    );
    this.letters.set(name, { at: performance.now(), wasIdle: isIdle, found });
  }

  /** The message attributes that the event was published with, as far as records and letters tell. */
  private attributes(): TextAttributes {
    const known: TextAttributes = {};
    for (const { digest, attributes } of this.records.values()) {
      if (digest === undefined) continue;
      const [eventType = '', ...others] = CREATING;
      const told = {
        ...(others.length === 0 && { eventType, schemaVersion: newest(eventType) }),
        ...attributes,
      };
      for (const [name, StringValue] of Object.entries(told))
        known[name] = { DataType: 'String', StringValue };
    }
    const letters = this.deadLetters().filter(
      ({ message }) => !isOtherEvent(message.MessageAttributes?.eventType?.StringValue),
    );
    // An unrouted message tells about an event that nobody has; others may have got it with other attributes.
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

/** The newest version of an event type, as its message attribute says it. */
function newest(eventType: string): string {
  return String(domain.events.versionsOf(eventType).at(-1));
}

/** Whether it is an event that changes another, whose attributes may differ. */
function isOtherEvent(eventType: string | undefined): boolean {
  return !CREATING.some((each) => each === eventType) && domain.events.versionsOf(eventType).length > 0;
}

/** A body that is broken, but names the event. IDs contain no characters that are special in a pattern. */
function mentions({ id, body }: Letter, wanted: string): boolean {
  return id === undefined && new RegExp(`"${ID_FIELD}"\\s*:\\s*"${wanted}"`).test(body);
}

interface FilterDecision {
  readonly decision: 'takes' | 'rejects' | 'unknown';
  readonly why?: string;
}

/** What a filter policy does with an event of which only some attributes are known. */
function explainFilter(policy: FilterPolicy, known: TextAttributes): FilterDecision {
  const failing = Object.entries(policy).filter(([key, allowed]) => !passes({ [key]: allowed }, known));
  const rejecting = failing.filter(([key]) => Object.hasOwn(known, key));
  const conditions = (those: typeof failing) =>
    those.map(([key, allowed]) => `${key} ${quoted(allowed).join(' or ')}`).join(' and ');
  if (rejecting.length > 0) {
    const has = quoted(rejecting.map(([key]) => known[key]?.StringValue)).join(' and ');
    return {
      decision: 'rejects',
      why: `takes only ${NOUNS} with ${conditions(rejecting)}; this one has ${has}`,
    };
  }
  if (failing.length === 0) return { decision: 'takes' };
  return {
    decision: 'unknown',
    why: `takes only ${NOUNS} with ${conditions(failing)}, which no record tells of this one`,
  };
}

const quoted = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value));
