/** bin/check-imports.ts on this repository, and on small trees that break each of its rules once. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { findProblems, ROOMS } from '../../bin/check-imports.ts';
import { PROJECT } from '../fixtures/project.ts';

test('imports follow the table of rooms, and neither files nor folders form a circle', () => {
  expect(findProblems(PROJECT)).toEqual([]);
  // It does read the files.
  expect(findProblems(PROJECT, { lib: [] })).toContain(
    'lib/archive/archive-bucket.ts may not import contract/archive.ts',
  );
});

test('CONTRIBUTING has the same table', () => {
  const text = fs.readFileSync(path.join(PROJECT, 'CONTRIBUTING.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([\w/-]+)\/` \|.*\| ([^|]+) \|$/gm)].filter(
    ([, , mayImport]) => mayImport !== 'all',
  );

  expect(
    Object.fromEntries(
      rows.map(([, room, mayImport = '']) => [room, mayImport.match(/[\w/-]+(?=`)/g) ?? []]),
    ),
  ).toEqual(ROOMS);
});

const PACKAGE = '@order-fan-out/local-run';
/** What findProblems says of a tree: a file's imports, by its name. */
function problemsOf(tree: Record<string, string>): string[] {
  const root = temporaryFolder('imports');
  const exports = { './run': './src/run/run.ts', './client-settings': './src/client/client-settings.ts' };
  const write = (file: string, text: string) => {
    fs.mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), text);
  };
  write('packages/local-run/package.json', JSON.stringify({ exports }));
  for (const [file, text] of Object.entries(tree)) write(file, text);
  return findProblems(root);
}

test.each([
  ['contract/a.ts', '../lib/config.ts'],
  ['lib/consumer/a.ts', '../../lambda/clients.ts'],
  ['lambda/billing/a.ts', '../../lib/config.ts'],
  ['cli/commands/a.ts', `${PACKAGE}/run`],
  ['cli/a.ts', '../scenarios/reconcile.ts'],
  ['packages/local-run/src/a.ts', '../../../contract/ids.ts'],
  ['packages/local-run/src/server/a.ts', '../../../../lambda/clients.ts'],
  ['scenarios/a.ts', '../lib/config.ts'],
  ['docs/examples/a.ts', '../../lib/config.ts'],
])('%s may not import %s, be it a type or when it runs', (file, imported) => {
  const one = [expect.stringMatching(`^${file} may not import [a-z]`)];

  expect(problemsOf({ [file]: `import { a } from '${imported}';` })).toEqual(one);
  expect(problemsOf({ [file]: `import type { A } from '${imported}';` })).toEqual(one);
  expect(problemsOf({ [file]: `await import('${imported}');` })).toEqual(one);
});

test('a package is imported by its name', () => {
  expect(problemsOf({ 'scenarios/a.ts': "import '../packages/local-run/src/run/run.ts';" })).toEqual([
    'scenarios/a.ts must import packages/local-run/src/run/run.ts by the name of its package',
  ]);
});

test.each([
  ['lib/a.ts', '../contract/names.ts'],
  ['cli/a.ts', `${PACKAGE}/client-settings`],
  ['packages/local-run/src/server/a.ts', '../lambda/runtime.ts'],
  ['packages/local-run/src/a.ts', '../../../node_modules/fauxqs/dist/app.d.ts'],
  ['scenarios/a.ts', `${PACKAGE}/run`],
  ['bin/a.mjs', '../scenarios/reconcile.ts'],
])('%s may import %s', (file, imported) => {
  expect(problemsOf({ [file]: `import '${imported}';` })).toEqual([]);
});

test('files that import types from each other are a circle', () => {
  const tree = {
    'cli/aws/a.ts': "import type { B } from './b.ts';",
    'cli/aws/b.ts': "import type { C } from './c.ts';",
    'cli/aws/c.ts': "export type * from './a.ts';",
  };

  expect(problemsOf(tree)).toEqual([
    'circle of files: cli/aws/a.ts -> cli/aws/b.ts -> cli/aws/c.ts -> cli/aws/a.ts',
  ]);
});

test('folders whose files import from each other are a circle, also where the files form none', () => {
  const tree = {
    'cli/aws/a.ts': "import '../orders/b.ts';",
    'cli/orders/c.ts': "import type { D } from '../aws/d.ts';",
  };

  expect(problemsOf(tree)).toEqual(['circle of folders: cli/aws -> cli/orders -> cli/aws']);
});
