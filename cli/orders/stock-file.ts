/** Reads what is to be in stock from a CSV file. */
import { SKU } from '../../contract/ids.ts';
import { readText } from '../terminal/read-text.ts';
import { printable } from '../terminal/text.ts';

/** What is to be in stock of an article. */
export interface StockLevel {
  readonly sku: string;
  readonly available: number;
}

export interface StockFile {
  readonly levels: StockLevel[];
  /** `stock.csv:3: …`, a line each. Nothing may be written while there is one. */
  readonly problems: string[];
}

const HEADER = 'sku,available';

/**
 * Reads a file of two columns with the header `sku,available`.
 * @throws CommandError for a file that cannot be read
 */
export async function readStockFile(file: string, stdin: NodeJS.ReadableStream): Promise<StockFile> {
  return parseStock(await readText(file, stdin), file);
}

/** Checks every line of `text`; `name` is what problems call it. */
export function parseStock(text: string, name: string): StockFile {
  const levels: StockLevel[] = [];
  const problems: string[] = [];
  const known = new Map<string, number>();
  // Spreadsheets begin with a byte order mark.
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (lines[0]?.trim() !== HEADER) problems.push(`${name}:1: must be the header ${HEADER}`);
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === '') continue;
    const [sku = '', available = '', ...more] = line.split(',').map((cell) => cell.trim());
    const problem = more.length > 0 ? 'must have two columns' : problemOf(sku, available);
    const earlier = known.get(sku);
    if (problem) problems.push(`${name}:${index + 1}: ${problem}`);
    else if (earlier !== undefined)
      problems.push(`${name}:${index + 1}: ${sku} is on line ${earlier} already`);
    else {
      known.set(sku, index + 1);
      levels.push({ sku, available: Number(available) });
    }
  }
  if (levels.length + problems.length === 0) problems.push(`${name}: has no articles`);
  return { levels, problems };
}

/** What is wrong with a SKU and a number of pieces, if anything. */
export function problemOf(sku: string, available: string): string | undefined {
  if (!SKU.pattern.test(sku)) return `${quoted(sku)} is no SKU: ${SKU.words}`;
  if (/^\d+$/.test(available) && Number.isSafeInteger(Number(available))) return undefined;
  return `${quoted(available)} must be a whole number of pieces, from 0 to ${Number.MAX_SAFE_INTEGER}`;
}

const quoted = (text: string) => printable(JSON.stringify(text), 100);
