import type { Json } from '../protocol/json.ts';

/** An error that DynamoDB answers with: `body` is its JSON with `__type`. */
export class DynamoDbError extends Error {
  readonly statusCode: number;
  readonly body: Record<string, Json>;

  constructor(body: Record<string, Json>, statusCode = 400) {
    super(String(body.message ?? body.Message ?? body.__type));
    this.statusCode = statusCode;
    this.body = body;
  }

  /** @param more further fields of the answer */
  static of(type: string, message: string, more: Record<string, Json> = {}, statusCode = 400): DynamoDbError {
    return new DynamoDbError(
      { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message, ...more },
      statusCode,
    );
  }

  /** The exception's name: `ConditionalCheckFailedException`. */
  get type(): string {
    return String(this.body.__type).split('#').at(-1) ?? '';
  }
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html */
export interface CancellationReason {
  Code: string;
  Message?: string;
  Item?: Json;
}

/** A transaction of which nothing was done. @param reasons one for each of its items, `None` where it is not the cause */
export function transactionCancelled(reasons: CancellationReason[]): DynamoDbError {
  const codes = reasons.map(({ Code }) => Code).join(', ');
  return DynamoDbError.of(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    { CancellationReasons: reasons },
  );
}
