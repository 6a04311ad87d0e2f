/** Reads what is to be in stock, or to be added to it, from a CSV file. */
import { readText } from '../../cli/terminal/read-text.ts';
import { printable } from '../../cli/terminal/text.ts';
import { SKU } from '../sku.ts';

export interface StockLevel {
  readonly sku: string;
  readonly available: number;
}

/** Pieces to add, or to remove where negative. */
export interface StockChange {
  readonly sku: string;
  readonly add: number;
}

export interface StockColumn<T> {
  /** Second column of a file, beside `sku`. */
  readonly name: 'available' | 'add';
  /** What is wrong with a SKU and a number of pieces, if anything. */
  problemOf(sku: string, pieces: string): string | undefined;
  /** Only for values without a problem. */
  read(sku: string, pieces: string): T;
}

export interface StockFile<T> {
  readonly articles: T[];
  /** `stock.csv:3: …`, a line each. Nothing may be written while there is one. */
  readonly problems: string[];
}

export const LEVELS: StockColumn<StockLevel> = {
  name: 'available',
  problemOf: (sku, pieces) =>
    problemOfSku(sku) ??
    (isWhole(pieces)
      ? undefined
      : `${quoted(pieces)} must be a whole number of pieces, from 0 to ${Number.MAX_SAFE_INTEGER}`),
  read: (sku, pieces) => ({ sku, available: Number(pieces) }),
};

export const CHANGES: StockColumn<StockChange> = {
  name: 'add',
  problemOf: (sku, pieces) =>
    problemOfSku(sku) ??
    (isWhole(pieces.replace(/^[+-]/, '')) && Number(pieces) !== 0
      ? undefined
      : `${quoted(pieces)} must be a whole number of pieces, such as +50 or -3, and not 0`),
  read: (sku, pieces) => ({ sku, add: Number(pieces) }),
};

/**
 * Reads a file of two columns with a header, `sku,available` or `sku,add`.
 * @throws CommandError for a file that cannot be read
 */
export async function readStockFile<T>(
  file: string,
  column: StockColumn<T>,
  stdin: NodeJS.ReadableStream,
): Promise<StockFile<T>> {
  return parseStock(await readText(file, stdin), file, column);
}

/** Checks every line of `text`; `name` is what problems call it. */
export function parseStock<T>(text: string, name: string, column: StockColumn<T>): StockFile<T> {
  const articles: T[] = [];
  const problems: string[] = [];
  const known = new Map<string, number>();
  const header = `sku,${column.name}`;
  // Spreadsheets begin with a byte order mark.
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (lines[0]?.trim() !== header) problems.push(`${name}:1: must be the header ${header}`);
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === '') continue;
    const [sku = '', pieces = '', ...more] = line.split(',').map((cell) => cell.trim());
    const problem = more.length > 0 ? 'must have two columns' : column.problemOf(sku, pieces);
    const earlier = known.get(sku);
    if (problem) problems.push(`${name}:${index + 1}: ${problem}`);
    else if (earlier !== undefined)
      problems.push(`${name}:${index + 1}: ${sku} is on line ${earlier} already`);
    else {
      known.set(sku, index + 1);
      articles.push(column.read(sku, pieces));
    }
  }
  if (articles.length + problems.length === 0) problems.push(`${name}: has no articles`);
  return { articles, problems };
}

function problemOfSku(sku: string): string | undefined {
  return SKU.pattern.test(sku) ? undefined : `${quoted(sku)} is not a SKU: ${SKU.words}`;
}

const isWhole = (digits: string) => /^\d+$/.test(digits) && Number.isSafeInteger(Number(digits));

const quoted = (text: string) => printable(JSON.stringify(text), 100);
