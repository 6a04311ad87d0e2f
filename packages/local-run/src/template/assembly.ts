// A cloud assembly: the template of its stack, and where its assets are.
import fs from 'node:fs';
import path from 'node:path';
import { ACCOUNT, REGION } from '../client/account.ts';
import type { Json } from '../protocol/json.ts';

/** `aws://<account>/<region>`, of a stack that was synthesized for one account and region. */
const ENVIRONMENT = /^aws:\/\/(\d{12})\/([a-z0-9-]+)$/;

/** A resource of a template. */
export interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
  DependsOn?: string | string[];
  Condition?: string;
}
/** The parts of a CloudFormation template that the local run reads. */
export interface Template {
  Resources: Record<string, Resource>;
  Outputs?: Record<string, { Value: unknown; Description?: string; Condition?: string }>;
}

/** A synthesized stack: its name, its template, and where its file assets lie. */
export interface SynthesizedStack {
  name: string;
  template: Template;
  /** Asset hash → folder or file. */
  assets: Map<string, string>;
}

/**
 * The one stack of a cloud assembly.
 * @param directory the assembly, `cdk.out`
 * @throws Error if there is no assembly, or not exactly one stack in it
 */
export function readAssembly(directory: string): SynthesizedStack {
  const manifestFile = path.join(directory, 'manifest.json');
  if (!fs.existsSync(manifestFile)) throw new Error(`${directory} holds no cloud assembly (manifest.json)`);
  const manifest = JSON.parse(fs.readFileSync(manifestFile, 'utf8'));
  const stacks = Object.entries<Json>(manifest.artifacts).filter(
    ([, { type }]) => type === 'aws:cloudformation:stack',
  );
  const [entry, ...others] = stacks;
  if (!entry || others.length > 0) {
    throw new Error(
      `${directory} holds ${stacks.length} stacks: the local run takes an assembly of exactly one`,
    );
  }
  const [id, artifact] = entry;
  const assets = new Map<string, string>();
  const assetFile = path.join(directory, `${id}.assets.json`);
  if (fs.existsSync(assetFile)) {
    for (const [hash, { source }] of Object.entries<Json>(
      JSON.parse(fs.readFileSync(assetFile, 'utf8')).files,
    )) {
      assets.set(hash, path.resolve(directory, source.path));
    }
  }
  return {
    name: artifact.properties.stackName ?? id,
    template: JSON.parse(
      onThisMachine(
        fs.readFileSync(path.join(directory, artifact.properties.templateFile), 'utf8'),
        artifact.environment,
      ),
    ),
    assets,
  };
}

/** A template with the account and region of the local run in place of those that it was synthesized for. */
function onThisMachine(template: string, environment = ''): string {
  const [, account, region] = ENVIRONMENT.exec(environment) ?? [];
  if (!account || !region) return template;
  return template.replaceAll(account, ACCOUNT).replaceAll(region, REGION);
}
