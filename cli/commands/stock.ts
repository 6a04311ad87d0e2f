/** `orders stock`: what is in stock, and how to change it. */
import { type DynamoDBClient, paginateScan, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { connect, type StackHandles, stockTable } from '../aws/stack.ts';
import { usageError } from '../command-error.ts';
import { readStockFile, type StockLevel } from '../orders/stock-file.ts';
import { INTERRUPTED } from '../terminal/interrupt.ts';
import type { Io } from '../terminal/io.ts';
import { count, format, printable, table } from '../terminal/text.ts';
import { commandFor } from '../usage/stack-options.ts';
import type { StockOptions } from '../usage/stock.ts';

/** A level that was set, and what was there before. */
interface Change extends StockLevel {
  /** Undefined where the article is new. */
  readonly before: number | undefined;
}

const PARALLEL_WRITES = 8;
const MAX_LISTED = 20;

/** `stock list`. @returns the exit code */
export async function listStock(options: StockOptions, io: Io): Promise<number> {
  const { clients, stack } = await connect(options, io);
  const stock = await readStock(clients.dynamodb, stockTable(stack));
  if (options.json) io.printJson({ stack: stack.name, stock });
  else if (stock.length > 0) {
    io.print(
      table([
        ['sku', 'available'],
        ...stock.map(({ sku, available }) => [printable(sku, 64), format(available)]),
      ]),
    );
  }
  if (stock.length > 0) return 0;
  io.say(
    `Nothing is in stock, so every order waits. Next: ${commandFor(options, 'stock', 'set', 'SKU=100')}`,
  );
  return 0;
}

/** `stock set`. @returns the exit code */
export async function setStock(args: StockLevel[], options: StockOptions, io: Io): Promise<number> {
  const levels = await collect(args, options.file, io);
  if (!levels) return 1;
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const TableName = stockTable(stack);
  const changes: Change[] = [];
  const step = io.progress({ silent: levels.length < MAX_LISTED }).step('Setting the stock');
  const left = levels.toReversed();
  let isOver = false;
  const writer = async () => {
    for (let next = left.pop(); next && !isOver; next = signal.aborted ? undefined : left.pop()) {
      changes.push({ ...next, before: await writeLevel(clients.dynamodb, TableName, next) });
      step.bar(changes.length, levels.length);
    }
  };
  const writers = Array.from({ length: PARALLEL_WRITES }, () =>
    writer().catch((error) => {
      isOver = true;
      throw error;
    }),
  );
  const results = await Promise.allSettled(writers);
  const isComplete = changes.length === levels.length;
  if (isComplete) step.done(`Set ${count(changes.length, 'article')}`);
  else
    step.fail(
      `Set ${format(changes.length)} of ${count(levels.length, 'article')}; setting them again does no harm`,
    );

  report(changes, stack, options, io);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return isComplete ? 0 : INTERRUPTED;
}

/** What was asked for, or undefined with the problems of the file said. */
async function collect(
  args: StockLevel[],
  file: string | undefined,
  io: Io,
): Promise<StockLevel[] | undefined> {
  if (args.length === 0 && file === undefined) {
    throw usageError('Name articles, like COFFEE-1KG=100, or a file with --file stock.csv');
  }
  const { levels, problems } =
    file === undefined ? { levels: [], problems: [] } : await readStockFile(file, io.stdin);
  const all = [...levels, ...args];
  const twice = all.find(({ sku }, index) => all.findIndex((other) => other.sku === sku) < index);
  if (problems.length === 0 && twice) throw usageError(`${twice.sku} is named twice`);
  if (problems.length === 0) return all;
  for (const problem of problems.slice(0, MAX_LISTED)) io.say(problem);
  if (problems.length > MAX_LISTED) io.say(`… and ${format(problems.length - MAX_LISTED)} more`);
  io.say('Nothing was set.');
  return undefined;
}

function report(changes: Change[], stack: StackHandles, { json }: StockOptions, io: Io): void {
  const sorted = changes.toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
  if (json) {
    const set = sorted.map(({ before = null, ...rest }) => ({ ...rest, before }));
    io.printJson({ stack: stack.name, set });
    return;
  }
  const rows = sorted.map(({ sku, available, before }) => [
    sku,
    before === undefined ? 'new' : format(before),
    format(available),
  ]);
  if (rows.length > 0) io.print(table([['sku', 'before', 'now'], ...rows]));
}

/** By SKU. */
async function readStock(dynamodb: DynamoDBClient, TableName: string): Promise<StockLevel[]> {
  const stock: StockLevel[] = [];
  for await (const { Items = [] } of paginateScan(
    { client: dynamodb },
    { TableName, ConsistentRead: true },
  )) {
    for (const item of Items.map((each) => unmarshall(each))) {
      stock.push({ sku: String(item.sku), available: Number(item.available) });
    }
  }
  return stock.sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

/** @returns what was there before, undefined for a new article */
async function writeLevel(
  dynamodb: DynamoDBClient,
  TableName: string,
  { sku, available }: StockLevel,
): Promise<number | undefined> {
  const { Attributes } = await dynamodb.send(
    new UpdateItemCommand({
      TableName,
      Key: { sku: { S: sku } },
      UpdateExpression: 'SET available = :available',
      ExpressionAttributeValues: { ':available': { N: String(available) } },
      ReturnValues: 'UPDATED_OLD',
    }),
  );
  const before = Attributes?.available?.N;
  return before === undefined ? undefined : Number(before);
}
