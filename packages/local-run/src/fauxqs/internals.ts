// The modules and types of fauxqs that it does not export. No other file knows where they are; the exact version is pinned in
// package.json because of this one.
import type { DatabaseSync } from 'node:sqlite';
import type { PersistenceManager } from '../../../../node_modules/fauxqs/dist/persistence.d.ts';
import type { decodeAwsChunked as DecodeChunked } from '../../../../node_modules/fauxqs/dist/s3/chunkedEncoding.d.ts';
import type { S3Store } from '../../../../node_modules/fauxqs/dist/s3/s3Store.d.ts';
import type { S3Object } from '../../../../node_modules/fauxqs/dist/s3/s3Types.d.ts';
import type { publish as PublishAction } from '../../../../node_modules/fauxqs/dist/sns/actions/publish.d.ts';
import type * as SnsFilter from '../../../../node_modules/fauxqs/dist/sns/filter.d.ts';
import type { SnsStore } from '../../../../node_modules/fauxqs/dist/sns/snsStore.d.ts';
import type { SnsSubscription, SnsTopic } from '../../../../node_modules/fauxqs/dist/sns/snsTypes.d.ts';
import type { MessageSpy, SnsSpyMessage, SqsSpyMessage } from '../../../../node_modules/fauxqs/dist/spy.d.ts';
import type { SqsQueue, SqsStore } from '../../../../node_modules/fauxqs/dist/sqs/sqsStore.d.ts';
import type { ReceivedMessage, SqsMessage } from '../../../../node_modules/fauxqs/dist/sqs/sqsTypes.d.ts';

export type {
  PersistenceManager,
  ReceivedMessage,
  S3Object,
  S3Store,
  SnsSpyMessage,
  SnsStore,
  SnsSubscription,
  SnsTopic,
  SqsMessage,
  SqsQueue,
  SqsSpyMessage,
  SqsStore,
};
export type MessageAttributes = SqsMessage['messageAttributes'];

const load = (file: string) => import(new URL(file, import.meta.resolve('fauxqs')).href);
const [sqs, sns, filterModule, publishModule, s3, chunkedEncoding, persistence] = await Promise.all([
  load('./sqs/sqsStore.js'),
  load('./sns/snsStore.js'),
  load('./sns/filter.js'),
  load('./sns/actions/publish.js'),
  load('./s3/s3Store.js'),
  load('./s3/chunkedEncoding.js'),
  load('./persistence.js'),
]);
export const Queue: typeof SqsQueue = sqs.SqsQueue;
export const QueueStore: typeof SqsStore = sqs.SqsStore;
export const TopicStore: typeof SnsStore = sns.SnsStore;
export const ObjectStore: typeof S3Store = s3.S3Store;
export const Persistence: typeof PersistenceManager = persistence.PersistenceManager;
/** The action Publish, with the fields of its form. @throws where SNS would answer with an error */
export const publish: typeof PublishAction = publishModule.publish;
export const filter: typeof SnsFilter = filterModule;
/** Body and trailing headers of a request whose content encoding is aws-chunked. */
export const decodeChunked: typeof DecodeChunked = chunkedEncoding.decodeAwsChunked;

/** Hears what happens in a store; fauxqs calls no other method of a spy. */
export const spy = <E>(addMessage: (event: E) => void) => ({ addMessage }) as unknown as MessageSpy;

interface PersistenceInternals {
  db: DatabaseSync;
  transaction(work: () => void): void;
}
export function databaseOf(manager: PersistenceManager): DatabaseSync {
  return (manager as unknown as PersistenceInternals).db;
}
/** Everything that `work` writes, or nothing. */
export function transaction(manager: PersistenceManager, work: () => void): void {
  (manager as unknown as PersistenceInternals).transaction(work);
}

/** Gives a queue another URL. */
export function withUrl(store: SqsStore, queue: SqsQueue, url: string): void {
  const { queues } = store as unknown as { queues: Map<string, SqsQueue> };
  queues.delete(queue.url);
  (queue as { url: string }).url = url;
  queues.set(url, queue);
}

interface FifoReceive {
  dequeueFifo(
    this: SqsQueue,
    max: number,
    visibilitySeconds?: number,
    deadLetterQueues?: (arn: string) => SqsQueue | undefined,
  ): ReceivedMessage[];
}
/** How a FIFO queue receives. */
export const fifoReceiveOf = (prototype: SqsQueue) => prototype as unknown as FifoReceive;

/** The objects of a bucket by key; undefined if there is no such bucket. */
export function objectsIn(store: S3Store, bucket: string): ReadonlyMap<string, S3Object> | undefined {
  const { buckets } = store as unknown as { buckets: Map<string, Map<string, S3Object>> };
  return buckets.get(bucket);
}
