/**
 * The SDK clients, made once a sandbox. Endpoint, region and credentials come from the environment alone. The bundle of a function
 * carries those that it uses: `@__PURE__` tells esbuild that it may leave a client out.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';

// Three attempts of at most 1 + 3 s with backoff between them end well inside a function's 20 or 30 s; the SDK's own
// default waits for an answer without end.
// https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/node-configuring-timeout.html
const settings = {
  maxAttempts: 3,
  retryMode: 'standard',
  // Without throwOnRequestTimeout a request past its timeout is only logged.
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
} as const;

export const dynamodb = /* @__PURE__ */ new DynamoDBClient(settings);

export const s3 = /* @__PURE__ */ new S3Client(settings);

// A queue URL names a host of its own, which by default wins over AWS_ENDPOINT_URL.
export const sqs = /* @__PURE__ */ new SQSClient({ ...settings, useQueueUrlAsEndpoint: false });
