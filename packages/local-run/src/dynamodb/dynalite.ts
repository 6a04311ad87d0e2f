// dynalite's store and operations, called in-process. It has no programmatic interface but its HTTP server, which dies with a
// client that aborts mid-body. Its modules are plain CommonJS; the exact version is pinned in package.json because of this.
import { createRequire } from 'node:module';
import type { Json } from '../protocol/json.ts';
import { DynamoDbError } from './dynamodb-error.ts';

/** The operations that dynalite knows and the local run answers; TransactWriteItems comes on top. */
const DYNALITE_OPERATIONS = [
  'BatchGetItem',
  'BatchWriteItem',
  'CreateTable',
  'DeleteItem',
  'DeleteTable',
  'DescribeTable',
  'GetItem',
  'ListTables',
  'PutItem',
  'Query',
  'Scan',
  'UpdateItem',
];

/** The fields of a request or an answer. */
export type Fields = Record<string, Json>;
export type Item = Record<string, unknown>;

interface Store {
  db: { close(): Promise<void> };
}
type Callback = (error: (Error & { statusCode?: number; body?: Fields }) | null, data?: Fields) => void;

const require = createRequire(import.meta.url);
const engine: {
  create(options: Fields): Store;
  checkConditional(data: Fields, existing: Item | undefined): Error | null | undefined;
} = require('dynalite/db');
const checks: {
  checkTypes(data: Fields, types: Fields): Fields;
  checkValidations(data: Fields, types: Fields, custom: unknown, store: Store): void;
  toLowerFirst(name: string): string;
} = require('dynalite/validations');

interface Action {
  run(store: Store, data: Fields, callback: Callback): void;
  rules: { types: Fields; custom: unknown };
}
const actions = new Map<string, Action>(
  DYNALITE_OPERATIONS.map((name) => {
    const file = checks.toLowerFirst(name);
    return [
      name,
      { run: require(`dynalite/actions/${file}`), rules: require(`dynalite/validations/${file}`) },
    ];
  }),
);

/** One store with its tables. */
export class Dynalite {
  private readonly store: Store;

  /** @param path folder in which the tables survive; in memory without it */
  constructor(path?: string) {
    this.store = engine.create({
      createTableMs: 0,
      deleteTableMs: 0,
      updateTableMs: 0,
      ...(path && { path }),
    });
  }

  close(): Promise<void> {
    return this.store.db.close();
  }

  /** Checks a request and gives it the form that `perform` takes. @throws DynamoDbError */
  check(operation: string, input: Fields): Fields {
    const { rules } = actionOf(operation);
    try {
      const data = checks.checkTypes(structuredClone(input), rules.types);
      checks.checkValidations(data, rules.types, rules.custom, this.store);
      return data;
    } catch (error) {
      throw asDynamoDbError(error);
    }
  }

  /** @throws DynamoDbError */
  perform(operation: string, data: Fields): Promise<Fields> {
    return new Promise((resolve, reject) => {
      actionOf(operation).run(this.store, data, (error, result) =>
        error ? reject(asDynamoDbError(error)) : resolve(result ?? {}),
      );
    });
  }

  /** Whether an item is as the condition of a request wants it. */
  meetsCondition(data: Fields, existing: Item | undefined): boolean {
    return !engine.checkConditional(data, existing);
  }

  /** The primary key of the item that a request is for. */
  async keyOf(data: Fields): Promise<Item> {
    if (data.Key) return data.Key;
    const { Table } = await this.perform('DescribeTable', { TableName: data.TableName });
    return Object.fromEntries(
      (Table.KeySchema as { AttributeName: string }[]).map((key) => [
        key.AttributeName,
        data.Item[key.AttributeName],
      ]),
    );
  }

  /** The item that a request is for, as it is now. */
  async read(data: Fields): Promise<Item | undefined> {
    return (await this.perform('GetItem', { TableName: data.TableName, Key: await this.keyOf(data) })).Item;
  }
}

const actionOf = (operation: string) => actions.get(operation) as Action;

function asDynamoDbError(error: unknown): unknown {
  const { body, statusCode } = error as { body?: Fields; statusCode?: number };
  return body && statusCode ? new DynamoDbError(body, statusCode) : error;
}
