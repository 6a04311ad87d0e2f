// Deploys a synthesized stack on this machine: every resource of its template that runs here, in the template's own terms.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { ACCOUNT, REGION } from '../client/account.ts';
import { clientSettings } from '../client/client-settings.ts';
import type { EventSourceMapping } from '../lambda/event-source-mapping.ts';
import type { LocalFunction } from '../lambda/local-function.ts';
import type { Deployment } from '../resources/deployment.ts';
import { policiesOf } from '../resources/iam.ts';
import { checkMappings } from '../resources/lambda.ts';
import { CREATE, NOT_RUN } from '../resources/resource-types.ts';
import type { StackDescription } from '../server/cloudformation.ts';
import type { Resource, SynthesizedStack, Template } from '../template/assembly.ts';
import { deploymentSequence } from '../template/deployment-sequence.ts';
import { type CreatedResource, TemplateValues } from '../template/intrinsic-functions.ts';

/** What a stack is deployed with. */
type DeployOptions = Pick<
  Deployment,
  'endpoint' | 'emulators' | 'events' | 'timeScale' | 'faults' | 'onProblem'
>;

/** A stack whose resources were created on this machine. */
export interface DeployedStack {
  readonly description: StackDescription;
  /** A line a type: `3 × AWS::Logs::LogGroup: logs go to a file`. */
  readonly notRun: string[];
  /** By physical name. */
  readonly functions: ReadonlyMap<string, LocalFunction>;
  readonly mappings: readonly EventSourceMapping[];
  /** To be closed at the end. */
  readonly clients: readonly { destroy(): void }[];
}

/**
 * Creates the resources of a template after those that they refer to. Queues, topics, tables and buckets that are there already,
 * from a kept state, are brought up to date.
 * @throws Error naming the logical ID of a resource whose type is not known, or of what has a condition, before anything is
 *   created
 */
export async function deployStack(
  { name, template, assets }: SynthesizedStack,
  options: DeployOptions,
): Promise<DeployedStack> {
  refuseUnknown(template);
  const deployment = newDeployment(name, assets, options);
  const id = `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/${name}/local`;
  const values = new TemplateValues({
    'AWS::AccountId': ACCOUNT,
    'AWS::Region': REGION,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': name,
    'AWS::StackId': id,
  });
  const notRun = await createResources(template.Resources, values, deployment);
  await options.emulators.api.permit(policiesOf(deployment));
  await checkMappings(deployment);
  const { functions, mappings, clients } = deployment;
  const outputs = outputsOf(template, values);
  return {
    description: { name, id, createdAt: new Date().toISOString(), outputs },
    notRun,
    functions,
    mappings: [...mappings.values()],
    clients,
  };
}

function refuseUnknown({ Resources, Outputs }: Template): void {
  for (const [id, { Type }] of Object.entries(Resources)) {
    if (!CREATE.has(Type) && !NOT_RUN.has(Type)) {
      const known = [...CREATE.keys(), ...NOT_RUN.keys()].join(', ');
      throw new Error(`${id} is of type ${Type}, which the local run does not know (known: ${known})`);
    }
  }
  const run = Object.entries(Resources).filter(([, { Type }]) => CREATE.has(Type));
  for (const [id, { Condition }] of [...run, ...Object.entries(Outputs ?? {})]) {
    if (Condition) throw new Error(`${id}: the local run does not know conditions, as ${Condition}`);
  }
}

function newDeployment(name: string, assets: Map<string, string>, options: DeployOptions): Deployment {
  const client = clientSettings(options.endpoint);
  const [sns, sqs] = [new SNSClient(client), new SQSClient(client)];
  const [dynamodb, s3] = [new DynamoDBClient(client), new S3Client(client)];
  return {
    ...options,
    name,
    assets,
    sns,
    sqs,
    dynamodb,
    s3,
    clients: [sns, sqs, dynamodb, s3],
    functions: new Map(),
    versions: new Map(),
    mappings: new Map(),
    queueUrls: new Map(),
    roles: new Map(),
    managedPolicies: new Map(),
    keyPolicies: {},
    buckets: {},
    callers: [],
  };
}

/** @returns what is not run, a line a type */
async function createResources(
  resources: Record<string, Resource>,
  values: TemplateValues,
  deployment: Deployment,
): Promise<string[]> {
  const notRun = new Map<string, number>();
  for (const logicalId of deploymentSequence(resources)) {
    const { Type, Properties = {} } = resources[logicalId] as Resource;
    const created = (await CREATE.get(Type)?.(logicalId, values.resolve(Properties), deployment)) ?? {
      notRun: NOT_RUN.get(Type),
    };
    if ('notRun' in created) {
      const line = `${Type}: ${created.notRun}`;
      notRun.set(line, (notRun.get(line) ?? 0) + 1);
    }
    values.created.set(logicalId, 'notRun' in created ? placeholder(logicalId, Type) : created);
  }
  return [...notRun].map(([line, count]) => `${count} × ${line}`);
}

/** Something to refer to in place of a resource that is not run. */
function placeholder(id: string, type: string): CreatedResource {
  const [, service = ''] = type.split('::');
  const arn = `arn:aws:${service.toLowerCase()}:${REGION}:${ACCOUNT}:${id}`;
  return { ref: id, attributes: { Arn: arn, Id: id, KeyId: id } };
}

function outputsOf({ Outputs = {} }: Template, values: TemplateValues): StackDescription['outputs'] {
  return Object.entries(Outputs).map(([key, { Value, Description }]) => ({
    key,
    value: String(values.resolve(Value)),
    description: Description,
  }));
}
