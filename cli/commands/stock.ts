/** `orders stock`: what is in stock, and how to change it. */
import { explain } from '../aws/errors.ts';
import { connect, stockTable } from '../aws/stack.ts';
import { commandFor } from '../options/stack-options.ts';
import {
  addPieces,
  readStock,
  type StockTable,
  setLevel,
  signed,
  UnknownOutcome,
  type Written,
} from '../orders/stock.ts';
import {
  CHANGES,
  LEVELS,
  readStockFile,
  type StockChange,
  type StockColumn,
  type StockLevel,
} from '../orders/stock-file.ts';
import { usageError } from '../terminal/command-error.ts';
import { INTERRUPTED } from '../terminal/interrupt.ts';
import type { Io } from '../terminal/io.ts';
import { count, format, printable, table } from '../terminal/text.ts';
import type { StockOptions } from '../usage/stock.ts';

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

  const step = io.progress({ silent: articles.length < MAX_LISTED }).step(way.doing);
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
