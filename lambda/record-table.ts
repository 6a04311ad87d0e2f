/** A table that holds one record an order, which a cancellation may reach before the order does. */
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  PutItemCommand,
  type PutItemCommandInput,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { ORDER_CONFLICT } from '../contract/dead-letter.ts';
import type { Cancellation } from '../domain/cancellation.ts';
import { dynamodb } from './clients.ts';
import { PermanentError } from './permanent-error.ts';

/** What every record of an order carries: whose it is, and of which order exactly. */
export type OrderRecord = { readonly orderId: string; readonly orderDigest: string };

/** What a cancellation adds to a record. A record that has this and no orderDigest is a marker: the order has not come yet. */
export type Cancelled = { readonly cancelledAt: string; readonly cancellationReason: string };

/** A record as DynamoDB returns it. */
export type Item = Record<string, AttributeValue>;

/**
 * The records of one table. No record is ever deleted, and a failed condition returns the record that it found: so each step is
 * one conditional write, and no other delivery can undo what it is based on.
 */
export function recordTable<R extends OrderRecord>(table: string) {
  return {
    /** @returns the record that is there already; undefined where this one was made */
    put(record: R, signal: AbortSignal): Promise<Item | undefined> {
      return unlessFound(new PutItemCommand(putNew(table, record)), signal);
    },

    /** Marks an order that has not come yet as cancelled. @returns as `put` */
    mark(cancellation: Cancellation, signal: AbortSignal): Promise<Item | undefined> {
      const marker = { orderId: cancellation.orderId, status: 'CANCELLED', ...cancelledBy(cancellation) };
      return unlessFound(new PutItemCommand(putNew(table, marker)), signal);
    },

    /**
     * Records an order whose cancellation came first.
     * @param record of a cancelled order
     */
    async putOverMarker(record: R & Cancelled, signal: AbortSignal): Promise<'cancelled' | 'duplicate'> {
      const existing = await unlessFound(new PutItemCommand(putOverMarker(table, record)), signal);
      return existing ? sameOrder(existing, record) : 'cancelled';
    },

    /** Cancels an order that is recorded. @returns the record where it is not as expected; undefined where it was cancelled */
    cancel(cancellation: Cancellation, change: Change, signal: AbortSignal): Promise<Item | undefined> {
      return unlessFound(new UpdateItemCommand(cancel(table, cancellation, change)), signal);
    },
  };
}

/** What becomes of a record with its cancellation: text fields, on the condition that the status is as it was seen. */
export interface Change {
  readonly from: string | undefined;
  readonly set: Readonly<Record<string, string>>;
}

/** A put on the condition that the order has no record yet; where it has, the answer carries that record, without a read. */
export function putNew(table: string, record: { readonly orderId: string }) {
  return {
    TableName: table,
    Item: marshall(record, { removeUndefinedValues: true }),
    ConditionExpression: 'attribute_not_exists(orderId)',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  } satisfies PutItemCommandInput;
}

/** A put on the condition that what is there is a marker. */
export function putOverMarker(table: string, record: OrderRecord & Cancelled) {
  return { ...putNew(table, record), ConditionExpression: 'attribute_not_exists(orderDigest)' };
}

/** An update on the condition that the order is not cancelled yet. */
export function cancel(table: string, cancellation: Cancellation, { from, set }: Change) {
  const fields = Object.entries({ ...set, ...cancelledBy(cancellation) });
  return {
    TableName: table,
    Key: { orderId: { S: cancellation.orderId } },
    UpdateExpression: `SET ${fields.map((_, index) => `#field${index} = :value${index}`).join(', ')}`,
    ConditionExpression: `attribute_not_exists(cancelledAt)${from === undefined ? '' : ' AND #status = :from'}`,
    ExpressionAttributeNames: {
      ...Object.fromEntries(fields.map(([field], index) => [`#field${index}`, field])),
      ...(from === undefined ? {} : { '#status': 'status' }),
    },
    ExpressionAttributeValues: {
      ...Object.fromEntries(fields.map(([, value], index) => [`:value${index}`, { S: value }])),
      ...(from === undefined ? {} : { ':from': { S: from } }),
    },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  } satisfies UpdateItemCommandInput;
}

/** What a marker says, for the record of the order that meets it; undefined for the record of an order. */
export function markerOf({ orderDigest, cancelledAt, cancellationReason }: Item): Cancelled | undefined {
  if (orderDigest || !cancelledAt?.S || !cancellationReason?.S) return undefined;
  return { cancelledAt: cancelledAt.S, cancellationReason: cancellationReason.S };
}

/** Whether the order is cancelled already, or marked as such: a further cancellation changes nothing. */
export function isCancelled({ cancelledAt }: Item): boolean {
  return cancelledAt !== undefined;
}

/** `existing`, found under the orderId of `record`, is of the same order. Throws PermanentError where it is not. */
export function sameOrder(existing: Item, record: OrderRecord): 'duplicate' {
  if (existing.orderDigest?.S === record.orderDigest) return 'duplicate';
  throw new PermanentError(ORDER_CONFLICT, 'a different order is recorded under this orderId');
}

export function cancelledBy({ cancelledAt, reason }: Cancellation): Cancelled {
  return { cancelledAt, cancellationReason: reason };
}

/** @returns the item that failed the condition; undefined where the write was done */
async function unlessFound(
  write: PutItemCommand | UpdateItemCommand,
  signal: AbortSignal,
): Promise<Item | undefined> {
  try {
    await dynamodb.send(write as PutItemCommand, { abortSignal: signal });
    return undefined;
  } catch (error) {
    // Without the item nobody can tell a duplicate from a conflict.
    if (!(error instanceof ConditionalCheckFailedException) || !error.Item) throw error;
    return error.Item;
  }
}
