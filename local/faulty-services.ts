// Injects faults into the requests that the emulators answer.
import { setTimeout as pause } from 'node:timers/promises';
import type { buildApp } from 'fauxqs';
import { DynamoDbFault } from './dynamodb.ts';
import type { Faults, RequestFault } from './faults.ts';
import type { Json } from './template.ts';

type App = ReturnType<typeof buildApp>;
interface Message {
  body: string;
  messageAttributes: object;
}
/** What is used here of fauxqs's classes. */
interface QueueClass {
  prototype: { attributes: Record<string, string>; enqueue(message: Message): void };
}
interface StoreClass {
  createMessage(body: string, messageAttributes: object): Message;
}

/** The emulators' services as they are on a bad day; on a good one, without faults, nothing is changed. */
export class FaultyServices {
  private readonly faults: Faults | undefined;

  /** @param app answers for SNS and SQS; the classes are those of its queues and store */
  constructor(faults: Faults | undefined, app: App, Queue: QueueClass, Store: StoreClass) {
    this.faults = faults;
    if (!faults) return;
    duplicateMessages(faults, Queue, Store);
    const losing = new WeakMap<object, RequestFault>();
    app.addHook('preHandler', async (request, reply) => {
      const body = (request.body ?? {}) as Json;
      const operation = String(request.headers['x-amz-target'] ?? body.Action).replace('AmazonSQS.', '');
      const fault = faults.request(operation, '');
      if (!fault) return;
      if (fault.kind === 'delete-failed') {
        reply.header('content-type', 'application/x-amz-json-1.0');
        return reply.send(JSON.stringify(deletesNothing(body)));
      }
      if (fault.when === 'after') losing.set(request, fault);
      else return reply.code(500).send(serverError(fault));
    });
    app.addHook('onSend', async (request, reply, payload) => {
      const fault = losing.get(request);
      if (!fault) return payload;
      reply.code(500);
      return serverError(fault);
    });
  }

  /** Does a DynamoDB request, or what goes wrong with it. */
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

/** Only in queues that somebody works off: they have a dead-letter queue. */
function duplicateMessages(faults: Faults, { prototype }: QueueClass, Store: StoreClass): void {
  const { enqueue } = prototype;
  prototype.enqueue = function (message) {
    enqueue.call(this, message);
    if (this.attributes.RedrivePolicy && faults.duplicates()) {
      enqueue.call(this, Store.createMessage(message.body, message.messageAttributes));
    }
  };
}

/** In the words of the service: SNS speaks XML. */
function serverError({ kind }: RequestFault): string {
  return kind === 'sns-error'
    ? '<ErrorResponse><Error><Type>Receiver</Type><Code>InternalError</Code><Message>injected</Message></Error></ErrorResponse>'
    : JSON.stringify({ __type: 'com.amazonaws.sqs#InternalError', message: 'injected' });
}

/** SQS may tell that a delete failed, or tell that it went well and bring the message back all the same. */
function deletesNothing({ Entries = [] }: { Entries?: { Id: string }[] }): object {
  const told = Entries.filter((_, index) => index % 2 === 0);
  return {
    Successful: Entries.filter((entry) => !told.includes(entry)).map(({ Id }) => ({ Id })),
    Failed: told.map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false, Message: 'injected' })),
  };
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html */
function failure({ kind }: RequestFault, operation: string, input: Json): DynamoDbFault {
  const error = (type: string, message: string, more: object = {}) => ({
    __type: `com.amazonaws.dynamodb.v20120810#${type}`,
    message,
    ...more,
  });
  if (kind === 'dynamodb-throttled') {
    return new DynamoDbFault(
      error('ThrottlingException', 'Throughput exceeds the current capacity (injected)'),
    );
  }
  if (kind !== 'dynamodb-conflict') {
    return new DynamoDbFault(error('InternalServerError', 'Internal server error (injected)'), 500);
  }
  if (operation !== 'TransactWriteItems') {
    return new DynamoDbFault(error('TransactionConflictException', 'Transaction is ongoing for the item'));
  }
  const CancellationReasons = (input.TransactItems as unknown[]).map((_, index) =>
    index === 0
      ? { Code: 'TransactionConflict', Message: 'Transaction is ongoing for the item' }
      : { Code: 'None' },
  );
  return new DynamoDbFault(
    error('TransactionCanceledException', 'Transaction cancelled [TransactionConflict]', {
      CancellationReasons,
    }),
  );
}
