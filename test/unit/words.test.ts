import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
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
