import {
  databaseOf,
  Persistence,
  type PersistenceManager,
  type SnsStore,
  type SqsStore,
} from './internals.ts';

/** Loads the queues and topics that an earlier run left in a folder, even one that was killed, and keeps what becomes of them. */
export function keepMessages(directory: string, queues: SqsStore, topics: SnsStore): PersistenceManager {
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
  persistence.loadSqsAndSns(queues, topics);
  queues.persistence = persistence;
  topics.persistence = persistence;
  // Queues that were loaded know nothing of it: fauxqs sets it in startFauxqs, not in the store.
  for (const queue of queues.allQueues()) queue.persistence = persistence;
  return persistence;
}
