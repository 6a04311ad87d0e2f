/** Which objects of the archive the messages of a batch make. */
import type { SQSRecord } from 'aws-lambda';
import { type ArchivedMessage, type ArchiveObject, archiveObject } from '../../contract/archive.ts';
import { originalAttributes } from '../../contract/dead-letter.ts';
import { isOrdered } from '../message-groups.ts';

/** An object, and the records that are kept when it is. */
type Archived = ArchiveObject & { readonly records: readonly SQSRecord[] };

const HOUR = 'YYYY-MM-DDTHH'.length;
const MINUTE = 'YYYY-MM-DDTHH:MM'.length;

/**
 * @param prefix what the keys of the archive begin with
 * @returns one object for each hour in which messages came; for a FIFO queue, whose batches hold ten messages at most, one for each minute:
 * to read them in sequence, only a minute's messages have to be sorted.
 */
export function archived(records: readonly SQSRecord[], prefix: string): Archived[] {
  const spans = Map.groupBy(records, (record) => sentAt(record).slice(0, isOrdered(record) ? MINUTE : HOUR));
  return Array.from(spans.values(), (together) => ({
    ...archiveObject(together.map(archivedMessage), prefix),
    records: together,
  }));
}

function archivedMessage(record: SQSRecord): ArchivedMessage {
  const { MessageGroupId: groupId, SequenceNumber: sequenceNumber } = record.attributes;
  return {
    messageId: record.messageId,
    sentAt: sentAt(record),
    groupId,
    sequenceNumber,
    attributes: originalAttributes(record.messageAttributes),
    body: record.body,
  };
}

function sentAt({ attributes }: SQSRecord): string {
  return new Date(Number(attributes.SentTimestamp)).toISOString();
}
