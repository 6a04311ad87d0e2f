// Brings up a synthesized stack on this machine: every resource of its template that runs here, in the template's own terms.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SetTopicAttributesCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { StackDescription } from './cloudformation.ts';
import { EventSourceMapping } from './event-source-mapping.ts';
import { type FunctionEvents, LocalFunction } from './lambda-runtime.ts';
import { deploymentOrder, type Resource, type Standing, type SynthesizedStack, Values } from './template.ts';

export const REGION = 'us-east-1';
/** fauxqs knows this account only. */
export const ACCOUNT = '000000000000';
export const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

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

interface Deployment {
  name: string;
  assets: Map<string, string>;
  endpoint: string;
  events: FunctionEvents;
  sns: SNSClient;
  sqs: SQSClient;
  dynamodb: DynamoDBClient;
  functions: Map<string, LocalFunction>;
  mappings: EventSourceMapping[];
  queueUrls: Map<string, string>;
  onProblem(problem: string): void;
}
type Properties = Record<string, any>;
type Bring = (id: string, properties: Properties, to: Deployment) => Promise<Standing | NotRun>;
class NotRun {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

const BRING: Record<string, Bring> = {
  'AWS::SNS::Topic': bringTopic,
  'AWS::SQS::Queue': bringQueue,
  'AWS::SNS::Subscription': bringSubscription,
  'AWS::DynamoDB::Table': bringTable,
  'AWS::Lambda::Function': bringFunction,
  'AWS::Lambda::EventSourceMapping': bringMapping,
};

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

const asStrings = (values: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : String(value)]),
  );

/** CloudFormation makes a physical name of the stack's name and the logical ID; here it is the same at every run. */
const physicalName = (id: string, given: string | undefined, to: Deployment): string =>
  given ?? `${to.name}-${id}`;

async function bringTopic(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const { TopicName, FifoTopic, ContentBasedDeduplication, DisplayName } = properties;
  const Name = physicalName(id, TopicName, to) + (FifoTopic && !TopicName ? '.fifo' : '');
  const { TopicArn = '' } = await to.sns.send(
    new CreateTopicCommand({ Name, Attributes: asStrings({ FifoTopic, ContentBasedDeduplication }) }),
  );
  if (DisplayName) {
    await to.sns.send(
      new SetTopicAttributesCommand({ TopicArn, AttributeName: 'DisplayName', AttributeValue: DisplayName }),
    );
  }
  return { ref: TopicArn, attributes: { TopicArn, TopicName: Name } };
}

const QUEUE_ATTRIBUTES = [
  'VisibilityTimeout',
  'MessageRetentionPeriod',
  'ReceiveMessageWaitTimeSeconds',
  'DelaySeconds',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'ContentBasedDeduplication',
  'DeduplicationScope',
  'FifoThroughputLimit',
];

async function bringQueue(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const QueueName = physicalName(id, properties.QueueName, to);
  const settings = asStrings(Object.fromEntries(QUEUE_ATTRIBUTES.map((name) => [name, properties[name]])));
  const url = await to.sqs
    .send(
      new CreateQueueCommand({
        QueueName,
        Attributes: { ...settings, ...asStrings({ FifoQueue: properties.FifoQueue }) },
      }),
    )
    .catch(async (error: Error) => {
      if (error.name !== 'QueueNameExists') throw error;
      const { QueueUrl } = await to.sqs.send(new GetQueueUrlCommand({ QueueName }));
      await to.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: settings }));
      return { QueueUrl };
    });
  const QueueUrl = url.QueueUrl ?? '';
  const { Attributes } = await to.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  const Arn = Attributes?.QueueArn ?? '';
  to.queueUrls.set(Arn, QueueUrl);
  return { ref: QueueUrl, attributes: { Arn, QueueName, QueueUrl } };
}

async function bringSubscription(
  _id: string,
  properties: Properties,
  to: Deployment,
): Promise<Standing | NotRun> {
  const { TopicArn, Protocol, Endpoint, ...rest } = properties;
  if (Protocol !== 'sqs') return new NotRun(`protocol ${Protocol} needs the outside`);
  const { RawMessageDelivery, FilterPolicy, FilterPolicyScope, RedrivePolicy } = rest;
  const settings = asStrings({ RawMessageDelivery, FilterPolicy, FilterPolicyScope, RedrivePolicy });
  const { Subscriptions = [] } = await to.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
  const kept = Subscriptions.find((each) => each.Endpoint === Endpoint)?.SubscriptionArn;
  if (kept) {
    for (const [AttributeName, AttributeValue] of Object.entries(settings)) {
      await to.sns.send(
        new SetSubscriptionAttributesCommand({ SubscriptionArn: kept, AttributeName, AttributeValue }),
      );
    }
    return { ref: kept, attributes: { Arn: kept } };
  }
  const { SubscriptionArn = '' } = await to.sns.send(
    new SubscribeCommand({ TopicArn, Protocol, Endpoint, Attributes: settings, ReturnSubscriptionArn: true }),
  );
  return { ref: SubscriptionArn, attributes: { Arn: SubscriptionArn } };
}

async function bringTable(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const TableName = physicalName(id, properties.TableName, to);
  const { KeySchema, AttributeDefinitions, BillingMode, ProvisionedThroughput, GlobalSecondaryIndexes } =
    properties;
  await to.dynamodb
    .send(
      new CreateTableCommand({
        TableName,
        KeySchema,
        AttributeDefinitions,
        BillingMode,
        ProvisionedThroughput,
        GlobalSecondaryIndexes,
      }),
    )
    .catch((error: Error) => {
      if (error.name !== 'ResourceInUseException') throw error;
    });
  while ((await to.dynamodb.send(new DescribeTableCommand({ TableName }))).Table?.TableStatus !== 'ACTIVE') {
    await pause(5);
  }
  return { ref: TableName, attributes: { Arn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${TableName}` } };
}

async function bringFunction(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const functionName = physicalName(id, properties.FunctionName, to);
  const functionArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`;
  const key = String(properties.Code?.S3Key ?? '');
  const codeDirectory = to.assets.get(key.replace(/\.zip$/, ''));
  if (!codeDirectory)
    throw new Error(`${id}: the assembly holds no asset for its code ${JSON.stringify(properties.Code)}`);
  const bundle = path.join(codeDirectory, 'index.mjs');
  if (!fs.existsSync(bundle))
    throw new Error(`${id}: ${bundle} is missing; was the stack synthesized without bundling?`);
  const memoryMegabytes = Number(properties.MemorySize ?? 128);
  const definition = {
    codeDirectory,
    handler: String(properties.Handler),
    functionName,
    functionArn,
    memoryMegabytes,
    timeoutSeconds: Number(properties.Timeout ?? 3),
    ...(properties.ReservedConcurrentExecutions !== undefined && {
      reservedConcurrency: Number(properties.ReservedConcurrentExecutions),
    }),
    environment: {
      ...asStrings(properties.Environment?.Variables ?? {}),
      // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
      _HANDLER: String(properties.Handler),
      AWS_REGION: REGION,
      AWS_DEFAULT_REGION: REGION,
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_FUNCTION_NAME: functionName,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMegabytes),
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_LOG_GROUP_NAME: String(properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${functionName}`),
      AWS_LAMBDA_LOG_STREAM_NAME: 'local',
      AWS_LAMBDA_LOG_FORMAT: String(properties.LoggingConfig?.LogFormat ?? 'Text'),
      AWS_LAMBDA_LOG_LEVEL: String(properties.LoggingConfig?.ApplicationLogLevel ?? 'INFO'),
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL: to.endpoint,
      TZ: ':UTC',
    },
  };
  to.functions.set(functionName, new LocalFunction(definition, to.events));
  return { ref: functionName, attributes: { Arn: functionArn } };
}

async function bringMapping(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const functionName = String(properties.FunctionName).split(':').at(-1) ?? '';
  const target = to.functions.get(functionName);
  const queueArn = String(properties.EventSourceArn);
  const queueUrl = to.queueUrls.get(queueArn);
  if (!target || !queueUrl)
    throw new Error(`${id}: no function ${functionName} or no queue ${queueArn} in this stack`);
  const maximumConcurrency = properties.ScalingConfig?.MaximumConcurrency;
  if (properties.Enabled !== false) {
    const definition = {
      queueUrl,
      queueArn,
      batchSize: Number(properties.BatchSize ?? 10),
      windowSeconds: Number(properties.MaximumBatchingWindowInSeconds ?? 0),
      ...(maximumConcurrency !== undefined && { maximumConcurrency: Number(maximumConcurrency) }),
      reportsBatchItemFailures: (properties.FunctionResponseTypes ?? []).includes('ReportBatchItemFailures'),
      filters: (properties.FilterCriteria?.Filters ?? []).map((each: { Pattern: string }) =>
        JSON.parse(each.Pattern),
      ),
    };
    to.mappings.push(new EventSourceMapping(definition, target, to.sqs, to.onProblem));
  }
  return { ref: id, attributes: { Id: id } };
}
