// Faults that are injected into the requests that the emulators answer.

import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDbError } from '../dynamodb/dynamodb-error.ts';
import type { Fauxqs, Interception } from '../fauxqs/fauxqs.ts';
import { errorAnswer, jsonAnswer } from '../protocol/http-answer.ts';
import type { Json } from '../protocol/json.ts';
import { ServiceError } from '../protocol/service-error.ts';
import type { RequestFault } from './fault-plan.ts';
import type { Faults } from './faults.ts';

/** Injects the faults of services; without faults it changes nothing. */
export class ServiceFaults {
  private readonly faults: Faults | undefined;

  /** @param fauxqs answers for SNS, SQS and S3 */
  constructor(faults: Faults | undefined, fauxqs: Fauxqs) {
    this.faults = faults;
    if (!faults) return;
    // Only in queues of consumers, which have a dead-letter queue.
    fauxqs.duplicateWhere(({ attributes }) => Boolean(attributes.RedrivePolicy) && faults.duplicates());
    fauxqs.intercept(({ operation, input }) => {
      const fault = faults.request(operation, '');
      return fault && interceptionOf(fault, input);
    });
  }

  /** Does a DynamoDB request, or the fault that is injected into it. */
  async dynamodb(operation: string, input: Json, work: () => Promise<Json>): Promise<Json> {
    const fault = this.faults?.request(operation, JSON.stringify(input));
    if (!fault) return work();
    const lateMs = fault.kind === 'slow-call' ? (this.faults?.slowMs ?? 0) : 0;
    if (fault.when === 'after') {
      const answer = await work();
      if (lateMs === 0) throw failure(fault, operation, input);
      await pause(lateMs);
      return answer;
    }
    if (lateMs === 0) throw failure(fault, operation, input);
    await pause(lateMs);
    return work();
  }
}

/** In the words of the service: SNS and S3 speak XML. */
function interceptionOf({ kind, when }: RequestFault, input: Json): Interception {
  if (kind === 'delete-failed') return jsonAnswer(deletesNothing(input));
  const isDone = when === 'after';
  if (kind === 's3-error' && !isDone) {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    return errorAnswer(
      's3',
      new ServiceError('SlowDown', 'Please reduce your request rate (injected).', { status: 503 }),
    );
  }
  const error = new ServiceError('InternalError', 'injected', { status: 500 });
  return { ...errorAnswer(kind.replace('-error', ''), error), isDone };
}

/** SQS may report that a delete failed, or report success and deliver the message again all the same. */
function deletesNothing({ Entries = [] }: { Entries?: { Id: string }[] }): object {
  const told = Entries.filter((_, index) => index % 2 === 0);
  return {
    Successful: Entries.filter((entry) => !told.includes(entry)).map(({ Id }) => ({ Id })),
    Failed: told.map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false, Message: 'injected' })),
  };
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html */
function failure({ kind }: RequestFault, operation: string, input: Json): DynamoDbError {
  const error = (type: string, message: string, more: object = {}) => ({
    __type: `com.amazonaws.dynamodb.v20120810#${type}`,
    message,
    ...more,
  });
  if (kind === 'dynamodb-throttled') {
    return new DynamoDbError(
      error('ThrottlingException', 'Throughput exceeds the current capacity (injected)'),
    );
  }
  if (kind !== 'dynamodb-conflict') {
    return new DynamoDbError(error('InternalServerError', 'Internal server error (injected)'), 500);
  }
  if (operation !== 'TransactWriteItems') {
    return new DynamoDbError(error('TransactionConflictException', 'Transaction is ongoing for the item'));
  }
  const CancellationReasons = (input.TransactItems as unknown[]).map((_, index) =>
    index === 0
      ? { Code: 'TransactionConflict', Message: 'Transaction is ongoing for the item' }
      : { Code: 'None' },
  );
  return new DynamoDbError(
    error('TransactionCanceledException', 'Transaction cancelled [TransactionConflict]', {
      CancellationReasons,
    }),
  );
}
