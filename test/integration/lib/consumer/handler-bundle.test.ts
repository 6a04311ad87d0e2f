import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { consumers } from '../../../../lib/config.ts';
import { bundle, bundleAhead } from '../../../../lib/consumer/handler-bundle.ts';
import { PROJECT } from '../../../fixtures/project.ts';

const entriesIn = (handlers: string) =>
  Object.keys(consumers).map((name) => join(handlers, name, 'handler.ts'));

test('what is bundled ahead is, byte for byte, what is bundled when it is asked for', async () => {
  const handlers = join(PROJECT, 'lambda');
  const alone = entriesIn(handlers).map(digestsOf);

  await bundleAhead(handlers);

  expect(entriesIn(handlers).map(digestsOf)).toEqual(alone);
  expect(alone.map((files) => Object.keys(files).sort())).toEqual(
    alone.map(() => ['index.mjs', 'index.mjs.map']),
  );
});

test('what is bundled ahead is not bundled again', async () => {
  const handlers = temporaryFolder('handlers-');
  const entry = join(handlers, 'only', 'handler.ts');
  mkdirSync(join(handlers, 'only'));
  writeFileSync(entry, 'export const handler = async () => {};\n');

  await bundleAhead(handlers);
  rmSync(entry);

  expect(bundle(entry).files).toHaveLength(2);
  expect(() => bundle(entry)).toThrow('Could not resolve');
});

test('a handler that cannot be bundled does not affect the others, and fails with the reason when it is asked for', async () => {
  const handlers = temporaryFolder('handlers-');
  const [good = '', bad = ''] = ['good', 'bad'].map((name) => {
    mkdirSync(join(handlers, name));
    return join(handlers, name, 'handler.ts');
  });
  writeFileSync(good, 'export const handler = async () => {};\n');
  writeFileSync(bad, "import './no-such-module.ts';\n");

  await bundleAhead(handlers);

  expect(bundle(good).files).toHaveLength(2);
  expect(() => bundle(bad)).toThrow('Could not resolve "./no-such-module.ts"');
});

function digestsOf(entry: string): Record<string, string> {
  return Object.fromEntries(
    bundle(entry).files.map(({ name, contents }) => [
      name,
      createHash('sha256').update(contents).digest('hex'),
    ]),
  );
}
