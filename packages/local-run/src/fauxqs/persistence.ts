import {
  databaseOf,
  Persistence,
  type PersistenceManager,
  type S3Store,
  type SnsStore,
  type SqsStore,
} from './internals.ts';

/**
 * Loads the queues, topics and buckets that an earlier run left in a folder, even one that was killed, and keeps what becomes
 * of them.
 */
export function keepState(
  directory: string,
  queues: SqsStore,
  topics: SnsStore,
  objects: S3Store,
): PersistenceManager {
  const persistence = new Persistence(directory);
  const database = databaseOf(persistence);
  // What has reached the kernel survives the process; that it should survive a power cut is not promised, and would cost
  // a wait for the disk at each message.
  database.exec('PRAGMA synchronous = OFF');
  // fauxqs also sets the receive count to NULL, which its own table refuses: the message would be lost.
  const makeReady = database.prepare(
    'UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?',
  );
  persistence.updateMessageReady = (messageId) => void makeReady.run(messageId);
  persistence.load(queues, topics, objects);
  queues.persistence = persistence;
  topics.persistence = persistence;
  // Not fauxqs's files, of which there are two an object: after a kill one could be new and the other old.
  objects.persistence = persistence;
  // Queues that were loaded know nothing of it: fauxqs sets it in startFauxqs, not in the store.
  for (const queue of queues.allQueues()) queue.persistence = persistence;
  return persistence;
}
