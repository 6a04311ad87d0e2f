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
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { EventSourceMapping } from './event-source-mapping.ts';
import { type FunctionEvents, LocalFunction } from './lambda-runtime.ts';
import type { Json, Standing } from './template.ts';

export const REGION = 'us-east-1';
/** fauxqs knows this account only. */
export const ACCOUNT = '000000000000';
export const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

/** What the resources of one stack share. */
export interface Deployment {
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
type Properties = Record<string, Json>;
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
  'AWS::SNS::Topic': bringTopic,
  'AWS::SQS::Queue': bringQueue,
  'AWS::SNS::Subscription': bringSubscription,
  'AWS::DynamoDB::Table': bringTable,
  'AWS::Lambda::Function': bringFunction,
  'AWS::Lambda::EventSourceMapping': bringMapping,
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
      if (!error.name.endsWith('QueueNameExists')) throw error;
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
