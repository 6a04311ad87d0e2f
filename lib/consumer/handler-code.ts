import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Annotations, DockerImage, Stack } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';
import type { BuildFailure, Message } from 'esbuild';
import { invalid } from '../settings/validation.ts';
import { type Bundle, bundle } from './handler-bundle.ts';

/**
 * Bundles a TypeScript handler to one ES module, `index.mjs`, that carries its dependencies, the AWS SDK included.
 *
 * NodejsFunction does the same, but takes 1.6 times as long, and gives another hash when the cloud assembly lies
 * elsewhere. A stack that the context `aws:cdk:bundling-stacks` leaves out gets the handler's folder as it is.
 *
 * @param entry path of the module that exports `handler`
 * @throws ConfigError if there is no such file, or esbuild cannot bundle it
 */
export function handlerCode(scope: IConstruct, entry: string): Code {
  if (!existsSync(entry)) throw invalid(scope, `there is no handler at ${entry}`);
  const folder = dirname(entry);
  if (!Stack.of(scope).bundlingRequired) return Code.fromAsset(folder);

  const { files, warnings } = bundleFor(scope, entry);
  for (const warning of warnings) Annotations.of(scope).addWarningV2(warning.id, describe(warning));
  const hash = createHash('sha256');
  for (const { name, contents } of files) hash.update(name).update(contents);

  return Code.fromAsset(folder, {
    assetHash: hash.digest('hex'),
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
}

function bundleFor(scope: IConstruct, entry: string): Bundle {
  try {
    return bundle(entry);
  } catch (error) {
    const { errors } = error as BuildFailure;
    throw invalid(scope, `cannot bundle ${entry}: ${errors.map(describe).join('; ')}`);
  }
}

function describe({ text, location }: Message): string {
  return location ? `${text} at ${location.file}:${location.line}` : text;
}
