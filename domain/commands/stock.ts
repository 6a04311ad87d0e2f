/** `orders stock`: lists and changes the stock. */
import { type Command, InvalidArgumentError } from 'commander';
import { explain } from '../../cli/aws/errors.ts';
import { connect, tableThatHolds } from '../../cli/aws/stack.ts';
import { addStackOptions, commandFor, type StackOptions } from '../../cli/options/stack-options.ts';
import { usageError } from '../../cli/terminal/command-error.ts';
import { INTERRUPTED } from '../../cli/terminal/interrupt.ts';
import type { Io } from '../../cli/terminal/io.ts';
import { progressOf } from '../../cli/terminal/progress.ts';
import { count, format, printable, table } from '../../cli/terminal/text.ts';
import {
  CHANGES,
  LEVELS,
  readStockFile,
  type StockChange,
  type StockColumn,
  type StockLevel,
} from './stock-file.ts';
import {
  addPieces,
  readStock,
  type StockTable,
  setLevel,
  signed,
  UnknownOutcome,
  type Written,
} from './stock-table.ts';

interface StockOptions extends StackOptions {
  readonly file?: string;
}

/** A verb that changes the stock, article by article. */
interface Change<T extends { readonly sku: string }> {
  readonly column: StockColumn<T>;
  /** What the number of an argument must begin with, so that nobody adds what was to be set. */
  readonly sign: RegExp;
  /** How an argument is typed. */
  readonly form: string;
  readonly example: string;
  readonly description: string;
  readonly help: string;
  readonly doing: string;
  /** Before the number of articles. */
  readonly done: 'Set' | 'Added to';
  /** Also the key in the JSON output. */
  readonly participle: 'set' | 'added';
  write(stock: StockTable, article: T): Promise<Written>;
  /** What is wrong with some articles, given the current stock: a line each. */
  check(stock: StockTable, articles: readonly T[]): Promise<string[]>;
}

const PARALLEL_WRITES = 8;
const MAX_LISTED = 20;

const SET: Change<StockLevel> = {
  column: LEVELS,
  sign: /^/,
  form: 'SKU=pieces',
  example: 'COFFEE-1KG=100',
  description: 'Sets the stock of articles, including new ones.',
  help: `
Examples:
  npm run orders -- stock set COFFEE-1KG=100 CUP-BLUE=0 --local
  npm run orders -- stock set --file stock.csv --stack OrderFanOut-prod

A file has the header sku,available and a line for each article. All of it is checked before anything is written.
The number replaces the current one. What orders reserve between your count and now is then in stock again, and is
sold twice: set an article while it is not sold, and use \`stock add\` while it is.
Exits with 0 if everything is set, with 1 if not, with 2 for wrong usage and with 130 after Ctrl-C.`,
  doing: 'Setting the stock',
  done: 'Set',
  participle: 'set',
  write: setLevel,
  check: async () => [],
};

const ADD: Change<StockChange> = {
  column: CHANGES,
  sign: /^[+-]/,
  form: 'SKU=+pieces or SKU=-pieces',
  example: 'COFFEE-1KG=+50',
  description: 'Adds to the stock of articles, including new ones, or takes from it.',
  help: `
Examples:
  npm run orders -- stock add COFFEE-1KG=+50 CUP-BLUE=-3 --local
  npm run orders -- stock add --file delivery.csv --stack OrderFanOut-prod

A file has the header sku,add and a line for each article. All of it is checked before anything is written.
This is safe while an article is sold: what orders reserve meanwhile counts. Nothing goes below 0.
Exits with 0 if everything is added, with 1 if not, with 2 for wrong usage and with 130 after Ctrl-C.`,
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

const LIST_HELP = `
Examples:
  npm run orders -- stock list --local
  npm run orders --silent -- stock list --json | jq '.stock[] | select(.available < 10)'`;

export function define(command: Command, io: Io): void {
  command.description('Lists the stock, adds to it or sets it: the pieces that orders can still reserve.');
  const list = command.command('list').description('Lists the stock.');
  addStackOptions(list)
    .addHelpText('after', LIST_HELP)
    .action(async (options: StackOptions) => {
      io.exitCode = await listStock(options, io);
    });
  defineChange(command.command('add'), ADD, io);
  defineChange(command.command('set'), SET, io);
}

function defineChange<T extends { readonly sku: string }>(command: Command, change: Change<T>, io: Io): void {
  const { column, form, description, help } = change;
  command
    .argument('[articles...]', form, (text, before: T[] = []) => [...before, parseArticle(text, change)])
    .description(description)
    .option('--file <path>', `a CSV file with the columns sku,${column.name}`);
  addStackOptions(command)
    .addHelpText('after', help)
    .action(async (articles: T[], options: StockOptions) => {
      io.exitCode = await changeStock(change, articles, options, io);
    });
}

function parseArticle<T extends { readonly sku: string }>(text: string, change: Change<T>): T {
  const { column, sign, form, example } = change;
  const [sku = '', pieces] = text.split('=');
  const isTyped = pieces !== undefined && sign.test(pieces);
  const problem = isTyped ? column.problemOf(sku, pieces) : `it must be ${form}, like ${example}`;
  if (problem) throw new InvalidArgumentError(problem);
  return column.read(sku, pieces ?? '');
}

/** @returns the exit code */
async function listStock(options: StackOptions, io: Io): Promise<number> {
  const { clients, stack } = await connect(options, io);
  const stock = await readStock({ ...clients, tableName: tableThatHolds('stock', stack) });
  const rows = stock.map(({ sku, available }) => [printable(sku, 64), format(available)]);
  if (options.json) io.printJson({ stack: stack.name, stock });
  else if (stock.length > 0) io.print(table([['sku', 'available'], ...rows]));
  if (stock.length === 0) {
    const next = commandFor(options, 'stock', 'set', 'SKU=100');
    io.say(`Nothing is in stock, so every order waits. Next: ${next}`);
  }
  return 0;
}

/** @returns the exit code */
async function changeStock<T extends { readonly sku: string }>(
  change: Change<T>,
  args: T[],
  options: StockOptions,
  io: Io,
): Promise<number> {
  const { articles, problems } = await collect(change, args, options.file, io);
  if (problems.length > 0) return reportProblems(change, problems, io);
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const stock = { ...clients, tableName: tableThatHolds('stock', stack) };
  const shortages = await change.check(stock, articles);
  if (shortages.length > 0) return reportProblems(change, shortages, io);

  const step = progressOf(io, { silent: articles.length < MAX_LISTED }).step(change.doing);
  const onWritten = (soFar: number) => step.bar(soFar, articles.length);
  const { written, failures } = await writeAll(change, stock, articles, signal, onWritten);
  const isComplete = written.length === articles.length;
  if (isComplete) step.done(`${change.done} ${count(articles.length, 'article')}`);
  else step.fail(`${change.done} ${format(written.length)} of ${count(articles.length, 'article')}`);
  report(change, written, stack.name, options, io);
  if (isComplete) return 0;

  const known = new Set([
    ...written.map(({ sku }) => sku),
    ...failures.filter(({ error }) => error instanceof UnknownOutcome).map(({ sku }) => sku),
  ]);
  const left = articles.filter(({ sku }) => !known.has(sku)).map(({ sku }) => sku);
  if (left.length > 0) io.say(`Not ${change.participle}: ${listed(left)}`);
  const [first, ...others] = failures;
  for (const { error } of others) io.say(explain(error) ?? String(error));
  if (first) throw first.error;
  return INTERRUPTED;
}

/** The articles of the arguments and the file, and what is wrong with them. @throws CommandError, wrong usage */
async function collect<T extends { readonly sku: string }>(
  { column, example }: Change<T>,
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

function reportProblems(
  { participle }: Pick<Change<never>, 'participle'>,
  problems: string[],
  io: Io,
): number {
  for (const problem of problems.slice(0, MAX_LISTED)) io.say(problem);
  if (problems.length > MAX_LISTED) io.say(`… and ${format(problems.length - MAX_LISTED)} more`);
  io.say(`Nothing was ${participle}.`);
  return 1;
}

interface Failure {
  readonly sku: string;
  readonly error: unknown;
}

/** Writes several at a time, until one fails. */
async function writeAll<T extends { readonly sku: string }>(
  change: Change<T>,
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
        written.push(await change.write(stock, article));
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
  { participle }: Pick<Change<never>, 'participle'>,
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
