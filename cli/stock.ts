// `orders stock`: what is in stock, and how to change it.
import { type DynamoDBClient, paginateScan, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { type Command, InvalidArgumentError } from 'commander';
import { Fault, wrongUsage } from './fault.ts';
import { INTERRUPTED, untilInterrupted } from './interrupt.ts';
import { createProgress } from './progress.ts';
import { addStackOptions, commandFor, connect, type StackHandles, type StackOptions } from './stack.ts';
import { problemOf, readStockFile, type StockLevel } from './stock-file.ts';
import { count, format, table } from './table.ts';

interface Options extends StackOptions {
  readonly file?: string;
  readonly json?: boolean;
}

/** A level that was set, and what was there before. */
interface Change extends StockLevel {
  /** Undefined where the article is new. */
  readonly before: number | undefined;
}

const PARALLEL_WRITES = 8;
const MAX_LISTED = 20;

const SET_EXAMPLES = `
Examples:
  npm run orders -- stock set COFFEE-1KG=100 CUP-BLUE=0 --local
  npm run orders -- stock set --file stock.csv --stack OrderFanOut-prod

A file has the header sku,available and a line an article. All of it is checked before anything is written.
The number takes the place of what is there, whatever orders reserve meanwhile: set it while the article is not sold.
Exits with 0 if all is set, with 1 if not, with 2 for wrong usage and with 130 after Ctrl-C.`;

const LIST_EXAMPLES = `
Examples:
  npm run orders -- stock list --local
  npm run orders --silent -- stock list --json | jq '.stock[] | select(.available < 10)'`;

/** Adds the verb to the command line. */
export function addStock(program: Command): void {
  const stock = program
    .command('stock')
    .summary('list what is in stock, or set it')
    .description('Lists what can still be reserved of each article, or sets it.');
  const set = stock
    .command('set')
    .argument('[levels...]', 'SKU=pieces', level)
    .summary('set what is in stock')
    .description('Sets what can be reserved of articles, new ones among them.')
    .option('--file <path>', 'a CSV file with the columns sku,available');
  addStackOptions(set)
    .option('--json', 'print one JSON object')
    .addHelpText('after', SET_EXAMPLES)
    .action(async (levels: StockLevel[], options: Options) => {
      process.exitCode = await setStock(levels, options);
    });
  const list = stock
    .command('list')
    .summary('list what is in stock')
    .description('Lists what can still be reserved.');
  addStackOptions(list)
    .option('--json', 'print one JSON object')
    .addHelpText('after', LIST_EXAMPLES)
    .action(listStock);
}

async function listStock(options: Options): Promise<void> {
  const { clients, stack } = await connect(options);
  const stock = await readStock(clients.dynamodb, stockTable(stack));
  if (options.json) console.log(JSON.stringify({ stack: stack.name, stock }));
  else if (stock.length > 0) {
    console.log(
      table([['sku', 'available'], ...stock.map(({ sku, available }) => [sku, format(available)])]),
    );
  }
  if (stock.length > 0) return;
  console.error(
    `Nothing is in stock, so every order waits. Next: ${commandFor(options, 'stock', 'set', 'SKU=100')}`,
  );
}

/** @returns the exit code */
async function setStock(args: StockLevel[], options: Options): Promise<number> {
  const levels = collect(args, options.file);
  if (!levels) return 1;
  const signal = untilInterrupted();
  const { clients, stack } = await connect(options);
  const TableName = stockTable(stack);
  const changes: Change[] = [];
  const step = createProgress({ silent: levels.length < MAX_LISTED }).step('Setting the stock');
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

  report(changes, stack, options);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return isComplete ? 0 : INTERRUPTED;
}

/** What was asked for, or undefined with the problems of the file said. */
function collect(args: StockLevel[], file: string | undefined): StockLevel[] | undefined {
  if (args.length === 0 && file === undefined) {
    throw wrongUsage('Name articles, like COFFEE-1KG=100, or a file with --file stock.csv');
  }
  const { levels, problems } = file === undefined ? { levels: [], problems: [] } : readStockFile(file);
  const all = [...levels, ...args];
  const twice = all.find(({ sku }, index) => all.findIndex((other) => other.sku === sku) < index);
  if (problems.length === 0 && twice) throw wrongUsage(`${twice.sku} is named twice`);
  if (problems.length === 0) return all;
  for (const problem of problems.slice(0, MAX_LISTED)) console.error(problem);
  if (problems.length > MAX_LISTED) console.error(`… and ${format(problems.length - MAX_LISTED)} more`);
  console.error('Nothing was set.');
  return undefined;
}

function report(changes: Change[], stack: StackHandles, { json }: Options): void {
  const sorted = changes.toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
  if (json) {
    const set = sorted.map(({ before = null, ...rest }) => ({ ...rest, before }));
    console.log(JSON.stringify({ stack: stack.name, set }));
    return;
  }
  const rows = sorted.map(({ sku, available, before }) => [
    sku,
    before === undefined ? 'new' : format(before),
    format(available),
  ]);
  if (rows.length > 0) console.log(table([['sku', 'before', 'now'], ...rows]));
}

/** @throws Fault for a stack without stock */
function stockTable({ name, consumers }: StackHandles): string {
  const found = consumers.map(({ tables }) => tables.stock).find((each) => each !== undefined);
  if (found) return found;
  throw new Fault(`No consumer of ${name} has a table "stock"`);
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

/** `COFFEE-1KG=100`, and those before it. */
function level(text: string, before: StockLevel[] = []): StockLevel[] {
  const [sku = '', available] = text.split('=');
  const problem =
    available === undefined ? 'it must be SKU=pieces, like COFFEE-1KG=100' : problemOf(sku, available);
  if (problem) throw new InvalidArgumentError(problem);
  return [...before, { sku, available: Number(available) }];
}
