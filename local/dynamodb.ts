// DynamoDB for the local run: dynalite's store and operations, called in-process, and what dynalite lacks on top of them.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import type { Json as JsonValue } from './template.ts';

// dynalite has no programmatic interface but its HTTP server, which dies with a client that aborts mid-body and knows no
// transactions. Its modules are plain CommonJS; the exact version is pinned in package.json because of this.
const require = createRequire(import.meta.url);

type Item = Record<string, unknown>;
type Json = Record<string, JsonValue>;
type Callback = (error: (Error & { statusCode?: number; body?: Json }) | null, data?: Json) => void;
interface Store {
  db: { close(): Promise<void> };
}
const engine: {
  create(options: Json): Store;
  checkConditional(data: Json, existing: Item | undefined): Error | null | undefined;
} = require('dynalite/db');
const checks: {
  checkTypes(data: Json, types: Json): Json;
  checkValidations(data: Json, types: Json, custom: unknown, store: Store): void;
  toLowerFirst(name: string): string;
} = require('dynalite/validations');

const OPERATIONS = [
  'BatchGetItem',
  'BatchWriteItem',
  'CreateTable',
  'DeleteItem',
  'DeleteTable',
  'DescribeTable',
  'DescribeTimeToLive',
  'GetItem',
  'ListTables',
  'PutItem',
  'Query',
  'Scan',
  'UpdateItem',
  'UpdateTable',
];
const actions = new Map(
  OPERATIONS.map((name) => {
    const file = checks.toLowerFirst(name);
    return [
      name,
      {
        run: require(`dynalite/actions/${file}`) as (store: Store, data: Json, callback: Callback) => void,
        rules: require(`dynalite/validations/${file}`) as { types: Json; custom: unknown },
      },
    ];
  }),
);

/** An answer that DynamoDB gives with an error status: `body` is its JSON with `__type`. */
export class DynamoDbFault extends Error {
  readonly statusCode: number;
  readonly body: Json;
  constructor(body: Json, statusCode = 400) {
    super(String(body.message ?? body.Message ?? body.__type));
    this.statusCode = statusCode;
    this.body = body;
  }
}

const fault = (type: string, message: string, more: Json = {}) =>
  new DynamoDbFault({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message, ...more });

/** Lets single operations run side by side, and a transaction alone. */
class Gate {
  private running = 0;
  private queue: { alone: boolean; enter: () => void }[] = [];
  private closed = false;

  async run<T>(alone: boolean, work: () => Promise<T>): Promise<T> {
    if (this.closed || this.queue.length > 0 || (alone && this.running > 0)) {
      await new Promise<void>((enter) => this.queue.push({ alone, enter }));
    } else {
      this.enter(alone);
    }
    try {
      return await work();
    } finally {
      this.running -= 1;
      if (alone) this.closed = false;
      this.admit();
    }
  }

  private enter(alone: boolean): void {
    this.running += 1;
    this.closed = alone;
  }

  private admit(): void {
    while (!this.closed) {
      const next = this.queue[0];
      if (!next || (next.alone && this.running > 0)) return;
      this.queue.shift();
      this.enter(next.alone);
      next.enter();
    }
  }
}

const TRANSACTION = { Put: 'PutItem', Update: 'UpdateItem', Delete: 'DeleteItem' } as const;

/** DynamoDB's operations over dynalite's store, with TransactWriteItems and the old item of a failed condition. */
export class LocalDynamoDb {
  private readonly store: Store;
  private readonly gate = new Gate();
  /** Where the old items of a transaction lie while its writes are done, so that a process that is killed leaves no half. */
  private readonly journal: string | undefined;
  private readonly recovered: Promise<void>;

  /** @param path folder in which the tables survive; in memory without it */
  constructor(path?: string) {
    this.store = engine.create({
      createTableMs: 0,
      deleteTableMs: 0,
      updateTableMs: 0,
      ...(path && { path }),
    });
    this.journal = path && `${path}-transaction.json`;
    this.recovered = this.undoUnfinished();
  }

  close(): Promise<void> {
    return this.store.db.close();
  }

  /**
   * One request: the operation of `X-Amz-Target` and its parsed JSON body.
   * @throws DynamoDbFault what DynamoDB would answer with an error status
   */
  async call(operation: string, input: Json): Promise<Json> {
    await this.recovered;
    if (operation === 'TransactWriteItems') return this.gate.run(true, () => this.transactWrite(input));
    if (!actions.has(operation)) {
      throw fault('UnknownOperationException', `${operation} is not part of the local DynamoDB`);
    }
    return this.gate.run(false, () => this.single(operation, input));
  }

  private async single(operation: string, input: Json): Promise<Json> {
    const data = this.check(operation, input);
    try {
      return await this.perform(operation, data);
    } catch (error) {
      if (
        error instanceof DynamoDbFault &&
        String(error.body.__type).endsWith('#ConditionalCheckFailedException') &&
        input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD'
      ) {
        const old = await this.read(data);
        if (old) error.body.Item = old;
      }
      throw error;
    }
  }

  /** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html */
  private async transactWrite(input: Json): Promise<Json> {
    const entries: Json[] = input.TransactItems ?? [];
    if (entries.length < 1 || entries.length > 100) {
      throw fault(
        'ValidationException',
        `TransactItems holds ${entries.length} actions, allowed are 1 to 100`,
      );
    }
    const steps = entries.map((entry) => {
      const [kind, request] = Object.entries(entry)[0] ?? [];
      const operation =
        TRANSACTION[kind as keyof typeof TRANSACTION] ??
        (kind === 'ConditionCheck' ? 'DeleteItem' : undefined);
      if (!operation) throw fault('ValidationException', `unknown action ${kind} in TransactItems`);
      const data = this.check(operation, request);
      return { kind, operation, data, wantsOld: request.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' };
    });

    const seen = new Set<string>();
    const olds: (Item | undefined)[] = [];
    for (const step of steps) {
      const key = `${step.data.TableName} ${JSON.stringify(await this.keyOf(step.data))}`;
      if (seen.has(key)) {
        throw fault(
          'ValidationException',
          'Transaction request cannot include multiple operations on one item',
        );
      }
      seen.add(key);
      olds.push(await this.read(step.data));
    }

    const reasons = steps.map((step, index) => {
      if (!engine.checkConditional(step.data, olds[index])) return { Code: 'None' };
      return {
        Code: 'ConditionalCheckFailed',
        Message: 'The conditional request failed',
        ...(step.wantsOld && olds[index] && { Item: olds[index] }),
      };
    });
    if (reasons.some((reason) => reason.Code !== 'None')) throw cancelled(reasons);

    this.note(steps.map(({ data }, index) => ({ data, old: olds[index] })));
    try {
      await this.apply(steps, olds);
    } finally {
      if (this.journal) fs.rmSync(this.journal);
    }
    return {};
  }

  private async apply(
    steps: { kind: string | undefined; operation: string; data: Json }[],
    olds: (Item | undefined)[],
  ): Promise<void> {
    for (const [index, step] of steps.entries()) {
      if (step.kind === 'ConditionCheck') continue;
      try {
        await this.perform(step.operation, step.data);
      } catch (error) {
        for (let back = index - 1; back >= 0; back -= 1)
          await this.restore(steps[back]?.data ?? {}, olds[back]);
        if (!(error instanceof DynamoDbFault)) throw error;
        throw cancelled(
          steps.map((_, at) =>
            at === index ? { Code: 'ValidationError', Message: error.message } : { Code: 'None' },
          ),
        );
      }
    }
  }

  private note(undo: { data: Json; old: Item | undefined }[]): void {
    if (!this.journal) return;
    // Under its name only when it is whole: before that nothing is written to a table.
    fs.writeFileSync(`${this.journal}.part`, JSON.stringify(undo));
    fs.renameSync(`${this.journal}.part`, this.journal);
  }

  /** A transaction that nobody has heard the end of did not happen. */
  private async undoUnfinished(): Promise<void> {
    if (!this.journal || !fs.existsSync(this.journal)) return;
    for (const { data, old } of JSON.parse(fs.readFileSync(this.journal, 'utf8'))) {
      await this.restore(data, old);
    }
    fs.rmSync(this.journal);
  }

  private check(operation: string, input: Json): Json {
    const action = actions.get(operation);
    if (!action) throw fault('UnknownOperationException', operation);
    try {
      const data = checks.checkTypes(structuredClone(input), action.rules.types);
      checks.checkValidations(data, action.rules.types, action.rules.custom, this.store);
      return data;
    } catch (error) {
      throw asFault(error);
    }
  }

  private perform(operation: string, data: Json): Promise<Json> {
    return new Promise((resolve, reject) => {
      actions
        .get(operation)
        ?.run(this.store, data, (error, result) => (error ? reject(asFault(error)) : resolve(result ?? {})));
    });
  }

  private async keyOf(data: Json): Promise<Item> {
    if (data.Key) return data.Key;
    const { Table } = await this.perform('DescribeTable', { TableName: data.TableName });
    return Object.fromEntries(
      (Table.KeySchema as { AttributeName: string }[]).map((key) => [
        key.AttributeName,
        data.Item[key.AttributeName],
      ]),
    );
  }

  private async read(data: Json): Promise<Item | undefined> {
    return (await this.perform('GetItem', { TableName: data.TableName, Key: await this.keyOf(data) })).Item;
  }

  private async restore(data: Json, old: Item | undefined): Promise<void> {
    const { TableName } = data;
    if (old) await this.perform('PutItem', { TableName, Item: old });
    else await this.perform('DeleteItem', { TableName, Key: await this.keyOf(data) });
  }
}

function cancelled(reasons: { Code: string }[]): DynamoDbFault {
  const codes = reasons.map((reason) => reason.Code).join(', ');
  return fault(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    { CancellationReasons: reasons },
  );
}

function asFault(error: unknown): unknown {
  const { body, statusCode } = error as { body?: Json; statusCode?: number };
  return body && statusCode ? new DynamoDbFault(body, statusCode) : error;
}
