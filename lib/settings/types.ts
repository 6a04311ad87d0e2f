/** What can be set in config.ts. */
import type { EventCatalogue, TypeIn } from '../../contract/event-catalogue.ts';
import type { BucketContents, TableContents } from '../../contract/stack-outputs.ts';

export type StageName = 'dev' | 'prod';

/** A stage. `-c` overrides some of it for one run, to try things: see choices.ts. */
export interface Stage {
  /**
   * The only account and region that the stage is deployed to.
   * @default - those of the credentials
   */
  readonly env?: { readonly account: string; readonly region: string } | undefined;
  /** Keep queues, tables, logs and key when they would be deleted, and protect tables and stack from deletion. */
  readonly keepData: boolean;
  /**
   * Process the events of a group in the sequence in which they were published: topic and queues are FIFO. A change replaces them,
   * with the messages they hold: docs/ordering.md.
   */
  readonly ordered: boolean;
  /**
   * Events of one group, such as a customer, in its busiest second; only read where the stage is ordered. Synth refuses more than a
   * message group can take. How many of them get done in a second depends on the handlers, which take a group's one after the other:
   * docs/ordering.md.
   * @default - not checked
   */
  readonly peakPerGroup?: number | undefined;
  /**
   * Publishers give each message its group, such as a customer, so that one with thousands of messages does not delay the others, where the stage is not ordered. SQS charges $0.10 per million requests for it: docs/ordering.md.
   */
  readonly fairQueues: boolean;
  /**
   * Keep every message of the topic in S3, for later questions and for replays: docs/archive.md.
   * @default - nothing is kept
   */
  readonly archive?: ArchiveSettings | undefined;
  /** Encrypt topics, queues and archive with a key of your account instead of the services' keys. */
  readonly customerManagedKey: boolean;
  /** X-Ray tracing of topic and functions. */
  readonly tracing: boolean;
  /** SNS logs each failed delivery, and why it failed. */
  readonly deliveryLogging: boolean;
  /** Give a new version of a function a tenth of the batches for five minutes, and roll it back if an alarm goes off. */
  readonly gradualReleases: boolean;
  readonly logRetentionDays: number;
  /** Days to keep the operations log. */
  readonly operationsLogRetentionDays: number;
  readonly operations: OperationsSettings;
  /** IDs of other accounts that may publish. */
  readonly publisherAccounts: readonly string[];
  readonly topicAlarms: TopicThresholds;
  /** On every resource, besides `stage` and `service`. */
  readonly tags: Readonly<Record<string, string>>;
}

/** How long messages are kept. They hold names and addresses of customers: keep them no longer than you need them. */
export interface ArchiveSettings {
  /** After so many days they move to storage that costs a sixth to keep, and something to read. */
  readonly coldAfterDays: number;
  /** After so many days they are deleted, and 30 days later they are gone: more than `coldAfterDays`. */
  readonly deleteAfterDays: number;
  /**
   * How long S3 may be down before messages are dead-lettered.
   * @default - 360 minutes
   */
  readonly outlastMinutes?: number | undefined;
}

/** Who gets the alarms, and who may act on them. */
interface OperationsSettings {
  /**
   * Address that gets pages and notices, where their topics belong to the stack.
   * @default - nobody is subscribed
   */
  readonly email?: string | undefined;
  /**
   * A topic of yours for what has to wake somebody.
   * @default - one of the stack's
   */
  readonly pageTopicArn?: string | undefined;
  /**
   * A topic of yours for what can wait until morning.
   * @default - one of the stack's
   */
  readonly noticeTopicArn?: string | undefined;
  /** Where docs/runbook.md can be read: an address, for the mails of alarms. */
  readonly runbook: string;
  /** Make a managed policy for those who operate the stack. */
  readonly policy: boolean;
}

/** When the topic's alarms go into ALARM. */
export interface TopicThresholds {
  /** Failed deliveries within 5 minutes. */
  readonly failedDeliveries: number;
  /** Messages within 5 minutes whose attributes filters cannot read: malformed, or none at all. */
  readonly unreadableAttributes: number;
}

/** When a consumer's alarms go into ALARM. The dead-letter alarms have no setting: one dead-letter message is enough. */
export interface ConsumerThresholds {
  /** Messages waiting, for 5 minutes on end. */
  readonly queueDepth: number;
  /** Age of the oldest waiting message, in 10 of 15 minutes. */
  readonly oldestMessageSeconds: number;
  /** 99 of 100 events are done within so many seconds after they happened. */
  readonly promisedSeconds: number;
  /** Failed tries that will be repeated, within 5 minutes, three times in a row. */
  readonly retries: number;
  /** Failed invocations within 5 minutes. */
  readonly functionErrors: number;
  /** Throttled invocations within 5 minutes. */
  readonly functionThrottles: number;
}

interface TableSettings {
  /**
   * What the command line finds the table by. `records`: a record of each event that creates one, under its ID; `other`: something
   * that it leaves alone; any other name: what a verb of the domain looks for.
   */
  readonly holds: TableContents;
  readonly partitionKey: string;
  /** All that the consumer does to the table, as IAM actions. */
  readonly actions: readonly `dynamodb:${string}`[];
  /**
   * What operators may do to it by the domain's own verbs, as IAM actions.
   * @default - nothing, besides reading single records
   */
  readonly operatorActions?: readonly `dynamodb:${string}`[];
}

interface BucketSettings {
  /** `records`: an object for each event that left a record, under `writes` and its ID; `other`: what the command line leaves alone. */
  readonly holds: BucketContents;
  /**
   * What the keys of objects begin with that others put there and the consumer reads.
   * @default - it reads only what it writes
   */
  readonly reads?: `${string}/`;
  /**
   * What the keys of objects begin with that the consumer writes. Metadata `digest` of an object that is a record says which event
   * it was made of.
   */
  readonly writes: `${string}/`;
}

/** Limits that a consumer sets, or has by default. */
export interface ConsumerLimits {
  readonly memoryMiB: number;
  /** Long enough for three attempts of an AWS call, 4 s each at most (lambda/clients.ts), with their backoff. */
  readonly timeoutSeconds: number;
  readonly batchSize: number;
  readonly batchWindowSeconds: number;
  /** Concurrent invocations. */
  readonly maxConcurrency: number;
}

/** For whatever a consumer does not set. */
export interface ConsumerDefaults extends ConsumerLimits {
  readonly alarms: Readonly<Record<StageName, ConsumerThresholds>>;
}

/**
 * A consumer's name, in kebab-case, is also its folder in `handlers` of config.ts, whose `handler.ts` exports `handler`.
 * @typeParam EventType the domain's types of events
 */
export interface ConsumerSettings<EventType extends string = string> extends Partial<ConsumerLimits> {
  /**
   * Events that it takes; its handler has to know each. Events that no consumer takes are kept in `unrouted`.
   * @default - every message of the topic, whatever it says; such a consumer does not keep a message out of `unrouted`
   */
  readonly eventTypes?: readonly EventType[];
  /**
   * Message attribute → the values it takes, besides the event type.
   * @default - every event of these types
   */
  readonly filter?: Readonly<Record<string, readonly string[]>>;
  /**
   * Tables that only this consumer writes, by kebab-case name. The function finds `credit-notes` in CREDIT_NOTES_TABLE.
   * @default - none
   */
  readonly tables?: Readonly<Record<string, TableSettings>>;
  /**
   * Buckets in which it keeps objects instead, by kebab-case name. The function finds `images` in IMAGES_BUCKET.
   * @default - none
   */
  readonly buckets?: Readonly<Record<string, BucketSettings>>;
  /**
   * How long what the consumer depends on may be down before messages are dead-lettered.
   * @default - 360 minutes
   */
  readonly outlastMinutes?: number | undefined;
  /**
   * Concurrency of the account that is reserved for the function, at least `maxConcurrency`. Lambda wants 100 to be left.
   * @default - it shares what the account's other functions leave
   */
  readonly reservedConcurrency?: number;
  /**
   * Whether its queue is FIFO where the stage is ordered. `false` leaves it a standard queue: larger batches and more throughput, in
   * any sequence. What SNS cannot deliver to it then goes to `unrouted`, because a FIFO topic needs a FIFO queue for that.
   * @default true
   */
  readonly ordered?: boolean;
  /**
   * What an event that can never succeed means for the later ones of its group, where the stage is ordered. `skip`: they are
   * processed as if it had never been. `block`: they wait while it is tried again, until an operator has dealt with it or
   * `outlastMinutes` are over. Skipping costs the sequence of that group, blocking costs time.
   * @default 'skip'
   */
  readonly onPermanentError?: 'skip' | 'block';
  /** Thresholds that differ from the defaults. */
  readonly alarms?: Readonly<Partial<Record<StageName, Partial<ConsumerThresholds>>>>;
}

/** The consumers of a domain, by name. */
export type ConsumersOf<D extends { readonly events: EventCatalogue }> = Readonly<
  Record<string, ConsumerSettings<TypeIn<D['events']>>>
>;

/** All of config.ts that `-c` can override. */
export interface Config {
  readonly stages: Readonly<Record<StageName, Stage>>;
  readonly consumers: Readonly<Record<string, ConsumerSettings>>;
  /** For a stage that gets an archive by `-c archive=true`. */
  readonly archive: ArchiveSettings;
}
