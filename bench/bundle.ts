/**
 * Bytes and cold start of each function's bundle, as deployed and with all of zod: `node bench/bundle.ts [runs]`. Cold start is the
 * import of the bundle in a fresh process; only the ratios carry over to Lambda.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { BUNDLING } from '../lib/consumer/handler-bundle.ts';
import { functionEnvironment } from '../test/fixtures/function-environment.ts';

const [runs = 15] = process.argv.slice(2).map(Number);
const VARIANTS: Record<string, Record<string, string>> = {
  'as deployed': {},
  'zod instead of zod/mini': { 'zod/mini': 'zod' },
};
const LAMBDA = join(import.meta.dirname, '..', 'lambda');

const env = { PATH: process.env.PATH, ...functionEnvironment('http://127.0.0.1') };
const directory = mkdtempSync(join(tmpdir(), 'bundle-'));
try {
  const folders = readdirSync(LAMBDA, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const bundles = folders.flatMap(({ name }) =>
    Object.entries(VARIANTS).map(([variant, alias], index) => {
      const outfile = join(directory, `${name}-${index}.mjs`);
      buildSync({ ...BUNDLING, alias, entryPoints: [join(LAMBDA, name, 'handler.ts')], outfile });
      return { name, variant, outfile, times: [] as number[] };
    }),
  );
  // Round after round, so that a busy moment of the machine falls on all alike.
  for (let run = 0; run < runs; run++) {
    for (const { outfile, times } of bundles) times.push(importTime(outfile));
  }
  console.table(
    bundles.map(({ name, variant, outfile, times }) => {
      const deployed = bundles.find((other) => other.name === name)?.times ?? [];
      return {
        function: name,
        variant,
        bytes: statSync(outfile).size,
        'init ms (median)': Number(median(times).toFixed(1)),
        'of deployed': Number((median(times) / median(deployed)).toFixed(2)),
      };
    }),
  );
} finally {
  rmSync(directory, { recursive: true });
}

/** Milliseconds to import `file` in a fresh process. */
function importTime(file: string): number {
  const script = `const start = performance.now(); await import('${pathToFileURL(file)}'); console.log(performance.now() - start)`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${file} cannot be imported: ${stderr}`);
  return Number(stdout);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
