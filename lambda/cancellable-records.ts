/** Records that can be cancelled, even before they are made: whichever event comes first, the end is the same. */
import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { RecordNames } from '../contract/event-catalogue.ts';
import { type Item, type RecordWrite, recordTable, write } from './record-table.ts';

/** What a cancellation adds to a record. With this and without a digest it is a marker: what is cancelled has not come yet. */
export type Cancelled = { readonly cancelledAt: string; readonly cancellationReason: string };

/** What else a cancellation does. */
export interface Change<Outcome extends string> {
  /** Text fields of the record. */
  readonly set: Readonly<Record<string, string>>;
  /** Writes that are made with it, or not at all. */
  readonly others?: readonly TransactWriteItem[];
  readonly outcome: Outcome;
}

/** See `recordTable`. A record's `status` changes with whatever a cancellation depends on. */
export function cancellableRecords<Id extends string, Digest extends string>(
  catalogue: { readonly settings: RecordNames<Id, Digest> },
  table: string,
) {
  type Recorded = Readonly<Record<Id | Digest, string>>;
  type Cancellation = Readonly<Record<Id | 'cancelledAt' | 'reason', string>>;
  const { idField, digestField } = catalogue.settings;
  const { put, duplicate } = recordTable(catalogue, table);

  const records = {
    put,

    /**
     * Makes a record, with its change where it is cancelled already.
     * @throws PermanentError where a different event is recorded under its ID
     */
    async create<R extends object, O extends string>(
      record: R & Recorded,
      change: (cancelled: Cancelled) => Change<O>,
      signal: AbortSignal,
    ): Promise<O | 'created' | 'duplicate'> {
      const existing = await write(put(record), signal);
      return existing ? records.meet(existing, record, change, signal) : 'created';
    },

    /** As `create`, where `existing` was found under the ID of `record`. */
    async meet<O extends string>(
      existing: Item,
      record: Recorded,
      change: (cancelled: Cancelled) => Change<O>,
      signal: AbortSignal,
    ): Promise<O | 'duplicate'> {
      const { cancelledAt, cancellationReason } = existing;
      if (existing[digestField] || !cancelledAt?.S || !cancellationReason?.S)
        return duplicate(existing, record);
      const cancelled = { cancelledAt: cancelledAt.S, cancellationReason: cancellationReason.S };
      const { set, others, outcome } = change(cancelled);
      const found = await write(put({ ...record, ...cancelled, ...set }, digestField), signal, others);
      return found ? duplicate(found, record) : outcome;
    },

    /** Cancels a record, once; leaves a marker where there is none yet. */
    async cancel<R, O extends string>(
      cancellation: Cancellation,
      change: (record: R, cancelled: Cancelled) => Change<O>,
      signal: AbortSignal,
    ): Promise<O | 'cancelled' | 'duplicate'> {
      const id = cancellation[idField];
      const cancelled = { cancelledAt: cancellation.cancelledAt, cancellationReason: cancellation.reason };
      const existing = await write(put({ [idField]: id, status: 'CANCELLED', ...cancelled }), signal);
      if (!existing) return 'cancelled';
      if (existing.cancelledAt) return 'duplicate';
      const { set, others, outcome } = change(unmarshall(existing) as R, cancelled);
      const found = await write(update(id, existing.status?.S, { ...set, ...cancelled }), signal, others);
      if (!found) return outcome;
      if (found.cancelledAt) return 'duplicate';
      throw new Error('the record has changed meanwhile');
    },
  };
  return records;

  /** An update on the condition that the record is not cancelled yet, and that its status is as it was seen. */
  function update(
    id: string,
    status: string | undefined,
    set: Readonly<Record<string, string>>,
  ): RecordWrite {
    const fields = Object.entries(set);
    return {
      Update: {
        TableName: table,
        Key: { [idField]: { S: id } },
        UpdateExpression: `SET ${fields.map((_, index) => `#field${index} = :value${index}`).join(', ')}`,
        ConditionExpression: `attribute_not_exists(cancelledAt)${status === undefined ? '' : ' AND #status = :status'}`,
        ExpressionAttributeNames: {
          ...Object.fromEntries(fields.map(([field], index) => [`#field${index}`, field])),
          ...(status === undefined ? {} : { '#status': 'status' }),
        },
        ExpressionAttributeValues: {
          ...Object.fromEntries(fields.map(([, value], index) => [`:value${index}`, { S: value }])),
          ...(status === undefined ? {} : { ':status': { S: status } }),
        },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    };
  }
}
