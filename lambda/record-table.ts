/** A table that keeps one record of each event under its ID, however often the event is delivered. */
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  PutItemCommand,
  type PutItemCommandInput,
  type TransactWriteItem,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { RecordNames } from '../contract/event-catalogue.ts';
import { dynamodb } from './clients.ts';
import { PermanentError } from './permanent-error.ts';
import { transact } from './transaction.ts';

/** A record as DynamoDB returns it. */
export type Item = Record<string, AttributeValue>;

/** A conditional write that returns the record it found where its condition fails. */
export type RecordWrite = { readonly Put: PutItemCommandInput } | { readonly Update: UpdateItemCommandInput };

/**
 * No record is ever deleted, and a failed condition returns the record that it found: so each step is one conditional write, and no
 * other delivery can undo what it is based on.
 * @param catalogue names the fields that each record carries: the ID of its event, and the event's digest (`digestOf`)
 * @param table its name
 */
export function recordTable<Id extends string, Digest extends string>(
  { settings }: { readonly settings: RecordNames<Id, Digest> },
  table: string,
) {
  const { noun, idField, digestField, conflictError } = settings;

  const records = {
    /**
     * Records an event, and makes `others` with it, or none of both.
     * @throws PermanentError where a different event is recorded under its ID
     */
    async create<R extends object>(
      record: R & Readonly<Record<Id | Digest, string>>,
      signal: AbortSignal,
      others: readonly TransactWriteItem[] = [],
    ): Promise<'created' | 'duplicate'> {
      const existing = await write(records.put(record), signal, others);
      return existing ? records.duplicate(existing, record) : 'created';
    },

    /** @param absent field on the absence of which the put depends: by default there must be no record under the ID */
    put(record: object, absent: Id | Digest = idField) {
      return {
        Put: {
          TableName: table,
          Item: marshall(record, { removeUndefinedValues: true }),
          ConditionExpression: 'attribute_not_exists(#absent)',
          ExpressionAttributeNames: { '#absent': absent },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        },
      } satisfies RecordWrite;
    },

    /** `existing`, found under the ID of `record`, is of the same event. Throws PermanentError where it is not. */
    duplicate(existing: Item, record: Readonly<Record<Digest, string>>): 'duplicate' {
      if (existing[digestField]?.S === record[digestField]) return 'duplicate';
      throw new PermanentError(conflictError, `a different ${noun} is recorded under this ${idField}`);
    },
  };
  return records;
}

/**
 * Makes a write, and `others` with it, or none of both.
 * @returns the record where its condition has failed; undefined where all is written
 * @throws TransactionCanceledException where only conditions of `others` have failed
 */
export async function write(
  first: RecordWrite,
  signal: AbortSignal,
  others: readonly TransactWriteItem[] = [],
): Promise<Item | undefined> {
  if (others.length > 0) {
    const refused = await transact([first as TransactWriteItem, ...others], signal);
    const found = refused?.CancellationReasons?.[0]?.Item;
    if (refused && !found) throw refused;
    return found;
  }
  try {
    const command = 'Put' in first ? new PutItemCommand(first.Put) : new UpdateItemCommand(first.Update);
    await dynamodb.send(command as PutItemCommand, { abortSignal: signal });
    return undefined;
  } catch (error) {
    // Without the item nobody can tell a duplicate from a conflict.
    if (!(error instanceof ConditionalCheckFailedException) || !error.Item) throw error;
    return error.Item;
  }
}
