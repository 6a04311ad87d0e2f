import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { SQSRecord } from 'aws-lambda';
import { type ConsumerMetrics, recordsHandler } from '../batch.ts';
import { consumerQueue } from '../consumer-queue.ts';
import { environment } from '../environment.ts';
import { archived } from './archived.ts';
import { archiveBucket } from './bucket.ts';

const bucket = archiveBucket(environment('ARCHIVE_BUCKET'));
const prefix = environment('ARCHIVE_PREFIX');
const logger = new Logger();
const metrics: ConsumerMetrics = new Metrics();

/** A record is done when the object that holds it is written. */
export const handler = recordsHandler(
  (records, signal) => {
    const written = new Map<SQSRecord, Promise<void>>();
    for (const object of archived(records, prefix)) {
      const writing = bucket.put(object, signal).then(() => {
        const messages = object.records.length;
        metrics.addMetric('Processed', MetricUnit.Count, messages);
        metrics.addMetric('SecondsToDone', MetricUnit.Seconds, longestWait(object.records));
        logger.info('archived', { key: object.key, messages });
      });
      writing.catch(() => {}); // Each of its records hears of it.
      for (const record of object.records) written.set(record, writing);
    }
    return async (record) => {
      await written.get(record);
      return undefined;
    };
  },
  { ...consumerQueue(), logger, metrics },
);

/** Seconds since the first of the records came. */
function longestWait(records: readonly SQSRecord[]): number {
  const first = Math.min(...records.map(({ attributes }) => Number(attributes.SentTimestamp)));
  return Math.max(0, (Date.now() - first) / 1_000);
}
