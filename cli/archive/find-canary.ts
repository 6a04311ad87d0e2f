/** Looks for the message of a replay that shows whether the consumer works. */
import { domain } from '#domain';
import type { ArchivedMessage } from '../../contract/archive.ts';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { leavesRecord, onRecord, readRecords, requireRecords } from '../outcomes/records.ts';
import { type ArchiveReading, readArchive } from './reader.ts';
import type { ArchivedOutgoing } from './selection.ts';

export interface CanarySearch {
  readonly clients: Pick<Clients, 'dynamodb' | 's3'>;
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
  requireRecords(consumer);
  let objects = 0;
  for await (const portion of readArchive(reading)) {
    const candidates = select(portion.messages).flatMap((message) => {
      const event = domain.events.eventIn(message.body);
      return event ? [{ message, event }] : [];
    });
    const ids = candidates.map(({ event }) => domain.events.idOf(event));
    const records = await readRecords(clients, consumer, ids);
    const found = candidates.find(
      ({ event }) =>
        leavesRecord(consumer.name, event) &&
        onRecord(records.get(domain.events.idOf(event)), event) === 'none',
    );
    if (found) return found.message;
    objects += portion.objects;
    onProgress(objects);
  }
  return undefined;
}
