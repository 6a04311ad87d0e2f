/** Looks for the one message of a replay by which it shows whether the consumer works. */

import type { ArchivedMessage } from '../../contract/archive.ts';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import { notOnRecord } from '../outcomes/follow.ts';
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
 * The first message that would change what the consumer has on record; of any other it could not be told whether it was processed.
 * @returns undefined where there is none
 * @throws whatever the SDK throws; an AbortError on the signal
 */
export async function findCanary(search: CanarySearch): Promise<ArchivedOutgoing | undefined> {
  const { clients, consumer, reading, select, onProgress } = search;
  let objects = 0;
  for await (const portion of readArchive(reading)) {
    const named = select(portion.messages).flatMap((message) =>
      message.orderId === undefined ? [] : [{ ...message, orderId: message.orderId }],
    );
    const [first] = await notOnRecord(clients.dynamodb, consumer, named);
    if (first) return first;
    objects += portion.objects;
    onProgress(objects);
  }
  return undefined;
}
