/** `orders stock`: what is in stock, and how to change it. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Invocation } from '../main.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';
import { CHANGES, LEVELS, type StockColumn } from '../orders/stock-file.ts';

export interface StockOptions extends StackOptions {
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

export function defineStock(program: Command, { io, load, exitWith }: Invocation): void {
  const stock = program
    .command('stock')
    .summary('list what is in stock, add to it, or set it')
    .description('Lists what can still be reserved of each article, adds to it, or sets it.');
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
  const add = stock
    .command('add')
    .argument('[changes...]', 'SKU=+pieces or SKU=-pieces', articles(CHANGES, ADDITION, SIGN))
    .summary('add to what is in stock, or take away from it')
    .description('Adds to what can be reserved of articles, new ones among them, or takes away from it.')
    .option('--file <path>', 'a CSV file with the columns sku,add');
  addStackOptions(add)
    .option('--json', 'print one JSON object')
    .addHelpText('after', ADD_EXAMPLES)
    .action(async (changes: ReturnType<typeof CHANGES.read>[], options: StockOptions) => {
      const { addStock } = await load('stock');
      exitWith(await addStock(changes, options, io));
    });
  const set = stock
    .command('set')
    .argument('[levels...]', 'SKU=pieces', articles(LEVELS, 'SKU=pieces, like COFFEE-1KG=100'))
    .summary('set what is in stock')
    .description('Sets what can be reserved of articles, new ones among them.')
    .option('--file <path>', 'a CSV file with the columns sku,available');
  addStackOptions(set)
    .option('--json', 'print one JSON object')
    .addHelpText('after', SET_EXAMPLES)
    .action(async (levels: ReturnType<typeof LEVELS.read>[], options: StockOptions) => {
      const { setStock } = await load('stock');
      exitWith(await setStock(levels, options, io));
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
