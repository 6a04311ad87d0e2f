// The modules of fauxqs that it does not export: README lists what is reached into, and why. No other file knows where they
// are; the exact version is pinned in package.json because of this one. Types are those of what fauxqs does export.
import type { DatabaseSync } from 'node:sqlite';
import type { BuildAppOptions, FauxqsServer, SnsSpyMessage, SqsSpyMessage } from 'fauxqs';

export type { SnsSpyMessage, SqsSpyMessage };

type Stores = NonNullable<BuildAppOptions['stores']>;
export type SqsStore = Stores['sqsStore'];
export type SnsStore = Stores['snsStore'];
export type S3Store = Stores['s3Store'];
export type SqsQueue = NonNullable<ReturnType<SqsStore['getQueueByName']>>;
export type SqsMessage = NonNullable<ReturnType<FauxqsServer['inspectQueue']>>['messages']['ready'][number];
export type ReceivedMessage = ReturnType<SqsQueue['dequeue']>[number];
export type MessageAttributes = SqsMessage['messageAttributes'];
export type SnsTopic = NonNullable<ReturnType<SnsStore['getTopic']>>;
export type SnsSubscription = NonNullable<ReturnType<SnsStore['getSubscription']>>;
export type S3Object = ReturnType<S3Store['getObject']>;
export type PersistenceManager = NonNullable<SqsStore['persistence']>;

/** What the modules export, as far as it is used here. */
interface Modules {
  './sqs/sqsStore.js': {
    SqsQueue: { prototype: SqsQueue };
    SqsStore: {
      new (): SqsStore;
      createMessage(
        body: string,
        attributes?: MessageAttributes,
        delaySeconds?: number,
        groupId?: string,
        deduplicationId?: string,
      ): SqsMessage;
    };
  };
  './sns/snsStore.js': { SnsStore: new () => SnsStore };
  './sns/filter.js': {
    matchesFilterPolicy(policy: Record<string, unknown>, attributes: MessageAttributes): boolean;
  };
  './sns/actions/publish.js': {
    publish(form: Record<string, string>, topics: SnsStore, queues: SqsStore): string;
  };
  './s3/s3Store.js': { S3Store: new () => S3Store };
  './s3/chunkedEncoding.js': {
    decodeAwsChunked(body: Buffer): { body: Buffer; trailers: Record<string, string> };
  };
  './persistence.js': { PersistenceManager: new (directory: string) => PersistenceManager };
}

const load = <File extends keyof Modules>(file: File): Promise<Modules[File]> =>
  import(new URL(file, import.meta.resolve('fauxqs')).href);
export const { SqsQueue: Queue, SqsStore: QueueStore } = await load('./sqs/sqsStore.js');
export const { SnsStore: TopicStore } = await load('./sns/snsStore.js');
export const { S3Store: ObjectStore } = await load('./s3/s3Store.js');
export const { PersistenceManager: Persistence } = await load('./persistence.js');
export const { matchesFilterPolicy } = await load('./sns/filter.js');
/** The action Publish, with the fields of its form. @throws where SNS would answer with an error */
export const { publish } = await load('./sns/actions/publish.js');
/** Body and trailing headers of a request whose content encoding is aws-chunked. */
export const { decodeAwsChunked: decodeChunked } = await load('./s3/chunkedEncoding.js');

/** Hears what happens in a store; fauxqs calls no other method of a spy. */
export const spy = <E>(addMessage: (event: E) => void) =>
  ({ addMessage }) as unknown as NonNullable<SqsStore['spy']>;

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
