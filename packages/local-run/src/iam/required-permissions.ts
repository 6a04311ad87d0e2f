// Which permissions a request to AWS takes: the IAM actions of each operation, and the resources they are asked for on.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html

import { ACCOUNT } from '../client/account.ts';
import type { Json } from '../protocol/json.ts';

/** One permission: an IAM action, and the ARN it is needed on, `*` where the action knows no resources. */
export interface Permission {
  readonly action: string;
  readonly resource: string;
  /** Whether it is for nothing that is encrypted, so that the key of the resource is not needed. */
  readonly isOfMetadata?: boolean;
}

/** A request, as the service reads it. */
export interface AwsRequest {
  /** Name the request is signed for: `sqs`. */
  readonly service: string;
  readonly region: string;
  readonly operation: string;
  /** Parsed JSON, or the fields of a form. */
  readonly input: Json;
}

/** An operation whose permissions are not known here, so that nobody can say who may call it. */
export class UnmappedOperation extends Error {
  override readonly name = 'UnmappedOperation';
}

type Reader = (input: Json, region: string, operation: string) => Permission[];

const arn = (service: string, region: string, resource: string) =>
  `arn:aws:${service}:${region}:${ACCOUNT}:${resource}`;

const queueOf = (input: Json, region: string) =>
  arn('sqs', region, input.QueueName ?? String(input.QueueUrl).split('/').at(-1));
const onQueue =
  (action?: string): Reader =>
  (input, region, operation) => [{ action: `sqs:${action ?? operation}`, resource: queueOf(input, region) }];

const onTopic =
  (action?: string): Reader =>
  (input, region, operation) => [
    {
      action: `sns:${action ?? operation}`,
      resource: input.TopicArn ?? arn('sns', region, input.Name),
    },
  ];

const onAnything =
  (prefix: string): Reader =>
  (_, __, operation) => [{ action: `${prefix}:${operation}`, resource: '*' }];

const tableArn = (name: unknown, region: string, index?: unknown) => {
  const table = arn('dynamodb', region, `table/${name}`);
  return index === undefined ? table : `${table}/index/${index}`;
};
const onTable: Reader = ({ TableName, IndexName }, region, operation) => [
  { action: `dynamodb:${operation}`, resource: tableArn(TableName, region, IndexName) },
];
const onTables: Reader = ({ RequestItems }, region, operation) =>
  Object.keys(RequestItems ?? {}).map((name) => ({
    action: `dynamodb:${operation}`,
    resource: tableArn(name, region),
  }));

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html */
const TRANSACTION_ACTIONS = new Map([
  ['Put', 'PutItem'],
  ['Update', 'UpdateItem'],
  ['Delete', 'DeleteItem'],
  ['ConditionCheck', 'ConditionCheckItem'],
]);
const onTransactedTables: Reader = ({ TransactItems }, region) =>
  (TransactItems ?? []).flatMap((item: Json) =>
    Object.entries<Json>(item).map(([kind, { TableName }]) => {
      const action = TRANSACTION_ACTIONS.get(kind);
      if (!action) throw new UnmappedOperation(`no IAM action is known for ${kind} in TransactItems`);
      return { action: `dynamodb:${action}`, resource: tableArn(TableName, region) };
    }),
  );

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html */
const startMove: Reader = ({ SourceArn, DestinationArn }) => [
  ...['StartMessageMoveTask', 'ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'].map((action) => ({
    action: `sqs:${action}`,
    resource: String(SourceArn),
  })),
  ...(DestinationArn ? [{ action: 'sqs:SendMessage', resource: String(DestinationArn) }] : []),
];

/** The queue is named in the handle alone. */
const cancelMove: Reader = ({ TaskHandle }) => {
  let resource = '*';
  try {
    resource = JSON.parse(Buffer.from(String(TaskHandle), 'base64').toString('utf8')).sourceArn ?? '*';
  } catch {
    // No handle that SQS gave: it will say so.
  }
  return [{ action: 'sqs:CancelMessageMoveTask', resource }];
};

/** https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html */
const onMapping: Reader = ({ UUID }, region, operation) => [
  { action: `lambda:${operation}`, resource: arn('lambda', region, `event-source-mapping:${UUID}`) },
];

const onKey: Reader = ({ KeyId }, _, operation) => [{ action: `kms:${operation}`, resource: String(KeyId) }];

const onBucket =
  (action?: string): Reader =>
  ({ Bucket }, _, operation) => [{ action: `s3:${action ?? operation}`, resource: `arn:aws:s3:::${Bucket}` }];

const onObject: Reader = ({ Bucket, Key }, _, operation) => [
  { action: `s3:${operation}`, resource: `arn:aws:s3:::${Bucket}/${Key}` },
];

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html, also of the key, which only a checksum needs */
const onHead: Reader = ({ ChecksumMode, ...input }, region) =>
  onObject(input, region, 'GetObject').map((permission) => ({
    ...permission,
    ...(ChecksumMode !== 'ENABLED' && { isOfMetadata: true }),
  }));

const stack: Reader = ({ StackName }, region, operation) => {
  const name = String(StackName ?? '');
  const resource = name.startsWith('arn:') ? name : arn('cloudformation', region, `stack/${name}/*`);
  return [{ action: `cloudformation:${operation}`, resource: name ? resource : '*' }];
};

const each = (names: string, reader: Reader): Record<string, Reader> =>
  Object.fromEntries(names.split(' ').map((name) => [name, reader]));

const SERVICES: Record<string, Record<string, Reader>> = {
  sqs: {
    ...each('SendMessage ReceiveMessage DeleteMessage ChangeMessageVisibility', onQueue()),
    // A batch takes the permission of the single call.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html
    SendMessageBatch: onQueue('SendMessage'),
    DeleteMessageBatch: onQueue('DeleteMessage'),
    ChangeMessageVisibilityBatch: onQueue('ChangeMessageVisibility'),
    ...each(
      'CreateQueue DeleteQueue GetQueueUrl GetQueueAttributes SetQueueAttributes PurgeQueue',
      onQueue(),
    ),
    ListQueues: onAnything('sqs'),
    StartMessageMoveTask: startMove,
    ListMessageMoveTasks: ({ SourceArn }) => [
      { action: 'sqs:ListMessageMoveTasks', resource: String(SourceArn) },
    ],
    CancelMessageMoveTask: cancelMove,
  },
  sns: {
    Publish: onTopic(),
    PublishBatch: onTopic('Publish'),
    ...each('CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes Subscribe', onTopic()),
    ListSubscriptionsByTopic: onTopic(),
    ...each('ListTopics ListSubscriptions Unsubscribe', onAnything('sns')),
    ...each('GetSubscriptionAttributes SetSubscriptionAttributes', onAnything('sns')),
  },
  dynamodb: {
    ...each('GetItem PutItem UpdateItem DeleteItem Query Scan', onTable),
    ...each('CreateTable DeleteTable DescribeTable', onTable),
    ...each('BatchGetItem BatchWriteItem', onTables),
    TransactWriteItems: onTransactedTables,
    ListTables: onAnything('dynamodb'),
  },
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
  s3: {
    ListBuckets: () => [{ action: 's3:ListAllMyBuckets', resource: '*' }],
    ...each('CreateBucket DeleteBucket', onBucket()),
    ...each('HeadBucket ListObjectsV2', onBucket('ListBucket')),
    ...each('GetObject PutObject DeleteObject', onObject),
    HeadObject: onHead,
  },
  lambda: {
    ...each('GetEventSourceMapping UpdateEventSourceMapping', onMapping),
    GetAccountSettings: onAnything('lambda'),
  },
  cloudformation: each('DescribeStacks DetectStackDrift', stack),
  kms: { DescribeKey: onKey },
  // CloudWatch, by the name that its requests are signed for.
  monitoring: {
    // Where composite alarms are among the answer, the two that describe take `*`.
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
    ...each('DescribeAlarms DescribeAlarmHistory GetMetricData', onAnything('cloudwatch')),
    SetAlarmState: ({ AlarmName }, region) => [
      { action: 'cloudwatch:SetAlarmState', resource: arn('cloudwatch', region, `alarm:${AlarmName}`) },
    ],
  },
  // Asking who one is takes no permission.
  sts: { GetCallerIdentity: () => [] },
};

/**
 * The permissions a request takes, all of them, before it is served.
 * @throws UnmappedOperation naming an operation whose permissions are not known here
 */
export function requiredPermissions({ service, region, operation, input }: AwsRequest): Permission[] {
  const operations = Object.hasOwn(SERVICES, service) ? SERVICES[service] : undefined;
  const read = operations && Object.hasOwn(operations, operation) ? operations[operation] : undefined;
  if (!read)
    throw new UnmappedOperation(`no IAM action is known for the operation ${operation} of ${service}`);
  return read(input, region, operation);
}
