import net from 'node:net';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Emulators } from '../../../src/server/emulators.ts';
import { temporaryFolder } from '../../fixtures/temporary.ts';

const client = (endpoint: string) => ({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
});
const stateDirectory = temporaryFolder('emulators-');
let emulators: Emulators;
let dynamodb: DynamoDBClient;
let sqs: SQSClient;
let sns: SNSClient;

beforeAll(async () => {
  emulators = await Emulators.start({ port: 0 });
  dynamodb = new DynamoDBClient(client(emulators.endpoint));
  sqs = new SQSClient(client(emulators.endpoint));
  sns = new SNSClient(client(emulators.endpoint));
  for (const TableName of ['stock', 'reservations']) {
    await dynamodb.send(
      new CreateTableCommand({
        TableName,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
  }
});

afterAll(async () => {
  for (const each of [dynamodb, sqs, sns]) each.destroy();
  await emulators.stop();
});

const put = (TableName: string, item: Record<string, string>) =>
  dynamodb.send(
    new PutItemCommand({
      TableName,
      Item: Object.fromEntries(
        Object.entries(item).map(([key, value]) => [key, /^\d+$/.test(value) ? { N: value } : { S: value }]),
      ),
    }),
  );
const get = async (TableName: string, id: string) =>
  (await dynamodb.send(new GetItemCommand({ TableName, Key: { id: { S: id } } }))).Item;

const reserve = (order: string, sku: string, quantity: number): TransactWriteItem[] => [
  {
    Put: {
      TableName: 'reservations',
      Item: { id: { S: order }, sku: { S: sku } },
      ConditionExpression: 'attribute_not_exists(id)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    },
  },
  {
    Update: {
      TableName: 'stock',
      Key: { id: { S: sku } },
      UpdateExpression: 'SET available = available - :q',
      ConditionExpression: 'available >= :q',
      ExpressionAttributeValues: { ':q': { N: String(quantity) } },
    },
  },
];
const transact = (TransactItems: TransactWriteItem[]) =>
  dynamodb.send(new TransactWriteItemsCommand({ TransactItems }));

describe('DynamoDB', () => {
  test('a failed condition gives the old item back when it is asked for', async () => {
    await put('reservations', { id: 'kept', sku: 'A' });

    const again = dynamodb.send(
      new PutItemCommand({
        TableName: 'reservations',
        Item: { id: { S: 'kept' }, sku: { S: 'B' } },
        ConditionExpression: 'attribute_not_exists(id)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );

    await expect(again).rejects.toMatchObject({
      name: 'ConditionalCheckFailedException',
      Item: { id: { S: 'kept' }, sku: { S: 'A' } },
    });
  });

  test('a transaction writes all of its items', async () => {
    await put('stock', { id: 'full', available: '10' });

    await transact(reserve('order-1', 'full', 4));

    expect(await get('stock', 'full')).toMatchObject({ available: { N: '6' } });
    expect(await get('reservations', 'order-1')).toMatchObject({ sku: { S: 'full' } });
  });

  test('a transaction with one failed condition writes nothing and says which one failed', async () => {
    await put('stock', { id: 'scarce', available: '1' });

    const short = transact(reserve('order-2', 'scarce', 2));

    await expect(short).rejects.toMatchObject({
      name: 'TransactionCanceledException',
      CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }],
    });
    expect(await get('stock', 'scarce')).toMatchObject({ available: { N: '1' } });
    expect(await get('reservations', 'order-2')).toBeUndefined();
  });

  test('a cancelled transaction gives the old item in its place among the reasons', async () => {
    await put('stock', { id: 'plenty', available: '9' });
    await transact(reserve('order-3', 'plenty', 1));

    const again = transact(reserve('order-3', 'plenty', 1));

    await expect(again).rejects.toMatchObject({
      CancellationReasons: [
        { Code: 'ConditionalCheckFailed', Item: { id: { S: 'order-3' } } },
        { Code: 'None' },
      ],
    });
    expect(await get('stock', 'plenty')).toMatchObject({ available: { N: '8' } });
  });

  test('a transaction whose later update cannot be applied leaves the earlier ones undone', async () => {
    await put('stock', { id: 'wordy', available: 'many' });
    const [putReservation, update] = reserve('order-4', 'wordy', 1);
    const { ConditionExpression: _, ...unconditional } = update?.Update ?? {};

    const wrong = transact([putReservation ?? {}, { Update: unconditional as never }]);

    await expect(wrong).rejects.toMatchObject({
      CancellationReasons: [{ Code: 'None' }, { Code: 'ValidationError' }],
    });
    expect(await get('reservations', 'order-4')).toBeUndefined();
  });

  test('of forty transactions that race for ten pieces, ten commit', async () => {
    await put('stock', { id: 'raced', available: '10' });

    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) => transact(reserve(`race-${n}`, 'raced', 1))),
    );

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(await get('stock', 'raced')).toMatchObject({ available: { N: '0' } });
    const { Items = [] } = await dynamodb.send(
      new ScanCommand({
        TableName: 'reservations',
        FilterExpression: 'sku = :sku',
        ExpressionAttributeValues: { ':sku': { S: 'raced' } },
      }),
    );
    expect(Items).toHaveLength(10);
  });

  test('two actions on one item are refused', async () => {
    const [, update] = reserve('order-5', 'full', 1);

    await expect(transact([update ?? {}, update ?? {}])).rejects.toMatchObject({
      name: 'ValidationException',
    });
  });

  test('a client that goes away in the middle of a request harms nobody else', async () => {
    const { port } = new URL(emulators.endpoint);
    const socket = net.connect(Number(port), '127.0.0.1');
    await new Promise((resolve) =>
      socket.write(
        'POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: DynamoDB_20120810.PutItem\r\ncontent-length: 999\r\n' +
          'authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request\r\n\r\n{"Table',
        resolve,
      ),
    );
    socket.resetAndDestroy();

    await put('stock', { id: 'after', available: '1' });

    expect(await get('stock', 'after')).toMatchObject({ available: { N: '1' } });
  });
});

describe('SNS and SQS', () => {
  const queue = async (name: string, Attributes: Record<string, string> = {}) => {
    const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
    const answer = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    return { url: QueueUrl, arn: answer.Attributes?.QueueArn ?? '' };
  };

  /** Gives a queue a policy under which SNS may put messages into it. */
  const letTopicsIn = (QueueUrl: string) => {
    const Statement = [
      {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: '*',
      },
    ];
    return sqs.send(
      new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: JSON.stringify({ Statement }) } }),
    );
  };

  const countsOf = async (queueName: string) =>
    (await emulators.api.sample()).queues.find(({ name }) => name === queueName);

  test('the queue URL leads back to the endpoint, so that no client goes elsewhere', async () => {
    const { url } = await queue('urls');

    expect(url).toBe(`${emulators.endpoint}/000000000000/urls`);
  });

  test('what is published reaches a subscribed queue and is counted as sent and deleted', async () => {
    const { url, arn } = await queue('counted');
    await letTopicsIn(url);
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'topic' }));
    await sns.send(
      new SubscribeCommand({
        TopicArn,
        Protocol: 'sqs',
        Endpoint: arn,
        Attributes: { RawMessageDelivery: 'true' },
      }),
    );

    await sns.send(new PublishCommand({ TopicArn, Message: 'hello' }));
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 5 }),
    );
    await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: Messages[0]?.ReceiptHandle }));

    expect(Messages.map((message) => message.Body)).toEqual(['hello']);
    expect(await countsOf('counted')).toMatchObject({
      sent: 1,
      received: 1,
      deleted: 1,
      movedToDeadLetterQueue: 0,
    });
  });

  test('a message that SQS moves to the dead-letter queue does not count as sent there', async () => {
    const letters = await queue('letters');
    const { url } = await queue('moved', {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: letters.arn, maxReceiveCount: 1 }),
    });
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'x' }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url }));
    const ReceiptHandle = Messages?.[0]?.ReceiptHandle;
    await sqs.send(
      new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout: 0 }),
    );

    await sqs.send(new ReceiveMessageCommand({ QueueUrl: url }));

    expect(await countsOf('moved')).toMatchObject({
      sent: 1,
      received: 1,
      deleted: 0,
      movedToDeadLetterQueue: 1,
    });
    expect(await countsOf('letters')).toMatchObject({ sent: 0 });
  });
});

describe('CloudWatch', () => {
  test('what functions report is counted before anything that is asked afterwards', async () => {
    const CloudWatchMetrics = [{ Namespace: 'Plant', Dimensions: [[]], Metrics: [{ Name: 'Heat' }] }];
    emulators.reports.measured('press', 'Errors', 1);
    emulators.reports.log(JSON.stringify({ _aws: { CloudWatchMetrics }, Heat: 7 }));
    emulators.reports.log('no metric');

    const sums = await Promise.all([
      emulators.api.metricSum('AWS/Lambda', 'Errors', { FunctionName: 'press' }),
      emulators.api.metricSum('Plant', 'Heat', {}),
    ]);

    expect(sums).toEqual([1, 7]);
  });

  test('what an alarm has that is not known is named', async () => {
    const adding = emulators.api.addAlarm('CompositeAlarm', 'all', { AlarmRule: 'ALARM("nobody")' });

    await expect(adding).rejects.toThrow('its rule names nobody, which is no alarm of this stack');
  });
});

describe('a request that no client would send', () => {
  const ask = (credential: string) =>
    fetch(emulators.endpoint, {
      method: 'POST',
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=${credential}` },
      body: '{}',
    });

  test.each(['constructor', '__proto__', 'toString'])(
    'for the service %s is answered with an error, and the next one is answered as well',
    async (service) => {
      const nobodys = await ask(`nobody/20260101/x/${service}/aws4_request`);
      const operators = await ask(`local/20260101/x/${service}/aws4_request`);

      expect([nobodys.status, operators.status]).toEqual([400, 400]);
      expect(await sqs.send(new ListQueuesCommand({}))).toBeDefined();
    },
  );
});

describe('CloudFormation', () => {
  test('a stack is described with its outputs, and an unknown one is a ValidationError', async () => {
    const cloudformation = new CloudFormationClient({ ...client(emulators.endpoint), maxAttempts: 1 });
    await emulators.api.describe([
      {
        name: 'Shop',
        id: 'arn:stack',
        createdAt: '2026-01-01T00:00:00Z',
        outputs: [{ key: 'Topic', value: 'a&b<c>', description: 'where to publish' }],
      },
    ]);

    const { Stacks } = await cloudformation.send(new DescribeStacksCommand({ StackName: 'Shop' }));
    const unknown = cloudformation.send(new DescribeStacksCommand({ StackName: 'Other' }));

    expect(Stacks?.[0]?.Outputs).toEqual([
      { OutputKey: 'Topic', OutputValue: 'a&b<c>', Description: 'where to publish' },
    ]);
    await expect(unknown).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'Stack with id Other does not exist',
    });
    cloudformation.destroy();
  });
});

describe('starting', () => {
  test('a taken port is said in one line that names it', async () => {
    const { port } = new URL(emulators.endpoint);

    await expect(Emulators.start({ port: Number(port) })).rejects.toThrow(
      `port ${port} on 127.0.0.1 is taken: choose another with --port, or 0 for any free one`,
    );
  });

  test('queues, messages and items outlive a stop when there is a state folder', async () => {
    const first = await Emulators.start({ port: 0, stateDirectory });
    const before = new SQSClient(client(first.endpoint));
    const { QueueUrl } = await before.send(new CreateQueueCommand({ QueueName: 'lasting' }));
    await before.send(new SendMessageCommand({ QueueUrl, MessageBody: 'still here' }));
    before.destroy();
    await first.stop();

    const second = await Emulators.start({ port: 0, stateDirectory });
    const after = new SQSClient(client(second.endpoint));
    const { QueueUrl: url } = await after.send(new CreateQueueCommand({ QueueName: 'lasting' }));
    const { Messages } = await after.send(new ReceiveMessageCommand({ QueueUrl: url }));
    after.destroy();
    await second.stop();

    expect(url).toBe(`${second.endpoint}/000000000000/lasting`);
    expect(Messages?.map((message) => message.Body)).toEqual(['still here']);
  });
});
