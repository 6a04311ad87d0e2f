import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { importProblems, ROOMS } from '../fixtures/imports.ts';
import { PROJECT } from '../fixtures/project.ts';

test('imports of the project go from room to room as they may, without a circle of files or folders', () => {
  const patterns = Object.keys(ROOMS).map((room) => `${room}/*.ts`);
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...patterns], {
    cwd: PROJECT,
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
    .filter((file) => !file.includes('/test/') && fs.existsSync(path.join(PROJECT, file)));

  const texts = files.map((file) => [file, fs.readFileSync(path.join(PROJECT, file), 'utf8')] as const);

  expect(files.length).toBeGreaterThan(150);
  expect(importProblems(new Map(texts))).toEqual([]);
});

test('CONTRIBUTING has the same table', () => {
  const text = fs.readFileSync(path.join(PROJECT, 'CONTRIBUTING.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([\w/-]+)\/` \|.*\| ([^|]+) \|$/gm)].filter(
    ([, , rooms]) => rooms !== 'all',
  );

  expect(
    Object.fromEntries(rows.map(([, room, rooms = '']) => [room, rooms.match(/[\w/-]+(?=`)/g) ?? []])),
  ).toEqual(ROOMS);
});

test.each<[what: string, files: Record<string, string>, problem: RegExp | undefined]>([
  [
    'what a room may import',
    { 'scenarios/a.ts': "import { run } from '@order-fan-out/local-run/run';" },
    undefined,
  ],
  [
    'a file of no room',
    { 'cli/a.ts': "import settings from '../package.json' with { type: 'json' };" },
    undefined,
  ],
  [
    'a room that may not be imported',
    { 'lib/a/b.ts': "import { sqs } from '../../lambda/clients.ts';" },
    /^lib\/a\/b\.ts may not import lambda\/clients\.ts: lib imports contract, domain$/,
  ],
  [
    'the domain by its doors, or by a path from its settings, from a consumer and from its own verbs',
    {
      'lib/config.ts': "import type { domain } from '../domain/domain.ts';",
      'lib/a.ts': "import { domain } from '#domain';\nimport { consumers } from '#config';",
      'cli/main.ts': "import { verbs } from '#verbs';",
      'lambda/billing/handler.ts': "import { orderEvents } from '../../domain/events.ts';",
      'domain/commands/stock.ts': "import { connect } from '../../cli/aws/stack.ts';",
    },
    undefined,
  ],
  ...['lib', 'cli', 'scenarios', 'bin', 'bench'].map((room): [string, Record<string, string>, RegExp] => [
    `the domain by its path, from ${room}`,
    { [`${room}/a.ts`]: "import { domain } from '../domain/domain.ts';" },
    new RegExp(`^${room}/a\\.ts may not import domain/domain\\.ts(: bin imports| by its path: )`),
  ]),
  [
    "the settings by their path, even from their folder's neighbours",
    { 'lib/app.ts': "import { stages } from './config.ts';" },
    /^lib\/app\.ts may not import lib\/config\.ts by its path: /,
  ],
  [
    'the settings by their path from the settings of another domain',
    { 'docs/examples/readings/config.ts': "export { stages } from '../../../lib/config.ts';" },
    undefined,
  ],
  [
    'the settings from a room that does not see them',
    { 'cli/a.ts': "import { stages } from '#config';" },
    /^cli\/a\.ts may not import lib\/config\.ts: cli imports/,
  ],
  [
    'the domain from what consumers share',
    { 'lambda/batch.ts': "import { orderEvents } from '../domain/events.ts';" },
    /^lambda\/batch\.ts may not import domain\/events\.ts: consumers share it/,
  ],
  [
    'a verb from the domain',
    { 'domain/a.ts': "import { verbs } from './commands/verbs.ts';" },
    /^domain\/a\.ts may not import domain\/commands\/verbs\.ts: domain imports contract$/,
  ],
  [
    'a circle through a door',
    { 'domain/a.ts': "import '#words';", 'domain/words.ts': "import './a.ts';" },
    /^files in a circle: domain\/a\.ts <-> domain\/words\.ts$/,
  ],
  [
    'a package by its name',
    { 'contract/a.ts': "import type { Run } from '@order-fan-out/local-run/run';" },
    /^contract\/a\.ts may not import packages\/local-run\/run: contract imports nothing of ours$/,
  ],
  ['a test', { 'cli/a.ts': "import '../test/fixtures/run.ts';" }, /^cli\/a\.ts may not import test/],
  [
    'a circle of types',
    { 'cli/a.ts': "import type { B } from './b.ts';", 'cli/b.ts': "export type { A } from './a.ts';" },
    /^files in a circle: cli\/a\.ts <-> cli\/b\.ts$/,
  ],
  [
    'a circle closed by an import at run time',
    { 'cli/a.ts': "import './b.ts';", 'cli/b.ts': "await import('./c.ts');", 'cli/c.ts': "import './a.ts';" },
    /^files in a circle: cli\/a\.ts <-> cli\/b\.ts <-> cli\/c\.ts$/,
  ],
  [
    'a circle of folders whose files make none',
    {
      'lib/a/one.ts': "import type { Two } from '../b/two.ts';",
      'lib/b/two.ts': '',
      'lib/b/three.ts': "import {\n  four,\n} from '../a/four.ts';",
      'lib/a/four.ts': '',
    },
    /^folders in a circle: lib\/a <-> lib\/b$/,
  ],
])('%s', (_, files, problem) => {
  const problems = importProblems(new Map(Object.entries(files)));

  expect(problems).toEqual(problem ? [expect.stringMatching(problem)] : []);
});
