// Brings up a synthesized stack on this machine: every resource of its template that runs here, in the template's own terms.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { StackDescription } from './cloudformation.ts';
import type { FunctionEvents, LocalFunction } from './lambda-runtime.ts';
import { ACCOUNT, BRING, CREDENTIALS, type Deployment, NotRun, REGION } from './resources.ts';
import { deploymentOrder, type Resource, type Standing, type SynthesizedStack, Values } from './template.ts';

/** Types that stand in the template for AWS alone, and why each is not run here. */
const NOT_RUN: Record<string, string> = {
  'AWS::IAM::Role': 'permissions are not evaluated',
  'AWS::IAM::Policy': 'permissions are not evaluated',
  'AWS::IAM::ManagedPolicy': 'permissions are not evaluated',
  'AWS::SNS::TopicPolicy': 'permissions are not evaluated',
  'AWS::SQS::QueuePolicy': 'permissions are not evaluated',
  'AWS::KMS::Key': 'nothing is encrypted',
  'AWS::KMS::Alias': 'nothing is encrypted',
  'AWS::Logs::LogGroup': 'logs go to a file',
  'AWS::CloudWatch::Alarm': 'no alarm is evaluated',
  'AWS::CloudWatch::CompositeAlarm': 'no alarm is evaluated',
  'AWS::CloudWatch::Dashboard': 'nothing shows it',
  'AWS::XRay::ResourcePolicy': 'nothing is traced',
  'AWS::CDK::Metadata': 'it describes the CDK app',
};

/** What the local run needs of the outside. */
export interface LocalStackOptions {
  endpoint: string;
  events: FunctionEvents;
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
    const deployment: Deployment = {
      ...options,
      name: stack.name,
      assets: stack.assets,
      sns: new SNSClient(client),
      sqs: new SQSClient(client),
      dynamodb: new DynamoDBClient(client),
      functions: new Map(),
      mappings: [],
      queueUrls: new Map(),
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
    for (const mapping of this.deployment.mappings) mapping.start();
  }

  /** Ends the mappings, then the functions, then the connections. */
  async stop(): Promise<void> {
    const { mappings, functions, sns, sqs, dynamodb } = this.deployment;
    await Promise.all(mappings.map((mapping) => mapping.stop()));
    await Promise.all([...functions.values()].map((each) => each.stop()));
    for (const client of [sns, sqs, dynamodb]) client.destroy();
  }
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
