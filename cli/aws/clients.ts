/** The AWS clients of the command line, all for one account, region and endpoint. */
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { STSClient } from '@aws-sdk/client-sts';

/** Where calls go and in whose name; what is left out comes from the environment and ~/.aws, as with any AWS tool. */
export interface ClientOptions {
  readonly region?: string;
  /** A profile of ~/.aws. */
  readonly profile?: string;
  /** Takes the place of AWS's own endpoints. */
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface Clients {
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly dynamodb: DynamoDBClient;
  readonly cloudFormation: CloudFormationClient;
  readonly cloudWatch: CloudWatchClient;
  readonly cloudWatchLogs: CloudWatchLogsClient;
  readonly sts: STSClient;
}

/** What a local stack takes for credentials; not a secret. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

/** Makes the clients; nothing is sent or looked up before their first call. */
export function createClients(options: ClientOptions): Clients {
  return {
    sns: new SNSClient(options),
    sqs: new SQSClient(options),
    dynamodb: new DynamoDBClient(options),
    cloudFormation: new CloudFormationClient(options),
    cloudWatch: new CloudWatchClient(options),
    cloudWatchLogs: new CloudWatchLogsClient(options),
    sts: new STSClient(options),
  };
}

/** Closes the connections of all clients. */
export function destroyClients(clients: Clients): void {
  for (const client of Object.values(clients)) client.destroy();
}
