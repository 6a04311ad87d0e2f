import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DockerImage, Stack } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';
import { buildSync } from 'esbuild';
import { fail } from './limits.ts';

/** A handler made ready for `Function`: its asset, and a version that changes exactly when the code does. */
export interface HandlerCode {
  readonly code: Code;
  /** The first 12 hexadecimal digits of the bundle's SHA-256. */
  readonly version: string;
}

/**
 * Bundles a TypeScript handler to one ES module, `index.mjs`, that carries its dependencies, the AWS SDK included.
 *
 * This is not NodejsFunction, because that starts an esbuild process through npx for each function, about a
 * second each; the figures are in docs/decisions.md. A stack that the context `aws:cdk:bundling-stacks` leaves
 * out gets the handler's folder as it is.
 *
 * @param entry path of the module that exports `handler`
 * @throws ConfigError if there is no such file
 */
export function handlerCode(scope: IConstruct, entry: string): HandlerCode {
  if (!existsSync(entry)) fail(scope, `there is no handler at ${entry}`);
  const folder = dirname(entry);
  if (!Stack.of(scope).bundlingRequired) return { code: Code.fromAsset(folder), version: 'unbundled' };

  const files = bundle(entry);
  const hash = createHash('sha256');
  for (const { name, contents } of files) hash.update(name).update(contents);
  const digest = hash.digest('hex');

  const code = Code.fromAsset(folder, {
    assetHash: digest,
    bundling: {
      // Never used: the local bundling below always succeeds or throws.
      image: DockerImage.fromRegistry('none'),
      local: {
        tryBundle(outputFolder) {
          for (const { name, contents } of files) writeFileSync(join(outputFolder, name), contents);
          return true;
        },
      },
    },
  });
  return { code, version: digest.slice(0, 12) };
}

function bundle(entry: string): { name: string; contents: Uint8Array }[] {
  const folder = dirname(entry);
  const { outputFiles } = buildSync({
    entryPoints: [entry],
    // In memory, and as if beside the handler: the paths in the source map, and so the hash, do not depend on
    // where the cloud assembly goes.
    write: false,
    outfile: join(folder, 'index.mjs'),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    // CommonJS dependencies call require, which an ES module does not have:
    // https://github.com/evanw/esbuild/issues/1921
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    minify: true,
    // Error names end up in logs and dead letters, where a minified class name says nothing.
    keepNames: true,
    legalComments: 'none',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  });
  return outputFiles.map(({ path, contents }) => ({ name: path.slice(folder.length + 1), contents }));
}
