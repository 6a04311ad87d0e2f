/** `orders stock`: what is in stock, and how to change it. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Invocation } from '../main.ts';
import { problemOf, type StockLevel } from '../orders/stock-file.ts';
import { addStackOptions, type StackOptions } from './stack-options.ts';

export interface StockOptions extends StackOptions {
  readonly file?: string;
  readonly json?: boolean;
}

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

export function defineStock(program: Command, { io, load, exitWith }: Invocation): void {
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
    .action(async (levels: StockLevel[], options: StockOptions) => {
      const { setStock } = await load('stock');
      exitWith(await setStock(levels, options, io));
    });
  const list = stock
    .command('list')
    .summary('list what is in stock')
    .description('Lists what can still be reserved.');
  addStackOptions(list)
    .option('--json', 'print one JSON object')
    .addHelpText('after', LIST_EXAMPLES)
    .action(async (options: StockOptions) => {
      const { listStock } = await load('stock');
      exitWith(await listStock(options, io));
    });
}

/** `COFFEE-1KG=100`, and those before it. */
function level(text: string, before: StockLevel[] = []): StockLevel[] {
  const [sku = '', available] = text.split('=');
  const problem =
    available === undefined ? 'it must be SKU=pieces, like COFFEE-1KG=100' : problemOf(sku, available);
  if (problem) throw new InvalidArgumentError(problem);
  return [...before, { sku, available: Number(available) }];
}
