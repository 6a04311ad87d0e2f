/** The only settings: who consumes what, and how the stages differ. What each setting means: settings/types.ts. */
import { join } from 'node:path';
import type { domain } from '../domain/domain.ts';
import type {
  ArchiveSettings,
  ConsumerDefaults,
  ConsumerSettings,
  ConsumersOf,
  Stage,
  StageName,
} from './settings/types.ts';

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
    alarms: { prod: { oldestMessageSeconds: 600, promisedSeconds: 1_200 } },
  },
  inventory: {
    eventTypes: ['order.placed', 'order.cancelled'],
    tables: {
      reservations: {
        holds: 'records',
        partitionKey: 'orderId',
        actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      },
      stock: {
        holds: 'stock',
        partitionKey: 'sku',
        actions: ['dynamodb:UpdateItem'],
        operatorActions: ['dynamodb:Scan', 'dynamodb:UpdateItem'],
      },
    },
    // Fewer than the others: concurrent transactions on the same SKU conflict.
    maxConcurrency: 5,
  },
} satisfies ConsumersOf<typeof domain>;

/** The folder with a folder for each consumer, of the same name, whose `handler.ts` exports `handler`. */
export const handlers = join(import.meta.dirname, '..', 'lambda');

/** For whatever a consumer does not set. */
export const consumerDefaults: ConsumerDefaults = {
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
};

/** For a stage with an archive. Three years: as long as somebody may ask about an order. */
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
    // Replace these with yours, and add the address of those on call: docs/deploy.md.
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

/** The consumer that writes the archive. */
export const archiveConsumer: ConsumerSettings = {
  tables: {},
  timeoutSeconds: 20,
  // Large batches make large objects, for which S3 charges less than for many small ones. A FIFO queue's batches hold ten and do not
  // wait, whatever is set here.
  batchSize: 1_000,
  batchWindowSeconds: 60,
  maxConcurrency: 5,
  alarms: {
    dev: { queueDepth: 50_000, functionErrors: 3 },
    prod: { queueDepth: 50_000, oldestMessageSeconds: 900, promisedSeconds: 1_800 },
  },
};
