// Brings up a synthesized stack on this machine: every resource of its template that runs here, in the template's own terms.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Permissions } from './access.ts';
import { ACCOUNT, CREDENTIALS, REGION } from './account.ts';
import type { EventSourceMapping } from './event-source-mapping.ts';
import type { Faults } from './faults.ts';
import type { FunctionEvents, LocalFunction } from './lambda-runtime.ts';
import { BRING, type Deployment, functionKeyId, NotRun } from './resources.ts';
import type { StackDescription } from './server/cloudformation.ts';
import type { Emulators } from './server/emulators.ts';
import { deploymentOrder, type Resource, type Standing, type SynthesizedStack, Values } from './template.ts';

/** Types that stand in the template for AWS alone, and why each is not run here. */
const NOT_RUN: Record<string, string> = {
  'AWS::KMS::Alias': 'nothing is encrypted',
  'AWS::Logs::LogGroup': 'logs go to a file',
  'AWS::CloudWatch::Dashboard': 'nothing shows it',
  'AWS::XRay::ResourcePolicy': 'nothing is traced',
  'AWS::CDK::Metadata': 'it describes the CDK app',
};

/** What the local run needs of the outside. */
export interface LocalStackOptions {
  endpoint: string;
  emulators: Pick<Emulators, 'permit' | 'denial' | 'cloudWatch'>;
  events: FunctionEvents;
  /** How much faster than on AWS the waiting goes. */
  timeScale: number;
  /** What goes wrong with invocations, where something is to. */
  faults: Faults | undefined;
  /** Called with what goes wrong outside the functions. */
  onProblem(problem: string): void;
}

/** A stack that stands on this machine. */
export class LocalStack {
  readonly description: StackDescription;
  /** A line a type: `3 × AWS::Logs::LogGroup: logs go to a file`. */
  readonly notRun: string[];
  private readonly deployment: Deployment;

  private constructor(deployment: Deployment, description: StackDescription, notRun: string[]) {
    this.deployment = deployment;
    this.description = description;
    this.notRun = notRun;
  }

  /**
   * Creates the resources of a template in the order of their references. Queues, topics and tables that already stand,
   * from a kept state, are brought up to date.
   * @throws Error naming the logical ID of a resource whose type is not known, before anything is created
   */
  static async deploy(stack: SynthesizedStack, options: LocalStackOptions): Promise<LocalStack> {
    const client = { endpoint: options.endpoint, region: REGION, credentials: CREDENTIALS };
    const [sns, sqs, dynamodb] = [new SNSClient(client), new SQSClient(client), new DynamoDBClient(client)];
    const deployment: Deployment = {
      ...options,
      name: stack.name,
      assets: stack.assets,
      sns,
      sqs,
      dynamodb,
      clients: [sns, sqs, dynamodb],
      functions: new Map(),
      mappings: new Map(),
      queueUrls: new Map(),
      roles: new Map(),
      managedPolicies: new Map(),
      keyPolicies: {},
      callers: [],
      cloudWatch: options.emulators.cloudWatch,
    };
    const { Resources: resources } = stack.template;
    refuseUnknownTypes(resources);
    const id = `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/${stack.name}/local`;
    const values = new Values(stack.template, {
      'AWS::AccountId': ACCOUNT,
      'AWS::Region': REGION,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': stack.name,
      'AWS::StackId': id,
    });
    const left = new Map<string, number>();
    for (const logicalId of deploymentOrder(resources)) {
      const resource = resources[logicalId] as Resource;
      if (!values.holds(resource.Condition)) continue;
      const bring = BRING[resource.Type];
      const standing = bring
        ? await bring(logicalId, values.resolve(resource.Properties ?? {}), deployment)
        : new NotRun(NOT_RUN[resource.Type] ?? '');
      if (standing instanceof NotRun) {
        const line = `${resource.Type}: ${standing.reason}`;
        left.set(line, (left.get(line) ?? 0) + 1);
        values.standing.set(logicalId, placeholder(logicalId, resource.Type));
      } else values.standing.set(logicalId, standing);
    }
    await options.emulators.permit(permissionsOf(deployment));
    await checkMappings(deployment.mappings, options.emulators);
    const description: StackDescription = {
      name: stack.name,
      id,
      createdAt: new Date().toISOString(),
      outputs: Object.entries(stack.template.Outputs ?? {})
        .filter(([, output]) => values.holds(output.Condition))
        .map(([key, output]) => ({
          key,
          value: String(values.resolve(output.Value)),
          ...(output.Description && { description: output.Description }),
        })),
    };
    const notRun = [...left].map(([line, count]) => `${count} × ${line}`);
    return new LocalStack(deployment, description, notRun);
  }

  /** The functions by physical name. */
  get functions(): ReadonlyMap<string, LocalFunction> {
    return this.deployment.functions;
  }

  /** Starts the event source mappings: from here on messages are consumed. */
  start(): void {
    for (const mapping of this.deployment.mappings.values()) mapping.start();
  }

  /** Ends the mappings, then the functions, then the connections. */
  async stop(): Promise<void> {
    const { mappings, functions, clients } = this.deployment;
    await Promise.all([...mappings.values()].map((mapping) => mapping.stop()));
    await Promise.all([...functions.values()].map((each) => each.stop()));
    for (const client of clients) client.destroy();
  }
}

/**
 * What each function may do by the policies of its role. Somebody who has nothing but one managed policy of the template can
 * try what it allows: the access key is `policy:` and the policy's name.
 */
function permissionsOf({ callers, roles, managedPolicies, keyPolicies }: Deployment): Permissions {
  const holders = Array.from(managedPolicies, ([policyArn, document]) => {
    const name = policyArn.split('/').at(-1);
    const arn = `arn:aws:iam::${ACCOUNT}:user/${name}`;
    return { accessKeyId: `policy:${name}`, arn, roleArn: arn, policies: [document] };
  });
  const functions = callers.map(({ functionName, roleArn }) => {
    const { name = '', policies = [], managedPolicyArns = [] } = roles.get(roleArn) ?? {};
    const managed = managedPolicyArns.map((arn) => {
      const document = managedPolicies.get(arn);
      if (!document)
        throw new Error(
          `role ${name}: the managed policy ${arn} is not in this stack, so nobody knows it here`,
        );
      return document;
    });
    return {
      accessKeyId: functionKeyId(functionName),
      arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${name}/${functionName}`,
      roleArn,
      policies: [...policies, ...managed],
    };
  });
  return { keyPolicies, callers: [...functions, ...holders] };
}

/**
 * Lambda makes no mapping whose function could not poll the queue.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 * @throws Error with a line for each mapping that cannot be made, and why
 */
async function checkMappings(
  mappings: Deployment['mappings'],
  emulators: LocalStackOptions['emulators'],
): Promise<void> {
  const problems: string[] = [];
  for (const [logicalId, mapping] of mappings) {
    const problem = (await denialOf(mapping, emulators)) ?? (await mapping.problemWithQueue());
    if (problem) problems.push(`${logicalId}: ${problem}`);
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

async function denialOf(
  { definition, target }: EventSourceMapping,
  emulators: LocalStackOptions['emulators'],
): Promise<string | undefined> {
  for (const action of ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes']) {
    const needs = [{ action: `sqs:${action}`, resource: definition.queueArn }];
    const denial = await emulators.denial(functionKeyId(target.definition.functionName), needs);
    if (denial) return `the execution role has no permission to call ${action} on SQS: ${denial}`;
  }
  return undefined;
}

function refuseUnknownTypes(resources: Record<string, Resource>): void {
  for (const [id, { Type }] of Object.entries(resources)) {
    if (!(Type in BRING) && !(Type in NOT_RUN)) {
      const known = [...Object.keys(BRING), ...Object.keys(NOT_RUN)].join(', ');
      throw new Error(`${id} is of type ${Type}, which the local run does not know (known: ${known})`);
    }
  }
}

/** Something to refer to in place of a resource that is not run. */
function placeholder(id: string, type: string): Standing {
  const [, service = ''] = type.split('::');
  const arn = `arn:aws:${service.toLowerCase()}:${REGION}:${ACCOUNT}:${id}`;
  return { ref: id, attributes: { Arn: arn, Id: id, KeyId: id } };
}
