/** The only settings: who consumes what, and how the stages differ. */
import type { Node } from 'constructs';
import { ConfigError } from './checks/settings.ts';

export type StageName = 'dev' | 'prod';

export interface Stage {
  /** Keep tables, logs and key when the stack is deleted, and protect the tables from deletion. */
  readonly keepData: boolean;
  /** Encrypt topics and queues with a key of the account's own instead of the services' keys. */
  readonly customerManagedKey: boolean;
  /** X-Ray tracing of topic and functions. */
  readonly tracing: boolean;
  readonly logRetentionDays: number;
  readonly topicAlarms: TopicThresholds;
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
  /** Age of the oldest waiting message, while the queue does not shrink. */
  readonly oldestMessageSeconds: number;
  /** Failed invocations within 5 minutes. */
  readonly functionErrors: number;
  /** Throttled invocations within 5 minutes. */
  readonly functionThrottles: number;
}

interface TableSettings {
  readonly partitionKey: string;
  /** All that the consumer does to the table, as IAM actions. */
  readonly actions: readonly `dynamodb:${string}`[];
}

/** A consumer's name, in kebab-case, is also its folder in `lambda/`, whose `handler.ts` exports `handler`. */
export interface ConsumerSettings {
  /**
   * Values that a message attribute must have one of, on top of the event type.
   * @default - every order
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
   * Concurrency of the account that is kept for the function, at least `maxConcurrency`. Lambda wants 100 to be left.
   * @default - it shares what the account's other functions leave
   */
  readonly reservedConcurrency?: number;
  readonly alarms: Readonly<Record<StageName, ConsumerThresholds>>;
}

export const stages = {
  dev: {
    keepData: false,
    customerManagedKey: false,
    tracing: false,
    logRetentionDays: 14,
    topicAlarms: { failedDeliveries: 1, unreadableAttributes: 1 },
  },
  prod: {
    keepData: true,
    customerManagedKey: true,
    tracing: true,
    logRetentionDays: 90,
    topicAlarms: { failedDeliveries: 1, unreadableAttributes: 1 },
  },
} satisfies Record<StageName, Stage>;

export const consumers = {
  billing: {
    tables: { invoices: { partitionKey: 'orderId', actions: ['dynamodb:PutItem'] } },
    memoryMiB: 512,
    timeoutSeconds: 30,
    batchSize: 10,
    batchWindowSeconds: 0,
    maxConcurrency: 10,
    alarms: {
      dev: { queueDepth: 1_000, oldestMessageSeconds: 900, functionErrors: 5, functionThrottles: 10 },
      prod: { queueDepth: 10_000, oldestMessageSeconds: 300, functionErrors: 3, functionThrottles: 10 },
    },
  },
  shipping: {
    filter: { requiresShipping: ['true'] },
    tables: { shipments: { partitionKey: 'orderId', actions: ['dynamodb:PutItem'] } },
    memoryMiB: 512,
    timeoutSeconds: 30,
    batchSize: 10,
    batchWindowSeconds: 0,
    maxConcurrency: 10,
    alarms: {
      dev: { queueDepth: 1_000, oldestMessageSeconds: 900, functionErrors: 5, functionThrottles: 10 },
      prod: { queueDepth: 10_000, oldestMessageSeconds: 600, functionErrors: 3, functionThrottles: 10 },
    },
  },
  inventory: {
    tables: {
      reservations: { partitionKey: 'orderId', actions: ['dynamodb:PutItem'] },
      stock: { partitionKey: 'sku', actions: ['dynamodb:UpdateItem'] },
    },
    memoryMiB: 512,
    timeoutSeconds: 30,
    batchSize: 10,
    batchWindowSeconds: 0,
    // Fewer than the others: each concurrent transaction on the same SKU makes conflicts likelier.
    maxConcurrency: 5,
    alarms: {
      dev: { queueDepth: 1_000, oldestMessageSeconds: 900, functionErrors: 5, functionThrottles: 10 },
      prod: { queueDepth: 10_000, oldestMessageSeconds: 300, functionErrors: 3, functionThrottles: 10 },
    },
  },
} satisfies Record<string, ConsumerSettings>;

/** What the caller of `cdk` chose with `-c`. */
export interface Choices {
  readonly stage: StageName;
  /** @default - nobody is subscribed to the operations topic */
  readonly alarmEmail?: string;
  /** Whether to make a managed policy for those who operate the stack. */
  readonly operatorPolicy: boolean;
}

/**
 * Reads `-c stage=` (default dev), `-c alarmEmail=` and `-c operatorPolicy=` (default false).
 *
 * @throws ConfigError naming the value and what is allowed
 */
export function readChoices(node: Node): Choices {
  const stage: unknown = node.tryGetContext('stage') ?? 'dev';
  if (!isStageName(stage)) {
    throw new ConfigError(`-c stage=${stage}: no such stage; use one of ${Object.keys(stages).join(', ')}`);
  }
  // cdk.json holds a boolean, the command line text.
  const operator: unknown = node.tryGetContext('operatorPolicy') ?? false;
  if (!['true', 'false'].includes(String(operator))) {
    throw new ConfigError(`-c operatorPolicy=${operator}: use true or false`);
  }
  const operatorPolicy = String(operator) === 'true';
  const alarmEmail: unknown = node.tryGetContext('alarmEmail');
  if (alarmEmail === undefined) return { stage, operatorPolicy };
  if (typeof alarmEmail !== 'string' || !/^[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+$/.test(alarmEmail)) {
    throw new ConfigError(
      `-c alarmEmail=${alarmEmail}: not an e-mail address; use one like ops@example.com, or leave it out`,
    );
  }
  return { stage, operatorPolicy, alarmEmail };
}

function isStageName(value: unknown): value is StageName {
  return typeof value === 'string' && Object.hasOwn(stages, value);
}
