// biome.json lets imports point one way; here each rule is broken once, to show that the linter says so.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { PROJECT } from '../fixtures/project.ts';

const REFUSED: [file: string, imported: string, message: string][] = [
  ['contract/a.ts', '../lib/config.ts', 'contract/ imports nothing of ours'],
  ['lib/a.ts', '../lambda/clients.ts', 'lib/ imports contract/ alone'],
  ['lambda/billing/a.ts', '../../lib/config.ts', 'lambda/ imports contract/ alone'],
  ['cli/commands/a.ts', '@order-fan-out/local-run/run', 'cli/ imports contract/ alone'],
  ['cli/commands/b.ts', '../../scenarios/reconciliation/reconcile.ts', 'cli/ imports contract/ alone'],
  ['packages/local-run/src/a.ts', '../../../contract/ids.ts', 'packages/local-run imports nothing of ours'],
  ['packages/local-run/src/b.ts', '../../../lambda/clients.ts', 'packages/local-run imports nothing of ours'],
  [
    'packages/local-run/src/server/a.ts',
    '../../../../lambda/clients.ts',
    'packages/local-run imports nothing of ours',
  ],
  [
    'packages/local-run/src/server/b.ts',
    '../../../../cli/main.ts',
    'packages/local-run imports nothing of ours',
  ],
  ['scenarios/a.ts', '../lib/config.ts', 'scenarios/ imports contract/, cli/ and packages/local-run alone'],
  ['docs/examples/a.ts', '../../lib/config.ts', 'docs/examples/ imports contract/ alone'],
  ['cli/circle-1.ts', './circle-2.ts', 'This import is part of a cycle'],
];
const ALLOWED: [file: string, imported: string][] = [
  ['lib/ok.ts', '../contract/names.ts'],
  ['packages/local-run/src/ok.ts', './lambda/runtime.ts'],
  ['packages/local-run/src/server/ok.ts', '../lambda/runtime.ts'],
  ['scenarios/ok.ts', '@order-fan-out/local-run/run'],
  ['docs/examples/ok.ts', '../../contract/names.ts'],
  ['bin/ok.ts', '../scenarios/reconciliation/reconcile.ts'],
  ['cli/circle-2.ts', './circle-1.ts'],
];

interface Finding {
  readonly message: string;
  readonly location: { readonly path: string };
}

let findings: Finding[];
beforeAll(() => {
  const folder = temporaryFolder('imports');
  const settings = JSON.parse(fs.readFileSync(path.join(PROJECT, 'biome.json'), 'utf8'));
  const write = (file: string, text: string) => {
    fs.mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), text);
  };
  write('biome.json', JSON.stringify({ ...settings, $schema: undefined, vcs: undefined }));
  for (const [file, imported] of [...REFUSED, ...ALLOWED]) write(file, `import '${imported}';\n`);
  const { stdout } = spawnSync(
    path.join(PROJECT, 'node_modules/.bin/biome'),
    ['lint', '--reporter=json', '--max-diagnostics=100', '.'],
    { cwd: folder, encoding: 'utf8' },
  );
  findings = JSON.parse(stdout).diagnostics;
});

const messagesOn = (file: string) =>
  findings.filter(({ location }) => location.path === file).map(({ message }) => message);

test.each(REFUSED)('%s may not import %s', (file, _, message) => {
  expect(messagesOn(file).join('\n')).toContain(message);
});

test.each(ALLOWED.slice(0, -1))('%s may import %s', (file) => {
  expect(messagesOn(file)).toEqual([]);
});
