/** `orders stock`: what is in stock, and how to change it. */
import { type Command, InvalidArgumentError } from 'commander';
import { explain } from '../../aws/errors.ts';
import { connect, stockTable } from '../../aws/stack.ts';
import { addStackOptions, commandFor, type StackOptions } from '../../options/stack-options.ts';
import {
  addPieces,
  readStock,
  type StockTable,
  setLevel,
  signed,
  UnknownOutcome,
  type Written,
} from '../../orders/stock.ts';
import {
  CHANGES,
  LEVELS,
  readStockFile,
  type StockChange,
  type StockColumn,
  type StockLevel,
} from '../../orders/stock-file.ts';
import { usageError } from '../../terminal/command-error.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { progressOf } from '../../terminal/progress.ts';
import { count, format, printable, table } from '../../terminal/text.ts';

interface StockOptions extends StackOptions {
  readonly file?: string;
  readonly json?: boolean;
}

const ADDITION = 'SKU=+pieces or SKU=-pieces, like COFFEE-1KG=+50';
/** So that nobody adds what was to be set. */
const SIGN = /^[+-]/;

const ADD_EXAMPLES = `
Examples:
  npm run orders -- stock add COFFEE-1KG=+50 CUP-BLUE=-3 --local
  npm run orders -- stock add --file delivery.csv --stack OrderFanOut-prod

A file has the header sku,add and a line an article. All of it is checked before anything is written.
What orders reserve meanwhile counts, so this is safe while an article is sold. Nothing goes below 0.
Exits with 0 if all is added, with 1 if not, with 2 for wrong usage and with 130 after Ctrl-C.`;

const SET_EXAMPLES = `
Examples:
  npm run orders -- stock set COFFEE-1KG=100 CUP-BLUE=0 --local
  npm run orders -- stock set --file stock.csv --stack OrderFanOut-prod

A file has the header sku,available and a line an article. All of it is checked before anything is written.
The number takes the place of what is there. What orders reserve between your count and now is then in stock again,
and is sold twice: set an article while it is not sold, and use \`stock add\` while it is.
Exits with 0 if all is set, with 1 if not, with 2 for wrong usage and with 130 after Ctrl-C.`;

const LIST_EXAMPLES = `
Examples:
  npm run orders -- stock list --local
  npm run orders --silent -- stock list --json | jq '.stock[] | select(.available < 10)'`;

export function define(command: Command, io: Io): void {
  command.description('Lists what can still be reserved of each article, adds to it, or sets it.');
  const list = command
    .command('list')
    .summary('list what is in stock')
    .description('Lists what can still be reserved.');
  addStackOptions(list)
    .option('--json', 'print one JSON object')
    .addHelpText('after', LIST_EXAMPLES)
    .action(async (options: StockOptions) => {
      io.exitCode = await listStock(options, io);
    });
  const add = command
    .command('add')
    .argument('[changes...]', 'SKU=+pieces or SKU=-pieces', articles(CHANGES, ADDITION, SIGN))
    .summary('add to what is in stock, or take away from it')
    .description('Adds to what can be reserved of articles, new ones among them, or takes away from it.')
    .option('--file <path>', 'a CSV file with the columns sku,add');
  addStackOptions(add)
    .option('--json', 'print one JSON object')
    .addHelpText('after', ADD_EXAMPLES)
    .action(async (changes: ReturnType<typeof CHANGES.read>[], options: StockOptions) => {
      io.exitCode = await addStock(changes, options, io);
    });
  const set = command
    .command('set')
    .argument('[levels...]', 'SKU=pieces', articles(LEVELS, 'SKU=pieces, like COFFEE-1KG=100'))
    .summary('set what is in stock')
    .description('Sets what can be reserved of articles, new ones among them.')
    .option('--file <path>', 'a CSV file with the columns sku,available');
  addStackOptions(set)
    .option('--json', 'print one JSON object')
    .addHelpText('after', SET_EXAMPLES)
    .action(async (levels: ReturnType<typeof LEVELS.read>[], options: StockOptions) => {
      io.exitCode = await setStock(levels, options, io);
    });
}

/**
 * Parses an article and its number, and keeps those before it.
 * @param form how both are typed
 * @param needs what the number must have in it
 */
function articles<T>({ problemOf, read }: StockColumn<T>, form: string, needs = /^/) {
  return (text: string, before: T[] = []): T[] => {
    const [sku = '', pieces] = text.split('=');
    const isTyped = pieces !== undefined && needs.test(pieces);
    const problem = isTyped ? problemOf(sku, pieces) : `it must be ${form}`;
    if (problem) throw new InvalidArgumentError(problem);
    return [...before, read(sku, pieces ?? '')];
  };
}

/** A way to change the stock, article by article. */
interface Way<T extends { readonly sku: string }> {
  readonly column: StockColumn<T>;
  readonly example: string;
  readonly doing: string;
  /** What it has done, before the number of articles. */
  readonly done: 'Set' | 'Added to';
  /** What it has not done, where it has done nothing; also its key in the JSON output. */
  readonly participle: 'set' | 'added';
  write(stock: StockTable, article: T): Promise<Written>;
  /** What is wrong with some articles, once the stock can be looked at: a line each. */
  check(stock: StockTable, articles: readonly T[]): Promise<string[]>;
}

const PARALLEL_WRITES = 8;
const MAX_LISTED = 20;

const SET: Way<StockLevel> = {
  column: LEVELS,
  example: 'COFFEE-1KG=100',
  doing: 'Setting the stock',
  done: 'Set',
  participle: 'set',
  write: setLevel,
  check: async () => [],
};

const ADD: Way<StockChange> = {
  column: CHANGES,
  example: 'COFFEE-1KG=+50',
  doing: 'Adding to the stock',
  done: 'Added to',
  participle: 'added',
  write: addPieces,
  async check(stock, articles) {
    const fewer = articles.filter(({ add }) => add < 0);
    if (fewer.length === 0) return [];
    const levels = new Map((await readStock(stock)).map(({ sku, available }) => [sku, available]));
    return fewer
      .filter(({ sku, add }) => (levels.get(sku) ?? 0) + add < 0)
      .map(({ sku, add }) => `${sku}=${signed(add)}: only ${format(levels.get(sku) ?? 0)} in stock`);
  },
};

/** `stock list`. @returns the exit code */
export async function listStock(options: StockOptions, io: Io): Promise<number> {
  const { clients, stack } = await connect(options, io);
  const stock = await readStock({ ...clients, tableName: stockTable(stack) });
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
export function setStock(args: StockLevel[], options: StockOptions, io: Io): Promise<number> {
  return change(SET, args, options, io);
}

/** `stock add`. @returns the exit code */
export function addStock(args: StockChange[], options: StockOptions, io: Io): Promise<number> {
  return change(ADD, args, options, io);
}

async function change<T extends { readonly sku: string }>(
  way: Way<T>,
  args: T[],
  options: StockOptions,
  io: Io,
): Promise<number> {
  const { articles, problems } = await collect(way, args, options.file, io);
  if (problems.length > 0) return refuse(way, problems, io);
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const stock = { ...clients, tableName: stockTable(stack) };
  const shortages = await way.check(stock, articles);
  if (shortages.length > 0) return refuse(way, shortages, io);

  const step = progressOf(io, { silent: articles.length < MAX_LISTED }).step(way.doing);
  const onWritten = (soFar: number) => step.bar(soFar, articles.length);
  const { written, failures } = await writeAll(way, stock, articles, signal, onWritten);
  const isComplete = written.length === articles.length;
  if (isComplete) step.done(`${way.done} ${count(articles.length, 'article')}`);
  else step.fail(`${way.done} ${format(written.length)} of ${count(articles.length, 'article')}`);
  report(way, written, stack.name, options, io);
  if (isComplete) return 0;

  const known = new Set([
    ...written.map(({ sku }) => sku),
    ...failures.filter(({ error }) => error instanceof UnknownOutcome).map(({ sku }) => sku),
  ]);
  const left = articles.filter(({ sku }) => !known.has(sku)).map(({ sku }) => sku);
  if (left.length > 0) io.say(`Not ${way.participle}: ${listed(left)}`);
  const [first, ...others] = failures;
  for (const { error } of others) io.say(explain(error) ?? String(error));
  if (first) throw first.error;
  return INTERRUPTED;
}

/** What was asked for, and what is wrong with it. @throws CommandError, wrong usage */
async function collect<T extends { readonly sku: string }>(
  { column, example }: Way<T>,
  args: T[],
  file: string | undefined,
  io: Io,
): Promise<{ articles: T[]; problems: string[] }> {
  if (args.length === 0 && file === undefined) {
    throw usageError(`Name articles, like ${example}, or a file with --file stock.csv`);
  }
  const { articles, problems } =
    file === undefined ? { articles: [], problems: [] } : await readStockFile(file, column, io.stdin);
  const all = [...articles, ...args];
  const twice = all.find(({ sku }, index) => all.findIndex((other) => other.sku === sku) < index);
  if (problems.length === 0 && twice) throw usageError(`${twice.sku} is named twice`);
  return { articles: all, problems };
}

function refuse({ participle }: Pick<Way<never>, 'participle'>, problems: string[], io: Io): number {
  for (const problem of problems.slice(0, MAX_LISTED)) io.say(problem);
  if (problems.length > MAX_LISTED) io.say(`… and ${format(problems.length - MAX_LISTED)} more`);
  io.say(`Nothing was ${participle}.`);
  return 1;
}

interface Failure {
  readonly sku: string;
  readonly error: unknown;
}

/** Writes some at a time, until one fails. */
async function writeAll<T extends { readonly sku: string }>(
  way: Way<T>,
  stock: StockTable,
  articles: readonly T[],
  signal: AbortSignal,
  onWritten: (soFar: number) => void,
): Promise<{ written: Written[]; failures: Failure[] }> {
  const written: Written[] = [];
  const failures: Failure[] = [];
  const left = articles.toReversed();
  const writer = async () => {
    while (!signal.aborted && failures.length === 0) {
      const article = left.pop();
      if (!article) return;
      try {
        written.push(await way.write(stock, article));
        onWritten(written.length);
      } catch (error) {
        failures.push({ sku: article.sku, error });
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_WRITES }, writer));
  return { written, failures };
}

function report(
  { participle }: Pick<Way<never>, 'participle'>,
  written: Written[],
  stack: string,
  { json }: StockOptions,
  io: Io,
): void {
  const sorted = written.toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
  if (json) {
    const articles = sorted.map(({ before = null, ...rest }) => ({ ...rest, before }));
    io.printJson({ stack, [participle]: articles });
    return;
  }
  const rows = sorted.map(({ sku, available, before }) => [
    sku,
    before === undefined ? 'new' : format(before),
    format(available),
  ]);
  if (rows.length > 0) io.print(table([['sku', 'before', 'now'], ...rows]));
}

function listed(skus: readonly string[]): string {
  const more = skus.length > MAX_LISTED ? [`… and ${format(skus.length - MAX_LISTED)} more`] : [];
  return [...skus.slice(0, MAX_LISTED), ...more].join(', ');
}
