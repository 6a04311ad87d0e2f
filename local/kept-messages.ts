// Queues and topics that survive the process, even one that is killed: fauxqs's persistence, mended.
import type { DatabaseSync } from 'node:sqlite';

/** What is used here of fauxqs. */
interface Persistence {
  db: DatabaseSync;
  close(): void;
  loadSqsAndSns(sqs: SqsStore, sns: SnsStore): void;
  transaction(work: () => void): void;
  updateMessageReady(messageId: string): void;
}
interface Queue {
  persistence?: Persistence;
  dequeue(...args: unknown[]): unknown;
}
interface SqsStore {
  persistence?: Persistence;
  allQueues(): Iterable<Queue>;
}
interface SnsStore {
  persistence?: Persistence;
}

/** Loads what an earlier run left behind, and keeps everything from here on. */
export function keepMessages(
  persistence: Persistence,
  Queue: { prototype: Queue },
  sqsStore: SqsStore,
  snsStore: SnsStore,
): void {
  // What has reached the kernel survives the process; that it should survive a power cut is not promised, and would cost
  // a wait for the disk at each message.
  persistence.db.exec('PRAGMA synchronous = OFF');
  // fauxqs also sets the receive count to NULL, which its own table refuses: the message would be lost.
  const makeReady = persistence.db.prepare(
    'UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?',
  );
  persistence.updateMessageReady = (messageId) => void makeReady.run(messageId);
  // A move to the dead-letter queue is a delete and an insert: all of it, or none.
  const { dequeue } = Queue.prototype;
  Queue.prototype.dequeue = function (...args) {
    let received: unknown;
    persistence.transaction(() => {
      received = dequeue.apply(this, args);
    });
    return received;
  };
  persistence.loadSqsAndSns(sqsStore, snsStore);
  sqsStore.persistence = persistence;
  snsStore.persistence = persistence;
  // Queues that were loaded know nothing of it: https://github.com/kibertoad/fauxqs sets it in startFauxqs, not in the store.
  for (const queue of sqsStore.allQueues()) queue.persistence = persistence;
}
