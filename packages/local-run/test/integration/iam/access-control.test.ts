// Calls of a caller with few permissions, and of others, against the emulators over the SDK.
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
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
  makeTopic,
  queueArn,
  settings,
  useEmulators,
} from '../../fixtures/emulators.ts';
import { allow } from '../../fixtures/policies.ts';
import { denialOf, KEY, keyOf, permit, ROLE, USER, WORKER } from '../../fixtures/worker.ts';

const tableArn = (name: string) => `arn:aws:dynamodb:us-east-1:000000000000:table/${name}`;
const topicArn = 'arn:aws:sns:us-east-1:000000000000:orders';

type Clients = ReturnType<typeof clients>;
const made: { destroy(): void }[] = [];
let operator: Clients;
let worker: Clients;
let name: string;
let QueueUrl: string;

function clients(accessKeyId: string) {
  const client = settings(accessKeyId);
  const all = {
    sqs: new SQSClient(client),
    sns: new SNSClient(client),
    dynamodb: new DynamoDBClient(client),
    cloudFormation: new CloudFormationClient(client),
  };
  made.push(...Object.values(all));
  return all;
}

const setOnQueue = (Attributes: Record<string, string>) =>
  operator.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
const setPolicy = (Statement: object) => setOnQueue({ Policy: JSON.stringify({ Statement }) });

const send = (by = worker) => by.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }));
const publish = (by = worker) => by.sns.send(new PublishCommand({ TopicArn: topicArn, Message: 'x' }));
const receive = (by = worker) => by.sqs.send(new ReceiveMessageCommand({ QueueUrl }));
const put = (by = worker) =>
  by.dynamodb.send(new PutItemCommand({ TableName: 'stock', Item: { id: { S: 'a' } } }));

useEmulators();
beforeAll(async () => {
  operator = clients('local');
  worker = clients(WORKER);
  await makeTopic('orders');
  await makeTable('stock');
});

beforeEach(async () => {
  QueueUrl = await makeQueue();
  name = QueueUrl.split('/').at(-1) ?? '';
  denied.length = 0;
});

afterAll(() => {
  for (const each of made) each.destroy();
});

describe('a call that the role does not allow', () => {
  beforeEach(() => permit([allow('sqs:ReceiveMessage', queueArn(name))]));

  test.each<
    [what: string, call: () => Promise<unknown>, error: string, denial: () => string, status: number]
  >([
    ['SQS', () => send(), 'AccessDenied', () => denialOf('sqs:SendMessage', queueArn(name)), 403],
    ['SNS', () => publish(), 'AuthorizationErrorException', () => denialOf('sns:Publish', topicArn), 403],
    [
      'DynamoDB',
      () => put(),
      'AccessDeniedException',
      () => denialOf('dynamodb:PutItem', tableArn('stock')),
      400,
    ],
    [
      'CloudFormation',
      () => worker.cloudFormation.send(new DescribeStacksCommand({ StackName: 'Shop' })),
      'AccessDenied',
      () =>
        denialOf(
          'cloudformation:DescribeStacks',
          'arn:aws:cloudformation:us-east-1:000000000000:stack/Shop/*',
        ),
      403,
    ],
    [
      'SQS for a batch',
      () =>
        worker.sqs.send(
          new DeleteMessageBatchCommand({ QueueUrl, Entries: [{ Id: '0', ReceiptHandle: 'any' }] }),
        ),
      'AccessDenied',
      () => denialOf('sqs:DeleteMessage', queueArn(name)),
      403,
    ],
  ])(
    'is denied by %s in its own terms, naming who, what and on what',
    async (_, call, error, denial, status) => {
      await expect(call()).rejects.toMatchObject({
        name: error,
        message: denial(),
        $metadata: { httpStatusCode: status },
      });
    },
  );

  test('is told once, however often it is tried', async () => {
    await Promise.allSettled([send(), send()]);
    await Promise.allSettled([send()]);

    expect(denied).toEqual([denialOf('sqs:SendMessage', queueArn(name))]);
  });
});

describe('the policies of the role and of the queue', () => {
  const everything = allow('sqs:*');
  const explicitly = (where: string) => `with an explicit deny in ${where} policy`;

  test.each<[what: string, ofRole: object[], ofQueue: () => object, denial?: () => string]>([
    [
      'a queue lets a role in that has no permission of its own',
      [],
      () => allow('sqs:SendMessage', queueArn(name), { Principal: { AWS: ROLE } }),
    ],
    [
      'a queue that names the account leaves the decision to the role',
      [],
      () => allow('sqs:*', queueArn(name), { Principal: { AWS: '000000000000' } }),
      () => denialOf('sqs:SendMessage', queueArn(name)),
    ],
    [
      'a deny of the queue outdoes what the role allows, from the moment it is set',
      [everything],
      () => ({ ...allow('sqs:SendMessage'), Effect: 'Deny', Principal: '*' }),
      () => `sqs:SendMessage on resource: ${queueArn(name)} ${explicitly('a resource-based')}`,
    ],
    [
      'a deny of the role outdoes its allow',
      [everything, { ...allow('sqs:SendMessage'), Effect: 'Deny' }],
      () => allow('sqs:ReceiveMessage', queueArn(name), { Principal: { AWS: ROLE } }),
      () => explicitly('an identity-based'),
    ],
  ])('%s', async (_, ofRole, ofQueue, denial) => {
    await permit(ofRole);
    await send(operator);
    await setPolicy(ofQueue());

    const problem = await send().then(
      () => undefined,
      ({ message }: Error) => message,
    );

    expect(problem).toEqual(denial && expect.stringContaining(denial()));
  });

  test('a deny for everybody is one for the operator as well', async () => {
    await setPolicy({ ...allow('sqs:SendMessage'), Effect: 'Deny', Principal: '*' });

    await expect(send(operator)).rejects.toThrow(explicitly('a resource-based'));
  });
});

describe('an encrypted queue', () => {
  const ofAccount = { keyPolicies: keyOf() };
  const onQueue = allow('sqs:*', '*');

  beforeEach(() => setOnQueue({ KmsMasterKeyId: KEY }));

  test('takes kms:GenerateDataKey and kms:Decrypt to send, kms:Decrypt to receive', async () => {
    await permit([onQueue, allow(['kms:Decrypt', 'kms:GenerateDataKey'], KEY)], ofAccount);

    await expect(send()).resolves.toBeDefined();
    await expect(receive()).resolves.toBeDefined();
    await expect(worker.sqs.send(new PurgeQueueCommand({ QueueUrl }))).resolves.toBeDefined();
  });

  test.each<[what: string, granted: string, call: () => Promise<unknown>, denial: string, account?: string]>([
    ['to send without a data key', 'kms:Decrypt', () => send(), denialOf('kms:GenerateDataKey', KEY)],
    ['to send without decryption', 'kms:GenerateDataKey', () => send(), denialOf('kms:Decrypt', KEY)],
    ['to receive without decryption', 'kms:GenerateDataKey', () => receive(), denialOf('kms:Decrypt', KEY)],
    [
      'where the key leaves the decision to another account',
      'kms:*',
      () => send(),
      'because no resource-based policy allows the kms:GenerateDataKey action',
      '111111111111',
    ],
  ])('is denied %s', async (_, granted, call, denial, account) => {
    await permit([onQueue, allow(granted, KEY)], { keyPolicies: keyOf(account) });

    await expect(call()).rejects.toMatchObject({
      name: 'KmsAccessDenied',
      message: expect.stringContaining(denial),
    });
  });
});

describe('who is asking', () => {
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
});

describe('what is kept of the calls', () => {
  test('each permission that was asked for, with its answer, once', async () => {
    await permit([allow('sqs:SendMessage', '*')]);
    await Promise.allSettled([send(), send(), receive()]);

    const own = (await emulators.api.accesses()).filter(({ caller }) => caller === USER);

    const call = (action: string, allowed: boolean) => ({
      caller: USER,
      action,
      resource: queueArn(name),
      allowed,
    });
    expect(own).toHaveLength(2);
    expect(own).toContainEqual(call('sqs:SendMessage', true));
    expect(own).toContainEqual(call('sqs:ReceiveMessage', false));
  });

  test('nothing of a question without a call', async () => {
    await permit([]);

    const denial = await emulators.api.denial(WORKER, [
      { action: 'sqs:SendMessage', resource: queueArn(name) },
    ]);

    expect(denial).toBe(denialOf('sqs:SendMessage', queueArn(name)));
    expect(denied).toEqual([]);
    expect(await emulators.api.accesses()).toEqual([]);
  });
});
