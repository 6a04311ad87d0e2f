import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { domainNames } from '../../cli/options/domain.ts';
import { PROJECT } from '../fixtures/project.ts';

/** Where nothing is known of what events are about. The consumers' folders, with orders in them, come on top of `lambda/*.ts`. */
const NEUTRAL = [
  'bin',
  'contract',
  'lib',
  ':(glob)lambda/*.ts',
  'lambda/archive',
  'cli',
  'scenarios',
  'packages/local-run/src',
  'bench',
  ':(exclude)lib/config.ts',
];
/** In any case, also inside identifiers: not as in "ordered", "ordering", "border", "recorder" SQL's "ORDER BY" and the project's name. */
const WORDS = /(?<!b|rec)order(?!ed|ing|-fan-out| by )|sku|invoice|stock|shipping|shipment/gi;

/** `file:line: word` of each such word, in the file's path (line 0) or text. */
function wordsIn(file: string, text: string): string[] {
  return [file, ...text.split('\n')].flatMap((line, number) =>
    Array.from(line.matchAll(WORDS), ([word]) => `${file}:${number}: ${word}`),
  );
}

test('what works with any domain has no word of orders', () => {
  const files = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...NEUTRAL],
    { cwd: PROJECT, encoding: 'utf8' },
  )
    .trim()
    .split('\n')
    .filter((file) => fs.existsSync(path.join(PROJECT, file)));

  expect(files.length).toBeGreaterThan(200);
  expect(files.flatMap((file) => wordsIn(file, fs.readFileSync(path.join(PROJECT, file), 'utf8')))).toEqual(
    [],
  );
});

test.each([
  ['cli/a.ts', 'const a = 1;\n// Orders that wait.', ['cli/a.ts:2: Order']],
  ['cli/a.ts', 'readonly stockTables, customerSku: string', ['cli/a.ts:1: stock', 'cli/a.ts:1: Sku']],
  ['bin/orders.mjs', '', ['bin/orders.mjs:0: order']],
  [
    'lib/a.ts',
    'InvoiceTable, SHIPPING, reshipments, reorder',
    ['Invoice', 'SHIPPING', 'shipment', 'order'].map((word) => `lib/a.ts:1: ${word}`),
  ],
  ['lib/a.ts', "ordered, unordered, reordering, border, recorder, '@order-fan-out/local-run'", []],
])('%s with %j has %j', (file, text, found) => {
  expect(wordsIn(file, text)).toEqual(found);
});

/** Prints the help of all that users call, in a process that works for the domain with the condition. */
const HELP = `
  import { run } from './cli/main.ts';
  const io = { stdout: process.stdout, stderr: process.stderr, end() {}, say: console.error };
  let help = '';
  await run(['--help'], { ...io, stdout: { write: (text) => { help += text; } } });
  const verbs = Array.from(help.matchAll(/^ {2}(\\w+)( [<[]\\w+[>\\]])? {2,}\\S/gm), ([, verb]) => verb);
  console.log(help);
  for (const verb of verbs) await run([verb, '--help'], io);
  await run(['archive', 'get', '--help'], io);`;

test.each(domainNames())('help of %s has no word of orders', (domain) => {
  const node = (...args: string[]) =>
    execFileSync(process.execPath, [`--conditions=${domain}`, ...args], { cwd: PROJECT, encoding: 'utf8' });

  const help = [
    node('--input-type=module', '--eval', HELP),
    ...['local', 'chaos'].map((program) => node(`bin/${program}.ts`, '--help')),
  ].join('\n');

  // The name of the script is the project's.
  expect(wordsIn('help', help.replace(/npm run orders\b/g, ''))).toEqual([]);
  expect(help).not.toMatch(/billing|inventory|customer|cancel|placed/i);
  expect(help.match(/^Usage: /gm)?.length).toBeGreaterThan(14);
});
