import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { consumers, handlers } from '../../../../lib/config.ts';
import { bundle, bundleAhead } from '../../../../lib/consumer/handler-bundle.ts';
import { handlerEntry } from '../../../../lib/settings/handler-entry.ts';

test('what is bundled ahead, the archive included, is, byte for byte, what is bundled when it is asked for', async () => {
  const names = Object.keys(consumers);
  const entries = [...names, 'archive'].map((name) => handlerEntry(name, handlers));
  const alone = entries.map(digestsOf);

  await bundleAhead(names, handlers);

  expect(entries.map(digestsOf)).toEqual(alone);
  expect(alone.map((files) => Object.keys(files).sort())).toEqual(
    alone.map(() => ['index.mjs', 'index.mjs.map']),
  );
});

test('what is bundled ahead is not bundled again', async () => {
  const folder = temporaryFolder('handlers-');
  const entry = handlerEntry('only', folder);
  mkdirSync(join(folder, 'only'));
  writeFileSync(entry, 'export const handler = async () => {};\n');

  await bundleAhead(['only'], folder);
  rmSync(entry);

  expect(bundle(entry).files).toHaveLength(2);
  expect(() => bundle(entry)).toThrow('Could not resolve');
});

test('a handler that cannot be bundled does not affect the others, and fails with the reason when it is asked for', async () => {
  const folder = temporaryFolder('handlers-');
  const [good = '', bad = ''] = ['good', 'bad'].map((name) => {
    mkdirSync(join(folder, name));
    return handlerEntry(name, folder);
  });
  writeFileSync(good, 'export const handler = async () => {};\n');
  writeFileSync(bad, "import './no-such-module.ts';\n");

  await bundleAhead(['good', 'bad'], folder);

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
