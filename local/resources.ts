// One function a resource type: makes the resource from its resolved properties, in the template's own terms.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CreateTableCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SetTopicAttributesCommand,
  type SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Permissions } from './access.ts';
import { ACCOUNT, CREDENTIALS, REGION } from './account.ts';
import type { AlarmType } from './cloudwatch/alarm.ts';
import { EventSourceMapping } from './event-source-mapping.ts';
import type { Faults } from './faults.ts';
import { compilePolicy } from './iam-policy.ts';
import { type FunctionEvents, LocalFunction } from './lambda-runtime.ts';
import type { LocalCloudWatch } from './server/local-cloudwatch.ts';
import type { Json, Standing } from './template.ts';

/** What the resources of one stack share. */
export interface Deployment {
  name: string;
  assets: Map<string, string>;
  endpoint: string;
  events: FunctionEvents;
  timeScale: number;
  faults: Faults | undefined;
  sns: SNSClient;
  sqs: SQSClient;
  dynamodb: DynamoDBClient;
  functions: Map<string, LocalFunction>;
  mappings: Map<string, EventSourceMapping>;
  /** By ARN. */
  roles: Map<string, Role>;
  managedPolicies: Map<string, object>;
  keyPolicies: Permissions['keyPolicies'];
  /** Functions with the ARNs of their roles. */
  callers: { functionName: string; roleArn: string }[];
  /** To be closed at the end. */
  clients: { destroy(): void }[];
  queueUrls: Map<string, string>;
  cloudWatch: LocalCloudWatch;
  onProblem(problem: string): void;
}
/** What a role may do: policy documents of its own, and ARNs of managed ones. */
interface Role {
  name: string;
  policies: object[];
  managedPolicyArns: string[];
}
type Properties = Record<string, Json>;

/** What becomes of a time scale for functions, whose work does not go faster than this machine. */
const WORK_SHARE = 1 / 3;

type Bring = (id: string, properties: Properties, to: Deployment) => Promise<Standing | NotRun>;
/** In place of a resource that cannot be had on this machine. */
export class NotRun {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** The types that run here. */
export const BRING: Record<string, Bring> = {
  'AWS::IAM::Role': bringRole,
  'AWS::IAM::Policy': bringPolicy,
  'AWS::IAM::ManagedPolicy': bringManagedPolicy,
  'AWS::SNS::TopicPolicy': bringTopicPolicy,
  'AWS::SQS::QueuePolicy': bringQueuePolicy,
  'AWS::KMS::Key': bringKey,
  'AWS::SNS::Topic': bringTopic,
  'AWS::SQS::Queue': bringQueue,
  'AWS::SNS::Subscription': bringSubscription,
  'AWS::DynamoDB::Table': bringTable,
  'AWS::Lambda::Function': bringFunction,
  'AWS::Lambda::EventSourceMapping': bringMapping,
  'AWS::CloudWatch::Alarm': (id, properties, to) => addAlarm('MetricAlarm', id, properties, to),
  'AWS::CloudWatch::CompositeAlarm': (id, properties, to) => addAlarm('CompositeAlarm', id, properties, to),
};

const asStrings = (values: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : String(value)]),
  );

/** CloudFormation makes a physical name of the stack's name and the logical ID; here it is the same at every run. */
const physicalName = (id: string, given: string | undefined, to: Deployment): string =>
  given ?? `${to.name}-${id}`;

/** Says of which resource a policy is that cannot be evaluated. */
function checkPolicy(id: string, document: Json, kind: Parameters<typeof compilePolicy>[1]): object {
  try {
    compilePolicy(document, kind);
    return document;
  } catch (error) {
    throw new Error(`${id}: ${(error as Error).message}`);
  }
}

async function bringRole(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const name = physicalName(id, properties.RoleName, to);
  const Arn = `arn:aws:iam::${ACCOUNT}:role${properties.Path ?? '/'}${name}`;
  to.roles.set(Arn, {
    name,
    policies: (properties.Policies ?? []).map(({ PolicyDocument }: Json) =>
      checkPolicy(id, PolicyDocument, 'identity'),
    ),
    managedPolicyArns: properties.ManagedPolicyArns ?? [],
  });
  return { ref: name, attributes: { Arn, RoleId: id } };
}

/** The roles that a policy says it belongs to. Users and groups of the template run nothing here. */
function rolesOf(id: string, { Roles = [] }: Properties, to: Deployment): Role[] {
  return Roles.map((name: string) => {
    const role = [...to.roles.values()].find((each) => each.name === name);
    if (!role) throw new Error(`${id}: no role ${name} in this stack`);
    return role;
  });
}

async function bringPolicy(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const document = checkPolicy(id, properties.PolicyDocument, 'identity');
  for (const role of rolesOf(id, properties, to)) role.policies.push(document);
  return { ref: id, attributes: { Id: id } };
}

async function bringManagedPolicy(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const name = physicalName(id, properties.ManagedPolicyName, to);
  const arn = `arn:aws:iam::${ACCOUNT}:policy${properties.Path ?? '/'}${name}`;
  to.managedPolicies.set(arn, checkPolicy(id, properties.PolicyDocument, 'identity'));
  for (const role of rolesOf(id, properties, to)) role.managedPolicyArns.push(arn);
  return { ref: arn, attributes: { PolicyArn: arn } };
}

/** Encrypts nothing here, but its policy says who may use what it would encrypt. */
async function bringKey(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const Arn = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${id}`;
  // Without a policy of its own a key is the account's.
  // https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
  const accounts = {
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
    Action: 'kms:*',
    Resource: '*',
  };
  to.keyPolicies[Arn] = checkPolicy(id, properties.KeyPolicy ?? { Statement: accounts }, 'resource');
  return { ref: id, attributes: { Arn, KeyId: id } };
}

/** ARN of the key that encrypts a queue or topic, which may be named by its ID; empty without one. */
function keyOf({ KmsMasterKeyId = '' }: Properties, to: Deployment): string {
  return Object.keys(to.keyPolicies).find((arn) => arn.endsWith(`:key/${KmsMasterKeyId}`)) ?? KmsMasterKeyId;
}

async function bringTopicPolicy(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const AttributeValue = JSON.stringify(checkPolicy(id, properties.PolicyDocument, 'resource'));
  for (const TopicArn of properties.Topics) {
    await to.sns.send(new SetTopicAttributesCommand({ TopicArn, AttributeName: 'Policy', AttributeValue }));
  }
  return { ref: id, attributes: { Id: id } };
}

async function bringQueuePolicy(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const Policy = JSON.stringify(checkPolicy(id, properties.PolicyDocument, 'resource'));
  for (const QueueUrl of properties.Queues) {
    await to.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
  }
  return { ref: id, attributes: { Id: id } };
}

async function bringTopic(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const { TopicName, FifoTopic, ContentBasedDeduplication, DisplayName } = properties;
  const Name = physicalName(id, TopicName, to) + (FifoTopic && !TopicName ? '.fifo' : '');
  const { TopicArn = '' } = await to.sns.send(
    new CreateTopicCommand({ Name, Attributes: asStrings({ FifoTopic, ContentBasedDeduplication }) }),
  );
  // A kept topic loses what the template no longer says.
  const attributes = { DisplayName: DisplayName ?? '', KmsMasterKeyId: keyOf(properties, to), Policy: '' };
  for (const [AttributeName, AttributeValue] of Object.entries(attributes)) {
    await to.sns.send(new SetTopicAttributesCommand({ TopicArn, AttributeName, AttributeValue }));
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
      if (!error.name.endsWith('QueueNameExists')) throw error;
      const { QueueUrl } = await to.sqs.send(new GetQueueUrlCommand({ QueueName }));
      await to.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: settings }));
      return { QueueUrl };
    });
  const QueueUrl = url.QueueUrl ?? '';
  // A kept queue loses what the template no longer says.
  const KmsMasterKeyId = keyOf(properties, to);
  await to.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { KmsMasterKeyId, Policy: '' } }));
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

/** The access key that tells a function's calls from those of others. No function's name has a colon. */
export const functionKeyId = (functionName: string): string => `function:${functionName}`;

async function bringFunction(id: string, properties: Properties, to: Deployment): Promise<Standing> {
  const functionName = physicalName(id, properties.FunctionName, to);
  const roleArn = String(properties.Role);
  if (!to.roles.has(roleArn)) throw new Error(`${id}: no role ${roleArn} in this stack`);
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
    timeoutSeconds: Number(properties.Timeout ?? 3) / Math.max(1, to.timeScale * WORK_SHARE),
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
      AWS_ACCESS_KEY_ID: functionKeyId(functionName),
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL: to.endpoint,
      TZ: ':UTC',
    },
  };
  to.callers.push({ functionName, roleArn });
  to.functions.set(functionName, new LocalFunction(definition, to.events, to.faults));
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
      windowSeconds: Number(properties.MaximumBatchingWindowInSeconds ?? 0) / to.timeScale,
      ...(maximumConcurrency !== undefined && { maximumConcurrency: Number(maximumConcurrency) }),
      reportsBatchItemFailures: (properties.FunctionResponseTypes ?? []).includes('ReportBatchItemFailures'),
      filters: (properties.FilterCriteria?.Filters ?? []).map((each: { Pattern: string }) =>
        JSON.parse(each.Pattern),
      ),
    };
    // Lambda polls with the function's role.
    // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    const sqs = new SQSClient({
      endpoint: to.endpoint,
      region: REGION,
      credentials: { ...CREDENTIALS, accessKeyId: functionKeyId(functionName) },
    });
    to.clients.push(sqs);
    to.mappings.set(id, new EventSourceMapping(definition, target, sqs, to.onProblem));
  }
  return { ref: id, attributes: { Id: id } };
}

async function addAlarm(
  type: AlarmType,
  id: string,
  properties: Properties,
  to: Deployment,
): Promise<Standing> {
  const name = physicalName(id, properties.AlarmName, to);
  try {
    return { ref: name, attributes: { Arn: await to.cloudWatch.addAlarm(type, name, properties) } };
  } catch (error) {
    throw new Error(`${id}: ${(error as Error).message}`);
  }
}
