/** A table that holds one record an order. */
import {
  ConditionalCheckFailedException,
  PutItemCommand,
  type PutItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { ORDER_CONFLICT } from '../contract/dead-letter.ts';
import { dynamodb } from './clients.ts';
import { PermanentError } from './permanent-error.ts';

/** What every record of an order carries: whose it is, and of which order exactly. */
export type OrderRecord = { readonly orderId: string; readonly orderDigest: string };

/** Puts records into `table`, each order's once: a further delivery of the same order changes nothing. */
export function recordTable<R extends OrderRecord>(table: string) {
  return {
    /** Throws PermanentError where a different order is recorded under the orderId. */
    async putOnce(record: R, signal: AbortSignal): Promise<'created' | 'duplicate'> {
      try {
        await dynamodb.send(new PutItemCommand(putOnce(table, record)), { abortSignal: signal });
        return 'created';
      } catch (error) {
        // Without the item nobody can tell a duplicate from a conflict.
        if (!(error instanceof ConditionalCheckFailedException) || !error.Item) throw error;
        return sameOrder(error.Item, record);
      }
    },
  };
}

/** A put on the condition that the order has no record yet; where it has, the answer carries that record, without a read. */
export function putOnce(table: string, record: OrderRecord) {
  return {
    TableName: table,
    Item: marshall(record, { removeUndefinedValues: true }),
    ConditionExpression: 'attribute_not_exists(orderId)',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  } satisfies PutItemCommandInput;
}

/** `existing`, found under the orderId of `record`, is of the same order. Throws PermanentError where it is not. */
export function sameOrder(
  existing: NonNullable<PutItemCommandInput['Item']>,
  record: OrderRecord,
): 'duplicate' {
  if (existing.orderDigest?.S === record.orderDigest) return 'duplicate';
  throw new PermanentError(ORDER_CONFLICT, 'a different order is recorded under this orderId');
}
