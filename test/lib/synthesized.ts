/** Stacks synthesized for tests: with the context of cdk.json, without bundling. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { pascalCase } from '../../contract/names.ts';
import { consumers, type StageName } from '../../lib/config.ts';
import { OrderFanOutStack, type OrderFanOutStackProps } from '../../lib/order-fan-out-stack.ts';
import { temporaryFolder } from '../fixtures/temporary.ts';

// The schema check of CloudFormation resources takes a second, and app.test.ts has it on.
process.env.CDK_VALIDATION = 'false';

export const project = join(import.meta.dirname, '..', '..');

export const stageNames: StageName[] = ['dev', 'prod'];

/** Each consumer of lib/config.ts with the prefix of its logical IDs and outputs. */
export const consumerNames = Object.keys(consumers).map((name) => ({ name, id: pascalCase(name) }));

export type Resource = { Type: string; Properties: Record<string, unknown>; DeletionPolicy?: string };

const settings: { context: object } = JSON.parse(readFileSync(join(project, 'cdk.json'), 'utf8'));
const templates = new Map<StageName, Template>();

/** An app with the feature flags of cdk.json; its stacks bundle nothing, unless told otherwise. */
export function testApp(context: Record<string, unknown> = {}): App {
  return new App({
    outdir: temporaryFolder('assembly-'),
    analyticsReporting: false,
    context: { ...settings.context, 'aws:cdk:bundling-stacks': [], ...context },
  });
}

/**
 * The template of a stage, whose JSON cannot be changed; where only the stage is given, the same one for a whole test file.
 */
export function synthesize(stage: StageName, props?: Partial<OrderFanOutStackProps>): Template {
  if (props) return template(stage, props);
  const known = templates.get(stage) ?? template(stage, {});
  templates.set(stage, known);
  return known;
}

function template(stage: StageName, props: Partial<OrderFanOutStackProps>): Template {
  const made = Template.fromStack(
    new OrderFanOutStack(testApp(), `OrderFanOut-${stage}`, { ...props, stage }),
  );
  freeze(made.toJSON());
  return made;
}

function freeze(value: object): void {
  Object.freeze(value);
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner);
}

/** The one resource of a type whose logical ID is `prefix` and CDK's hash. */
export function resource(template: Template, type: string, prefix: string): { ref: string } & Resource {
  const found = Object.entries(template.findResources(type) as Record<string, Resource>).filter(([id]) =>
    new RegExp(`^${prefix}[0-9A-F]{8}$`).test(id),
  );
  const [only, ...others] = found;
  if (!only || others.length > 0) {
    throw new Error(`${found.length} resources of type ${type} have a logical ID of ${prefix} and a hash`);
  }
  return { ref: only[0], ...only[1] };
}

export type Statement = { Effect: string; Action: string | string[]; Resource: unknown; Condition?: unknown };

/** Logical ID of the topic that orders are published to. */
export function ordersTopic(template: Template): string {
  return resource(template, 'AWS::SNS::Topic', 'OrdersTopic').ref;
}

/** Logical ID of the topic that alarms are announced on. */
export function operationsTopic(template: Template): string {
  return resource(template, 'AWS::SNS::Topic', 'OperationsTopic').ref;
}
