/** Who consumes readings. Stages and defaults are those of the project. */
import type { ConsumersOf } from '../../../lib/settings/types.ts';
import type { domain } from './domain.ts';

export { archive, archiveConsumer, consumerDefaults, stages } from '../../../lib/config.ts';

export const consumers = {
  analytics: {
    eventTypes: ['reading.taken'],
    tables: {
      readings: { holds: 'records', partitionKey: 'readingId', actions: ['dynamodb:PutItem'] },
      aggregates: { holds: 'other', partitionKey: 'deviceHour', actions: ['dynamodb:UpdateItem'] },
    },
    // Nobody waits for an aggregate, and fewer invocations cost less. A FIFO queue has batches of ten; sums need no sequence.
    batchSize: 100,
    batchWindowSeconds: 5,
    ordered: false,
  },
  alerting: {
    eventTypes: ['reading.taken'],
    tables: { alerts: { holds: 'records', partitionKey: 'readingId', actions: ['dynamodb:PutItem'] } },
  },
} satisfies ConsumersOf<typeof domain>;

export const handlers: string = import.meta.dirname;
