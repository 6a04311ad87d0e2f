/** Looks for the message of a replay that shows whether the consumer works. */
import type { ArchivedMessage } from '../../contract/archive.ts';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { eventIn } from '../outcomes/follow.ts';
import { onRecord, readRecords, requireRecordsTable } from '../outcomes/records.ts';
import { type ArchiveReading, readArchive } from './reader.ts';
import type { ArchivedOutgoing } from './selection.ts';

export interface CanarySearch {
  readonly clients: Pick<Clients, 'dynamodb'>;
  readonly consumer: ConsumerHandles;
  readonly reading: ArchiveReading;
  /** What the replay would send of messages. */
  readonly select: (messages: readonly ArchivedMessage[]) => ArchivedOutgoing[];
  /** Called with the number of objects that were looked through. */
  readonly onProgress: (objects: number) => void;
}

/**
 * The first message that would change what the consumer has on record; of any other nothing would show whether it was processed.
 * @returns undefined where there is none
 * @throws CommandError for a consumer that keeps no records; whatever the SDK throws; an AbortError on the signal
 */
export async function findCanary(search: CanarySearch): Promise<ArchivedOutgoing | undefined> {
  const { clients, consumer, reading, select, onProgress } = search;
  const table = requireRecordsTable(consumer);
  let objects = 0;
  for await (const portion of readArchive(reading)) {
    const candidates = select(portion.messages).flatMap((message) => {
      const event = eventIn(message.body);
      return event ? [{ message, event }] : [];
    });
    const ids = candidates.map(({ event }) => event.orderId);
    const records = await readRecords(clients.dynamodb, table, ids);
    const found = candidates.find(({ event }) => onRecord(records.get(event.orderId), event) === 'none');
    if (found) return found.message;
    objects += portion.objects;
    onProgress(objects);
  }
  return undefined;
}
