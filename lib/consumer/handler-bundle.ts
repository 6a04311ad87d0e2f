/** Handlers as bundles in memory. Loads nothing of CDK, so that esbuild can be at work while CDK is loaded. */
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type BuildOptions, build, buildSync, type Message, type OutputFile } from 'esbuild';
import { ARCHIVE } from '../../contract/archive.ts';
import { handlerEntry } from '../settings/handler-entry.ts';

/** What makes a module of `lambda/` what AWS runs, wherever it is written to. */
export const BUNDLING = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  mainFields: ['module', 'main'],
  // CommonJS dependencies call require, which an ES module does not have:
  // https://github.com/evanw/esbuild/issues/1921
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  minify: true,
  legalComments: 'none',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'silent',
} satisfies BuildOptions;

export interface Bundle {
  readonly files: readonly { readonly name: string; readonly contents: Uint8Array }[];
  readonly warnings: readonly Message[];
}

const madeAhead = new Map<string, Bundle>();

/**
 * Bundles the handlers of consumers, and of the archive, in one go for each folder, in a process beside this one, for `bundle` to
 * find. If any of them fails or warns, `bundle` makes each on its own and reports which it was.
 */
export async function bundleAhead(consumers: readonly string[], handlers: string): Promise<void> {
  const entries = [...consumers, ARCHIVE]
    .map((consumer) => handlerEntry(consumer, handlers))
    .filter((entry) => existsSync(entry));
  const folders = Map.groupBy(entries, (entry) => dirname(dirname(entry)));
  await Promise.all(Array.from(folders.values(), bundleTogether));
}

async function bundleTogether(entries: readonly string[]): Promise<void> {
  const result = await build(optionsFor(entries)).catch(() => undefined);
  if (!result || result.warnings.length > 0) return;
  for (const entry of entries) madeAhead.set(entry, bundleOf(entry, result));
}

/**
 * Bundles a handler to one ES module, `index.mjs`, that carries its dependencies, and its source map.
 *
 * @param entry path of the module that exports `handler`
 * @throws BuildFailure of esbuild
 */
export function bundle(entry: string): Bundle {
  const ahead = madeAhead.get(entry);
  madeAhead.delete(entry);
  return ahead ?? bundleOf(entry, buildSync(optionsFor([entry])));
}

/** @param entries modules in folders of the same folder */
function optionsFor(entries: readonly string[]) {
  // In memory, and as if beside the handlers: the paths in the source maps, and so the hashes, do not depend on where the
  // cloud assembly goes.
  return {
    ...BUNDLING,
    entryPoints: entries.map((entry) => ({ in: entry, out: `${basename(dirname(entry))}/index` })),
    outdir: dirname(dirname(entries[0] ?? '')),
    outExtension: { '.js': '.mjs' },
    write: false,
  } satisfies BuildOptions;
}

function bundleOf(entry: string, result: { outputFiles: OutputFile[]; warnings: Message[] }): Bundle {
  const files = result.outputFiles
    .filter(({ path }) => dirname(path) === dirname(entry))
    .map(({ path, contents }) => ({ name: basename(path), contents }));
  return { files, warnings: result.warnings };
}
