// Calls of a caller with few permissions, and of others, against the emulators over the SDK.
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateTopicCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import {
  DeleteMessageBatchCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  problems as denied,
  emulators,
  makeQueue,
  makeTable,
  queueArn,
  settings,
  useEmulators,
} from '../../fixtures/emulators.ts';

const KEY = 'arn:aws:kms:us-east-1:000000000000:key/k';
const ROLE = 'arn:aws:iam::000000000000:role/worker';
const USER = 'arn:aws:sts::000000000000:assumed-role/worker/fn';
const tableArn = (name: string) => `arn:aws:dynamodb:us-east-1:000000000000:table/${name}`;
const topicArn = 'arn:aws:sns:us-east-1:000000000000:orders';

interface Clients {
  sqs: SQSClient;
  sns: SNSClient;
  dynamodb: DynamoDBClient;
  cloudFormation: CloudFormationClient;
}
const made: Clients[] = [];
let operator: Clients;
let worker: Clients;
let queues = 0;
let name: string;
let QueueUrl: string;

function clients(accessKeyId: string): Clients {
  const client = settings(accessKeyId);
  const all = {
    sqs: new SQSClient(client),
    sns: new SNSClient(client),
    dynamodb: new DynamoDBClient(client),
    cloudFormation: new CloudFormationClient(client),
  };
  made.push(all);
  return all;
}

/** Gives the worker these statements, and nothing else. */
const permit = (policies: object[], keyPolicies: Record<string, object> = {}) =>
  emulators.api.permit({
    callers: [{ accessKeyId: 'worker', arn: USER, roleArn: ROLE, policies: [{ Statement: policies }] }],
    keyPolicies,
    buckets: {},
  });
const allow = (Action: string | string[], Resource: string) => ({ Effect: 'Allow', Action, Resource });
const setPolicy = (...Statement: object[]) =>
  operator.sqs.send(
    new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: JSON.stringify({ Statement }) } }),
  );

const send = (by = worker) => by.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }));
const publish = (by = worker) => by.sns.send(new PublishCommand({ TopicArn: topicArn, Message: 'x' }));
const receive = (by = worker) => by.sqs.send(new ReceiveMessageCommand({ QueueUrl }));
const put = (by = worker) =>
  by.dynamodb.send(new PutItemCommand({ TableName: 'stock', Item: { id: { S: 'a' } } }));
const sentence = (action: string, resource: string) =>
  `User: ${USER} is not authorized to perform: ${action} on resource: ${resource} ` +
  `because no identity-based policy allows the ${action} action`;

useEmulators();
beforeAll(async () => {
  operator = clients('local');
  worker = clients('worker');
  await operator.sns.send(new CreateTopicCommand({ Name: 'orders' }));
  for (const table of ['stock', 'reservations']) await makeTable(table);
});

beforeEach(async () => {
  name = `queue-${queues++}`;
  QueueUrl = await makeQueue({}, name);
  denied.length = 0;
});

afterAll(() => {
  for (const each of made) for (const client of Object.values(each)) client.destroy();
});

describe('a call that the role does not allow', () => {
  beforeEach(() => permit([allow('sqs:ReceiveMessage', queueArn(name))]));

  test.each<
    [
      service: string,
      call: () => Promise<unknown>,
      name: string,
      action: string,
      on: () => string,
      status: number,
    ]
  >([
    ['SQS', () => send(), 'AccessDenied', 'sqs:SendMessage', () => queueArn(name), 403],
    ['SNS', () => publish(), 'AuthorizationErrorException', 'sns:Publish', () => topicArn, 403],
    ['DynamoDB', () => put(), 'AccessDeniedException', 'dynamodb:PutItem', () => tableArn('stock'), 400],
    [
      'CloudFormation',
      () => worker.cloudFormation.send(new DescribeStacksCommand({ StackName: 'Shop' })),
      'AccessDenied',
      'cloudformation:DescribeStacks',
      () => 'arn:aws:cloudformation:us-east-1:000000000000:stack/Shop/*',
      403,
    ],
  ])(
    'is denied by %s in its own terms, naming who, what and on what',
    async (_, call, error, action, on, status) => {
      await expect(call()).rejects.toMatchObject({
        name: error,
        message: sentence(action, on()),
        $metadata: { httpStatusCode: status },
      });
    },
  );

  test('is told once, however often it is tried', async () => {
    await Promise.allSettled([send(), send()]);
    await Promise.allSettled([send()]);

    expect(denied).toEqual([sentence('sqs:SendMessage', queueArn(name))]);
  });

  test('does not keep the role from what it may do', async () => {
    await send(operator);

    expect((await receive()).Messages).toHaveLength(1);
  });
});

test('a batch is denied as a whole', async () => {
  await permit([allow('sqs:SendMessage', queueArn(name))]);

  const deleted = worker.sqs.send(
    new DeleteMessageBatchCommand({ QueueUrl, Entries: [{ Id: '0', ReceiptHandle: 'any' }] }),
  );

  await expect(deleted).rejects.toThrow(sentence('sqs:DeleteMessage', queueArn(name)));
});

describe('a transaction', () => {
  const transact = () =>
    worker.dynamodb.send(
      new TransactWriteItemsCommand({
        TransactItems: [
          { Put: { TableName: 'reservations', Item: { id: { S: name } } } },
          {
            Update: {
              TableName: 'stock',
              Key: { id: { S: name } },
              UpdateExpression: 'SET n = :n',
              ExpressionAttributeValues: { ':n': { N: '1' } },
            },
          },
        ],
      }),
    );

  test('takes the permission of each of its items, on each of its tables', async () => {
    await permit([
      allow('dynamodb:PutItem', tableArn('reservations')),
      allow('dynamodb:UpdateItem', tableArn('stock')),
    ]);

    await expect(transact()).resolves.toBeDefined();
  });

  test('is denied as a whole, and writes nothing', async () => {
    await permit([allow('dynamodb:PutItem', '*')]);

    await expect(transact()).rejects.toThrow(sentence('dynamodb:UpdateItem', tableArn('stock')));

    const written = new GetItemCommand({ TableName: 'reservations', Key: { id: { S: name } } });
    expect((await operator.dynamodb.send(written)).Item).toBeUndefined();
  });
});

describe('the policy of a queue', () => {
  test('lets a role in that has no permission of its own', async () => {
    await permit([]);
    await setPolicy({ ...allow('sqs:SendMessage', queueArn(name)), Principal: { AWS: ROLE } });

    await expect(send()).resolves.toBeDefined();
  });

  test('leaves the decision to the role where it names the account', async () => {
    await permit([]);
    await setPolicy({ ...allow('sqs:*', queueArn(name)), Principal: { AWS: '000000000000' } });

    await expect(send()).rejects.toThrow(sentence('sqs:SendMessage', queueArn(name)));
  });

  test('denies also what the role allows, from the moment it is set', async () => {
    await permit([allow('sqs:*', '*')]);
    await send();
    await setPolicy({ ...allow('sqs:SendMessage', '*'), Effect: 'Deny', Principal: '*' });

    await expect(send()).rejects.toThrow(
      `sqs:SendMessage on resource: ${queueArn(name)} with an explicit deny in a resource-based policy`,
    );
    await expect(send(operator)).rejects.toThrow('with an explicit deny in a resource-based policy');
  });

  test('that denies what does not come over TLS lets loopback pass', async () => {
    await permit([allow('sqs:SendMessage', '*')]);
    await setPolicy({
      ...allow('sqs:*', queueArn(name)),
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });

    await expect(send()).resolves.toBeDefined();
  });
});

test('a deny of the role outdoes its allow', async () => {
  await permit([allow('sqs:*', '*'), { ...allow('sqs:SendMessage', queueArn(name)), Effect: 'Deny' }]);

  await expect(send()).rejects.toThrow('with an explicit deny in an identity-based policy');
});

describe('an encrypted queue', () => {
  const keyPolicy = (Principal: object) => ({ Statement: [{ ...allow('kms:*', '*'), Principal }] });
  const ofAccount = { [KEY]: keyPolicy({ AWS: 'arn:aws:iam::000000000000:root' }) };
  const onQueue = allow('sqs:*', '*');

  beforeEach(() =>
    operator.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { KmsMasterKeyId: KEY } })),
  );

  test('takes kms:GenerateDataKey and kms:Decrypt to send, kms:Decrypt to receive', async () => {
    await permit([onQueue, allow(['kms:Decrypt', 'kms:GenerateDataKey'], KEY)], ofAccount);

    await expect(send()).resolves.toBeDefined();
    await expect(receive()).resolves.toBeDefined();
    await expect(worker.sqs.send(new PurgeQueueCommand({ QueueUrl }))).resolves.toBeDefined();
  });

  test.each([
    ['kms:GenerateDataKey', ['kms:Decrypt'], () => send()],
    ['kms:Decrypt', ['kms:GenerateDataKey'], () => send()],
    ['kms:Decrypt', ['kms:GenerateDataKey'], () => receive()],
  ])('is denied without %s', async (lacking, granted, call) => {
    await permit([onQueue, allow(granted, KEY)], ofAccount);

    await expect(call()).rejects.toMatchObject({
      name: 'KmsAccessDenied',
      message: sentence(lacking, KEY),
    });
  });

  test('asks the key as well, which has to leave the decision to the account', async () => {
    const ofOther = { [KEY]: keyPolicy({ AWS: 'arn:aws:iam::111111111111:root' }) };
    await permit([onQueue, allow('kms:*', KEY)], ofOther);

    await expect(send()).rejects.toThrow(
      'because no resource-based policy allows the kms:GenerateDataKey action',
    );
  });
});

describe('who is asking', () => {
  test('the operator may do everything', async () => {
    await permit([]);

    await expect(send(operator)).resolves.toBeDefined();
    await expect(put(operator)).resolves.toBeDefined();
  });

  test.each([
    ['SQS', (by: Clients) => send(by), 'InvalidClientTokenId'],
    ['SNS', (by: Clients) => publish(by), 'InvalidClientTokenId'],
    ['DynamoDB', (by: Clients) => put(by), 'UnrecognizedClientException'],
  ])('%s does not know an access key that nobody has', async (_, call, error) => {
    await expect(call(clients('somebody'))).rejects.toMatchObject({
      name: error,
      message: 'The security token included in the request is invalid.',
    });
  });

  test('a request that nobody signed is refused', async () => {
    const response = await fetch(`${emulators.endpoint}/_fauxqs/queues`);

    expect(response.status).toBe(403);
    expect(await response.text()).toContain('Request is missing Authentication Token');
  });

  test('an operation whose permissions are not known is named, also to the operator', async () => {
    const target = { 'x-amz-target': 'DynamoDB_20120810.ExecuteStatement' };
    const response = await fetch(emulators.endpoint, {
      method: 'POST',
      headers: {
        ...target,
        authorization: 'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request',
      },
      body: '{}',
    });

    expect(response.status).toBe(400);
    expect(await response.text()).toContain(
      'no IAM action is known for the operation ExecuteStatement of dynamodb',
    );
  });
});

describe('what is kept of the calls', () => {
  test('each permission that was asked for, with its answer, once', async () => {
    await permit([allow('sqs:SendMessage', '*')]);
    await Promise.allSettled([send(), send(), receive()]);

    const own = (await emulators.api.accesses()).filter(({ caller }) => caller === USER);

    expect(own).toHaveLength(2);
    expect(own).toContainEqual({
      caller: USER,
      action: 'sqs:SendMessage',
      resource: queueArn(name),
      allowed: true,
    });
    expect(own).toContainEqual({
      caller: USER,
      action: 'sqs:ReceiveMessage',
      resource: queueArn(name),
      allowed: false,
    });
  });

  test('nothing of a question without a call', async () => {
    await permit([]);

    const denial = await emulators.api.denial('worker', [
      { action: 'sqs:SendMessage', resource: queueArn(name) },
    ]);

    expect(denial).toBe(sentence('sqs:SendMessage', queueArn(name)));
    expect(denied).toEqual([]);
    expect(await emulators.api.accesses()).toEqual([]);
  });

  test('whether a service may act for a resource', async () => {
    const alarm = 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:depth';
    const caller = { service: 'cloudwatch.amazonaws.com', source: alarm };
    const permissions = [{ action: 'sqs:SendMessage', resource: queueArn(name) }];
    await setPolicy({
      ...allow('sqs:SendMessage', queueArn(name)),
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:*:*:alarm:*' } },
    });

    expect(await emulators.api.denial(caller, permissions)).toBeUndefined();
    expect(await emulators.api.denial({ ...caller, source: topicArn }, permissions)).toBe(
      `cloudwatch.amazonaws.com for ${topicArn} is not authorized to perform: sqs:SendMessage on resource: ` +
        `${queueArn(name)} because no resource-based policy allows the sqs:SendMessage action`,
    );
  });
});
