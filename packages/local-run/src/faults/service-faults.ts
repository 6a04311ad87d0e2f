// Faults that are injected into the requests that the emulators answer.

import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDbError, transactionCancelled } from '../dynamodb/dynamodb-error.ts';
import type { Fauxqs, Interception } from '../fauxqs/fauxqs.ts';
import { errorAnswer, jsonAnswer } from '../protocol/http-answer.ts';
import type { Json } from '../protocol/json.ts';
import { ServiceError } from '../protocol/service-error.ts';
import type { RequestFault } from './fault-plan.ts';
import type { Faults } from './faults.ts';

/** Injects the faults of SNS, SQS and S3. */
export function injectFaults(faults: Faults, fauxqs: Fauxqs): void {
  // Only in queues of consumers, which have a dead-letter queue.
  fauxqs.duplicateWhere(({ attributes }) => Boolean(attributes.RedrivePolicy) && faults.duplicates());
  fauxqs.intercept(({ service, operation, input }) => {
    const fault = faults.request(operation, service === 's3' ? JSON.stringify(input) : '');
    return fault && interceptionOf(fault, input);
  });
}

/** Does a DynamoDB request, or the fault that is injected into it. */
export async function withDynamoDbFault(
  faults: Faults | undefined,
  operation: string,
  input: Json,
  work: () => Promise<Json>,
): Promise<Json> {
  const fault = faults?.request(operation, JSON.stringify(input));
  if (!faults || !fault) return work();
  const isLate = fault.kind === 'slow-call';
  if (fault.when === 'before') {
    if (!isLate) throw failure(fault, operation, input);
    await pause(faults.slowMs);
    return work();
  }
  const answer = await work();
  if (!isLate) throw failure(fault, operation, input);
  await pause(faults.slowMs);
  return answer;
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
  if (kind === 'dynamodb-throttled') {
    return DynamoDbError.of('ThrottlingException', 'Throughput exceeds the current capacity (injected)');
  }
  if (kind !== 'dynamodb-conflict') {
    return DynamoDbError.of('InternalServerError', 'Internal server error (injected)', {}, 500);
  }
  const Message = 'Transaction is ongoing for the item';
  if (operation !== 'TransactWriteItems') return DynamoDbError.of('TransactionConflictException', Message);
  const [, ...others]: unknown[] = input.TransactItems;
  return transactionCancelled([
    { Code: 'TransactionConflict', Message },
    ...others.map(() => ({ Code: 'None' })),
  ]);
}
