/** The AWS clients of the command line, all for one account, region and endpoint. */
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { STSClient } from '@aws-sdk/client-sts';
import { clientSettings } from '@order-fan-out/local-run/client-settings';
import { usageError } from '../terminal/command-error.ts';

/** Where calls go and with which credentials; what is left out comes from the environment and ~/.aws, as with any AWS tool. */
export interface ClientOptions {
  readonly region?: string;
  /** A profile of ~/.aws. */
  readonly profile?: string;
  /** Takes the place of AWS's own endpoints. */
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Whether the endpoint is that of a local stack. @default false */
  readonly isLocal?: boolean;
}

export interface Clients {
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly dynamodb: DynamoDBClient;
  /** Never retries: for calls that must not happen twice after a lost response. */
  readonly dynamodbOnce: DynamoDBClient;
  readonly lambda: LambdaClient;
  readonly cloudFormation: CloudFormationClient;
  readonly cloudWatch: CloudWatchClient;
  readonly cloudWatchLogs: CloudWatchLogsClient;
  readonly kms: KMSClient;
  readonly s3: S3Client;
  readonly sts: STSClient;
}

/**
 * For connecting, and for the answer; the longest call, a long poll or a page of logs, takes a second or two. By default the SDK
 * waits forever.
 * https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/node-configuring-timeout.html
 */
const TIMEOUTS = { connectionTimeout: 3_000, requestTimeout: 15_000, throwOnRequestTimeout: true };

/** Creates the clients; nothing is sent before their first call. @throws CommandError for an endpoint that is not a URL */
export function createClients({ isLocal = false, ...options }: ClientOptions): Clients {
  if (!isLocal) checkEndpoints();
  const settings = { ...options, requestHandler: TIMEOUTS };
  const clients = {
    sns: new SNSClient(settings),
    // By default the host of a queue's URL overrides the endpoint.
    sqs: new SQSClient({ ...settings, useQueueUrlAsEndpoint: false }),
    dynamodb: new DynamoDBClient(settings),
    dynamodbOnce: new DynamoDBClient({ ...settings, maxAttempts: 1 }),
    lambda: new LambdaClient(settings),
    cloudFormation: new CloudFormationClient(settings),
    cloudWatch: new CloudWatchClient(settings),
    cloudWatchLogs: new CloudWatchLogsClient(settings),
    kms: new KMSClient(settings),
    s3: new S3Client(settings),
    sts: new STSClient(settings),
  };
  for (const client of Object.values(clients)) noteEndpoint(client.middlewareStack, isLocal);
  return clients;
}

/** Options of clients for a local stack: none of the user's own settings for AWS applies. */
export function localOptions(endpoint: string): ClientOptions {
  return { ...clientSettings(endpoint), isLocal: true };
}

/** Adds to each error where the call went, since network errors do not say. */
function noteEndpoint(stack: SQSClient['middlewareStack'] | { add: unknown }, isLocal: boolean): void {
  (stack as SQSClient['middlewareStack']).add(
    (next, { commandName }) =>
      async (args) => {
        try {
          return await next(args);
        } catch (error) {
          const { protocol, hostname, port } = args.request as HttpRequest;
          const endpoint = `${protocol}//${hostname}${port ? `:${port}` : ''}`;
          const operation = String(commandName).replace(/Command$/, '');
          throw Object.assign(error as Error, { reached: { endpoint, operation, isLocal } });
        }
      },
    { step: 'finalizeRequest', priority: 'low', name: 'noteEndpoint' },
  );
}

interface HttpRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
}

function checkEndpoints(): void {
  for (const [name, value = ''] of Object.entries(process.env)) {
    if (!/^AWS_ENDPOINT_URL(_|$)/.test(name) || /^https?:\/\/[^/]/.test(value)) continue;
    throw usageError(`${name} is "${value}", but must be a URL like http://127.0.0.1:4566`);
  }
}

/** Closes the connections of all clients. */
export function destroyClients(clients: Clients): void {
  for (const client of Object.values(clients)) client.destroy();
}
