import path from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { CHANGES, LEVELS, parseStock, readStockFile } from '../../../domain/commands/stock-file.ts';

test('reads what a spreadsheet writes: a byte order mark, CRLF, blanks around cells and an empty last line', () => {
  expect(parseStock('\uFEFFsku,available\r\n A-1 , 10 \r\n\r\nB.2,0\r\n', 'f', LEVELS)).toEqual({
    articles: [
      { sku: 'A-1', available: 10 },
      { sku: 'B.2', available: 0 },
    ],
    problems: [],
  });
});

test.each([
  ['A-1,10', ['f:1: must be the header sku,available']],
  ['sku,available', ['f: has no articles']],
  ['sku,available\n,1', [expect.stringMatching(/^f:2: "" is not a SKU/)]],
  ['sku,available\nA B,1', [expect.stringMatching(/^f:2: "A B" is not a SKU/)]],
  ['sku,available\nA', [expect.stringMatching(/^f:2: "" must be a whole number/)]],
  ['sku,available\nA,1.5', [expect.stringMatching(/^f:2: "1\.5" must be a whole number/)]],
  ['sku,available\nA,1e3', [expect.stringMatching(/^f:2: "1e3" must be a whole number/)]],
  ['sku,available\nA,9007199254740992', [expect.stringMatching(/^f:2: "9007199254740992" must be/)]],
  ['sku,available\nA,1,2', ['f:2: must have two columns']],
  ['sku,available\nA,1\n\nA,2', ['f:4: A is on line 2 already']],
  ['sku,available\nA,x\nB,y', [expect.stringContaining('f:2:'), expect.stringContaining('f:3:')]],
])('%j has %j', (text, problems) => {
  expect(parseStock(text, 'f', LEVELS).problems).toEqual(problems);
});

test('a change may be written with a sign or without', () => {
  expect(parseStock('sku,add\nA,50\nB,+50\nC,-3', 'f', CHANGES)).toEqual({
    articles: [
      { sku: 'A', add: 50 },
      { sku: 'B', add: 50 },
      { sku: 'C', add: -3 },
    ],
    problems: [],
  });
});

test.each([
  ['sku,available\nA,1', ['f:1: must be the header sku,add']],
  ['sku,add\nA,0', [expect.stringMatching(/^f:2: "0" must be a whole number.* and not 0$/)]],
  ['sku,add\nA,-0', [expect.stringMatching(/^f:2: "-0" must be/)]],
  ['sku,add\nA,+-1', [expect.stringMatching(/^f:2: "\+-1" must be/)]],
  ['sku,add\nA,-', [expect.stringMatching(/^f:2: "-" must be/)]],
  ['sku,add\nA,+9007199254740992', [expect.stringMatching(/^f:2: "\+9007199254740992" must be/)]],
  ['sku,add\nA B,1', [expect.stringMatching(/^f:2: "A B" is not a SKU/)]],
])('%j as changes has %j', (text, problems) => {
  expect(parseStock(text, 'f', CHANGES).problems).toEqual(problems);
});

test('a folder and a file that is not there are wrong usage, and an endless one is too large', async () => {
  const folder = temporaryFolder('stock-');
  const read = (file: string) => readStockFile(file, LEVELS, process.stdin);

  await expect(read(folder)).rejects.toThrow(`Cannot read ${folder}: it is a directory`);
  await expect(read(path.join(folder, 'no'))).rejects.toThrow('there is no such file');
  await expect(read('/dev/zero')).rejects.toThrow('/dev/zero has more than 64 MiB: split it');
});
