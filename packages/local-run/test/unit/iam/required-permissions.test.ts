import { expect, test } from '@jest/globals';
import { requiredPermissions } from '../../../src/iam/required-permissions.ts';

const queue = 'arn:aws:sqs:eu-west-1:000000000000:orders';
const letters = 'arn:aws:sqs:eu-west-1:000000000000:letters';
const topic = 'arn:aws:sns:eu-west-1:000000000000:orders';
const table = (name: string) => `arn:aws:dynamodb:eu-west-1:000000000000:table/${name}`;
const QueueUrl = 'http://127.0.0.1:4566/000000000000/orders';

const needed = (service: string, operation: string, input: object) =>
  requiredPermissions({ service, region: 'eu-west-1', operation, input }).map(({ action, resource }) => [
    action,
    resource,
  ]);

test.each<[string, string, object, [string, string][]]>([
  ['sqs', 'SendMessage', { QueueUrl }, [['sqs:SendMessage', queue]]],
  ['sqs', 'SendMessageBatch', { QueueUrl }, [['sqs:SendMessage', queue]]],
  ['sqs', 'DeleteMessageBatch', { QueueUrl }, [['sqs:DeleteMessage', queue]]],
  ['sqs', 'ChangeMessageVisibilityBatch', { QueueUrl }, [['sqs:ChangeMessageVisibility', queue]]],
  ['sqs', 'CreateQueue', { QueueName: 'orders' }, [['sqs:CreateQueue', queue]]],
  ['sqs', 'ListQueues', {}, [['sqs:ListQueues', '*']]],
  [
    'sqs',
    'StartMessageMoveTask',
    { SourceArn: letters, DestinationArn: queue },
    [
      ['sqs:StartMessageMoveTask', letters],
      ['sqs:ReceiveMessage', letters],
      ['sqs:DeleteMessage', letters],
      ['sqs:GetQueueAttributes', letters],
      ['sqs:SendMessage', queue],
    ],
  ],
  ['sqs', 'ListMessageMoveTasks', { SourceArn: letters }, [['sqs:ListMessageMoveTasks', letters]]],
  [
    'sqs',
    'CancelMessageMoveTask',
    { TaskHandle: Buffer.from(JSON.stringify({ sourceArn: letters })).toString('base64') },
    [['sqs:CancelMessageMoveTask', letters]],
  ],
  ['sqs', 'CancelMessageMoveTask', { TaskHandle: 'no handle' }, [['sqs:CancelMessageMoveTask', '*']]],
  ['sns', 'PublishBatch', { TopicArn: topic }, [['sns:Publish', topic]]],
  ['sns', 'CreateTopic', { Name: 'orders' }, [['sns:CreateTopic', topic]]],
  ['sns', 'GetSubscriptionAttributes', {}, [['sns:GetSubscriptionAttributes', '*']]],
  ['dynamodb', 'PutItem', { TableName: 'stock' }, [['dynamodb:PutItem', table('stock')]]],
  [
    'dynamodb',
    'Query',
    { TableName: 'stock', IndexName: 'by-age' },
    [['dynamodb:Query', `${table('stock')}/index/by-age`]],
  ],
  [
    'dynamodb',
    'BatchWriteItem',
    { RequestItems: { stock: [], orders: [] } },
    [
      ['dynamodb:BatchWriteItem', table('stock')],
      ['dynamodb:BatchWriteItem', table('orders')],
    ],
  ],
  [
    'dynamodb',
    'TransactWriteItems',
    {
      TransactItems: [
        { Put: { TableName: 'orders' } },
        { Update: { TableName: 'stock' } },
        { Delete: { TableName: 'carts' } },
        { ConditionCheck: { TableName: 'customers' } },
      ],
    },
    [
      ['dynamodb:PutItem', table('orders')],
      ['dynamodb:UpdateItem', table('stock')],
      ['dynamodb:DeleteItem', table('carts')],
      ['dynamodb:ConditionCheckItem', table('customers')],
    ],
  ],
  [
    'cloudformation',
    'DescribeStacks',
    { StackName: 'Shop' },
    [['cloudformation:DescribeStacks', 'arn:aws:cloudformation:eu-west-1:000000000000:stack/Shop/*']],
  ],
  ['cloudformation', 'DescribeStacks', {}, [['cloudformation:DescribeStacks', '*']]],
  [
    'lambda',
    'UpdateEventSourceMapping',
    { UUID: 'm' },
    [['lambda:UpdateEventSourceMapping', 'arn:aws:lambda:eu-west-1:000000000000:event-source-mapping:m']],
  ],
  ['lambda', 'GetAccountSettings', {}, [['lambda:GetAccountSettings', '*']]],
  ['monitoring', 'DescribeAlarmHistory', { AlarmName: 'late' }, [['cloudwatch:DescribeAlarmHistory', '*']]],
  [
    'monitoring',
    'SetAlarmState',
    { AlarmName: 'late' },
    [['cloudwatch:SetAlarmState', 'arn:aws:cloudwatch:eu-west-1:000000000000:alarm:late']],
  ],
  ['s3', 'ListBuckets', {}, [['s3:ListAllMyBuckets', '*']]],
  ['s3', 'CreateBucket', { Bucket: 'archive' }, [['s3:CreateBucket', 'arn:aws:s3:::archive']]],
  ['s3', 'HeadBucket', { Bucket: 'archive' }, [['s3:ListBucket', 'arn:aws:s3:::archive']]],
  ['s3', 'PutObject', { Bucket: 'archive', Key: 'a/b' }, [['s3:PutObject', 'arn:aws:s3:::archive/a/b']]],
  ['s3', 'HeadObject', { Bucket: 'archive', Key: 'a/b' }, [['s3:GetObject', 'arn:aws:s3:::archive/a/b']]],
  ['sts', 'GetCallerIdentity', {}, []],
])('%s %s %j', (service, operation, input, needs) => {
  expect(needed(service, operation, input)).toEqual(needs);
});

test.each([
  ['dynamodb', 'ExecuteStatement', 'no IAM action is known for the operation ExecuteStatement of dynamodb'],
  ['s3', 'CopyObject', 'no IAM action is known for the operation CopyObject of s3'],
  ['sqs', 'toString', 'no IAM action is known for the operation toString of sqs'],
  ['constructor', 'name', 'no IAM action is known for the operation name of constructor'],
])('an operation that is not mapped is named: %s %s', (service, operation, message) => {
  expect(() => needed(service, operation, {})).toThrow(message);
});

test('an action of a transaction that is not mapped is named', () => {
  const TransactItems = [{ Merge: { TableName: 'stock' } }];

  expect(() => needed('dynamodb', 'TransactWriteItems', { TransactItems })).toThrow(
    'no IAM action is known for Merge',
  );
});
