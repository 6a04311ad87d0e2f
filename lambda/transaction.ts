/** Several conditional writes as one. */
import { setTimeout } from 'node:timers/promises';
import {
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { backoffDelay } from '../contract/retries.ts';
import { dynamodb } from './clients.ts';

/** At most 2.6 s of waiting, 1.3 s on average: enough for an item that many write, and far below the function's 30 s. */
const MAX_TRIES = 10;
const BACKOFF_MS = { first: 20, longest: 500 };

/** Code of a write whose condition has failed. */
export const CONDITION_FAILED = 'ConditionalCheckFailed';

/**
 * Makes all writes or none.
 * @returns undefined where they were done; where conditions have failed, the error with a reason a write, as they were
 *   given, of which several may have failed, each for its own reason
 * @throws whatever else DynamoDB answers
 */
export async function transact(
  writes: TransactWriteItem[],
  signal: AbortSignal,
): Promise<TransactionCanceledException | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: writes }), { abortSignal: signal });
      return undefined;
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error;
      if (error.CancellationReasons?.some(({ Code }) => Code === CONDITION_FAILED)) return error;
      if (!isConflict(error) || tries === MAX_TRIES) throw error;
    }
    await setTimeout(backoffDelay(tries, BACKOFF_MS), undefined, { signal });
  }
}

/**
 * A write that adds to numbers of an item, and makes the item, or a number, that is not there yet.
 * @param key its key: text fields
 */
export function add(
  table: string,
  key: Readonly<Record<string, string>>,
  amounts: Readonly<Record<string, number>>,
): TransactWriteItem {
  const fields = Object.entries(amounts);
  return {
    Update: {
      TableName: table,
      Key: marshall(key),
      UpdateExpression: `ADD ${fields.map((_, index) => `#field${index} :amount${index}`).join(', ')}`,
      ExpressionAttributeNames: Object.fromEntries(fields.map(([field], index) => [`#field${index}`, field])),
      ExpressionAttributeValues: Object.fromEntries(
        fields.map(([, amount], index) => [`:amount${index}`, { N: String(amount) }]),
      ),
    },
  };
}

/**
 * Whether only other transactions were in the way, which the SDK does not retry. Anything else, such as throttling, is left to the
 * queue's longer backoff.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 */
function isConflict({ CancellationReasons: reasons = [] }: TransactionCanceledException): boolean {
  return reasons.length > 0 && reasons.every(({ Code }) => Code === 'None' || Code === 'TransactionConflict');
}
