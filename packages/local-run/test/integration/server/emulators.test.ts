import net from 'node:net';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateQueueCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { clientSettings } from '../../../src/client/client-settings.ts';
import { Emulators } from '../../../src/server/emulators.ts';
import { dynamodb, emulators, makeTable, settings, sqs, useEmulators } from '../../fixtures/emulators.ts';
import { temporaryFolder } from '../../fixtures/temporary.ts';

useEmulators();
beforeAll(async () => {
  for (const table of ['stock', 'reservations']) await makeTable(table);
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
    const cloudformation = new CloudFormationClient(settings());
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

  test('queues of a kept state have the URL of the new run, which leads nowhere else', async () => {
    const stateDirectory = temporaryFolder('emulators-');
    const lives = [];
    for (let life = 0; life < 2; life++) {
      const kept = await Emulators.start({ port: 0, stateDirectory });
      const client = new SQSClient(clientSettings(kept.endpoint));
      const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'lasting' }));
      lives.push([QueueUrl, `${kept.endpoint}/000000000000/lasting`]);
      client.destroy();
      await kept.stop();
    }

    for (const [url, expected] of lives) expect(url).toBe(expected);
  });
});
