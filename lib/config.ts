/** The only settings: who consumes what, and how the stages differ. */
import type {
  ArchiveSettings,
  ConsumerSettings,
  ConsumerThresholds,
  Stage,
  StageName,
} from './settings/types.ts';

/** Where a stage has an archive. Three years: as long as somebody may ask about an order. */
export const archive: ArchiveSettings = { coldAfterDays: 90, deleteAfterDays: 1_095 };

export const stages: Readonly<Record<StageName, Stage>> = {
  dev: {
    keepData: false,
    ordered: false,
    fairQueues: false,
    customerManagedKey: false,
    tracing: false,
    deliveryLogging: false,
    gradualReleases: false,
    logRetentionDays: 14,
    operationsLogRetentionDays: 14,
    operations: { runbook: 'docs/runbook.md', policy: false },
    publisherAccounts: [],
    topicAlarms: { failedDeliveries: 1, unreadableAttributes: 1 },
    tags: {},
  },
  prod: {
    // Yours in place of these, and the address of those on call: docs/deploy.md.
    env: { account: '111122223333', region: 'us-east-1' },
    operations: {
      runbook: 'https://github.com/example/order-fan-out/blob/main/docs/runbook.md',
      policy: true,
    },
    keepData: true,
    ordered: false,
    fairQueues: false,
    archive,
    customerManagedKey: true,
    tracing: true,
    deliveryLogging: true,
    gradualReleases: true,
    logRetentionDays: 90,
    operationsLogRetentionDays: 365,
    publisherAccounts: [],
    topicAlarms: { failedDeliveries: 1, unreadableAttributes: 1 },
    tags: {},
  },
};

export const consumers = {
  billing: {
    eventTypes: ['order.placed', 'order.cancelled'],
    tables: {
      invoices: {
        holds: 'records',
        partitionKey: 'orderId',
        actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      },
      'credit-notes': { holds: 'other', partitionKey: 'creditNoteId', actions: ['dynamodb:PutItem'] },
    },
    memoryMiB: 512,
    timeoutSeconds: 30,
    batchSize: 10,
    batchWindowSeconds: 0,
    maxConcurrency: 10,
    alarms: {
      dev: {
        queueDepth: 1_000,
        oldestMessageSeconds: 900,
        promisedSeconds: 1_800,
        retries: 10,
        functionErrors: 5,
        functionThrottles: 10,
      },
      prod: {
        queueDepth: 10_000,
        oldestMessageSeconds: 300,
        promisedSeconds: 600,
        retries: 10,
        functionErrors: 3,
        functionThrottles: 10,
      },
    },
  },
  shipping: {
    eventTypes: ['order.placed', 'order.cancelled'],
    filter: { requiresShipping: ['true'] },
    tables: {
      shipments: {
        holds: 'records',
        partitionKey: 'orderId',
        actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      },
    },
    memoryMiB: 512,
    timeoutSeconds: 30,
    batchSize: 10,
    batchWindowSeconds: 0,
    maxConcurrency: 10,
    alarms: {
      dev: {
        queueDepth: 1_000,
        oldestMessageSeconds: 900,
        promisedSeconds: 1_800,
        retries: 10,
        functionErrors: 5,
        functionThrottles: 10,
      },
      prod: {
        queueDepth: 10_000,
        oldestMessageSeconds: 600,
        promisedSeconds: 1200,
        retries: 10,
        functionErrors: 3,
        functionThrottles: 10,
      },
    },
  },
  inventory: {
    eventTypes: ['order.placed', 'order.cancelled'],
    tables: {
      reservations: {
        holds: 'records',
        partitionKey: 'orderId',
        actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      },
      stock: { holds: 'stock', partitionKey: 'sku', actions: ['dynamodb:UpdateItem'] },
    },
    memoryMiB: 512,
    timeoutSeconds: 30,
    batchSize: 10,
    batchWindowSeconds: 0,
    // Fewer than the others: each concurrent transaction on the same SKU makes conflicts likelier.
    maxConcurrency: 5,
    alarms: {
      dev: {
        queueDepth: 1_000,
        oldestMessageSeconds: 900,
        promisedSeconds: 1_800,
        retries: 10,
        functionErrors: 5,
        functionThrottles: 10,
      },
      prod: {
        queueDepth: 10_000,
        oldestMessageSeconds: 300,
        promisedSeconds: 600,
        retries: 10,
        functionErrors: 3,
        functionThrottles: 10,
      },
    },
  },
} satisfies Record<string, ConsumerSettings>;

/**
 * The consumer that writes the archive, from a queue that is FIFO where the stage is ordered. Large batches make large objects,
 * of which S3 asks less money than of many small ones; a FIFO queue has batches of ten, which nobody waits for.
 */
export function archiveConsumer(
  ordered: boolean,
  { outlastMinutes }: ArchiveSettings = archive,
): ConsumerSettings {
  const alarms: ConsumerThresholds = {
    queueDepth: 50_000,
    oldestMessageSeconds: 900,
    promisedSeconds: 1_800,
    retries: 10,
    functionErrors: 3,
    functionThrottles: 10,
  };
  return {
    tables: {},
    memoryMiB: 512,
    timeoutSeconds: 20,
    batchSize: ordered ? 10 : 1_000,
    batchWindowSeconds: ordered ? 0 : 60,
    maxConcurrency: 5,
    ...(outlastMinutes !== undefined && { outlastMinutes }),
    alarms: { dev: alarms, prod: alarms },
  };
}
