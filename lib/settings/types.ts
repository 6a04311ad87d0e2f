/** What can be set in config.ts. */
import type { EventType } from '../../contract/events.ts';
import type { TableContents } from '../../contract/stack-outputs.ts';

export type StageName = 'dev' | 'prod';

/** What belongs to a stage. `-c` overrides some of it, for trying things: see choices.ts. */
export interface Stage {
  /**
   * Where the stage is deployed, and nowhere else.
   * @default - wherever the credentials of whoever deploys lead
   */
  readonly env?: { readonly account: string; readonly region: string } | undefined;
  /** Keep queues, tables, logs and key that would be deleted, and protect tables and stack from deletion. */
  readonly keepData: boolean;
  /**
   * Process the orders of a customer in the order in which they were published: topic and queues are FIFO. A change replaces
   * them, with what they hold: docs/ordering.md.
   */
  readonly ordered: boolean;
  /**
   * Orders and cancellations of one customer in its busiest second; only read where the stage is ordered. More than a message group
   * takes is refused. How many a second get done depends on the handlers, which take those of one customer one after the other:
   * docs/ordering.md.
   * @default - not checked
   */
  readonly peakPerCustomer?: number;
  /**
   * Have publishers give each order its customer as message group, so that a customer with thousands of orders does not delay
   * the others, where the stage is not ordered. SQS asks $0.10 per million requests for it: docs/ordering.md.
   */
  readonly fairQueues: boolean;
  /**
   * Keep every message of the topic in S3, for later questions and for replays: docs/archive.md.
   * @default - nothing is kept
   */
  readonly archive?: ArchiveSettings | undefined;
  /** Encrypt topics, queues and archive with a key of the account's own instead of the services' keys. */
  readonly customerManagedKey: boolean;
  /** X-Ray tracing of topic and functions. */
  readonly tracing: boolean;
  /** Have SNS log each delivery that failed, and why. */
  readonly deliveryLogging: boolean;
  /** Give a new version of a function a tenth of the batches for five minutes, and take it back if an alarm goes off. */
  readonly gradualReleases: boolean;
  readonly logRetentionDays: number;
  /** For how long it is kept what operators did. */
  readonly operationsLogRetentionDays: number;
  readonly operations: OperationsSettings;
  /** IDs of other accounts that may publish orders. */
  readonly publisherAccounts: readonly string[];
  readonly topicAlarms: TopicThresholds;
  /** On every resource, beside `stage` and `service`. */
  readonly tags: Readonly<Record<string, string>>;
}

/** For how long messages are kept. They hold names and addresses of customers: no longer than they are needed. */
export interface ArchiveSettings {
  /** After so many days they go to storage that costs a sixth to keep, and something to read. */
  readonly coldAfterDays: number;
  /** After so many days they are deleted, and 30 days later they are gone: more than `coldAfterDays`. */
  readonly deleteAfterDays: number;
  /**
   * For how long S3 may be down before messages are dead-lettered.
   * @default - 360 minutes
   */
  readonly outlastMinutes?: number;
}

/** Who is told what, and who may do what about it. */
interface OperationsSettings {
  /**
   * Address that gets pages and notices, of topics that are the stack's.
   * @default - nobody is subscribed
   */
  readonly email?: string | undefined;
  /**
   * A topic of yours for what has to wake somebody.
   * @default - one of the stack's
   */
  readonly pageTopicArn?: string;
  /**
   * A topic of yours for what can wait for the morning.
   * @default - one of the stack's
   */
  readonly noticeTopicArn?: string;
  /** Where docs/runbook.md can be read: an address, for the mails of alarms. */
  readonly runbook: string;
  /** Make a managed policy for those who operate the stack. */
  readonly policy: boolean;
}

/** When the topic's alarms go into ALARM. */
interface TopicThresholds {
  /** Failed deliveries within 5 minutes. */
  readonly failedDeliveries: number;
  /** Messages within 5 minutes that filters cannot read, because attributes are malformed, or because there are none. */
  readonly unreadableAttributes: number;
}

/** When a consumer's alarms go into ALARM. The dead-letter alarms have no setting: one dead-letter message is enough. */
export interface ConsumerThresholds {
  /** Messages waiting, for 5 minutes on end. */
  readonly queueDepth: number;
  /** Age of the oldest waiting message, for most of a quarter of an hour. */
  readonly oldestMessageSeconds: number;
  /** 99 of 100 orders are done so many seconds after they were placed. */
  readonly promisedSeconds: number;
  /** Tries that failed and will be repeated, within 5 minutes, three times in a row. */
  readonly retries: number;
  /** Failed invocations within 5 minutes. */
  readonly functionErrors: number;
  /** Throttled invocations within 5 minutes. */
  readonly functionThrottles: number;
}

interface TableSettings {
  readonly partitionKey: string;
  /**
   * What the command line finds the table by. `records`: a record of each order, under its ID; `stock`: what is in stock, by SKU;
   * `other`: something that it leaves alone.
   */
  readonly holds: TableContents;
  /** All that the consumer does to the table, as IAM actions. */
  readonly actions: readonly `dynamodb:${string}`[];
}

/** A consumer's name, in kebab-case, is also its folder in `lambda/`, whose `handler.ts` exports `handler`. */
export interface ConsumerSettings {
  /**
   * Events that it takes; its handler has to know each. All others that nobody takes are kept in `unrouted`.
   * @default - every message of the topic, whatever it says; it counts as taken by nobody
   */
  readonly eventTypes?: readonly EventType[];
  /**
   * Values that a message attribute must have one of, on top of the event type.
   * @default - every event of these types
   */
  readonly filter?: Readonly<Record<string, readonly string[]>>;
  /** Tables that only this consumer writes, by kebab-case name. The function finds `stock` in STOCK_TABLE. */
  readonly tables: Readonly<Record<string, TableSettings>>;
  readonly memoryMiB: number;
  /** Long enough for three attempts of an AWS call, 4 s each at most (lambda/clients.ts), with their backoff. */
  readonly timeoutSeconds: number;
  readonly batchSize: number;
  readonly batchWindowSeconds: number;
  /** Invocations at a time. */
  readonly maxConcurrency: number;
  /**
   * For how long what the consumer depends on may be down before orders are dead-lettered.
   * @default - 360 minutes
   */
  readonly outlastMinutes?: number;
  /**
   * Concurrency of the account that is kept for the function, at least `maxConcurrency`. Lambda wants 100 to be left.
   * @default - it shares what the account's other functions leave
   */
  readonly reservedConcurrency?: number;
  /**
   * Whether its queue is FIFO where the stage is ordered. `false` leaves it a standard queue: larger batches and more throughput, in
   * any order. What SNS cannot deliver to it then goes to `unrouted`, since a FIFO topic wants a FIFO queue for that.
   * @default true
   */
  readonly ordered?: boolean;
  /**
   * What an order that can never succeed means for the same customer's later ones, where the stage is ordered. `skip`: they go on
   * past its dead letter, as if it had not been. `block`: they wait while it is tried again, until an operator has dealt with it or
   * `outlastMinutes` are over. Skipping costs the order of that customer, blocking his time.
   * @default 'skip'
   */
  readonly onPermanentError?: 'skip' | 'block';
  readonly alarms: Readonly<Record<StageName, ConsumerThresholds>>;
}

/** All of config.ts. */
export interface Config {
  readonly stages: Readonly<Record<StageName, Stage>>;
  readonly consumers: Readonly<Record<string, ConsumerSettings>>;
  /** For a stage that gets an archive by `-c archive=true`. */
  readonly archive: ArchiveSettings;
}
