import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Emulators } from '../../../src/server/emulators.ts';
import { dynamodb, emulators, makeTable, settings, useEmulators } from '../../fixtures/emulators.ts';

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

  const [putNew = {}, update = {}] = reserve('new', 'sku', 1);
  const { ConditionExpression: _, ...unconditional } = update.Update ?? {};
  test.each<[what: string, available: string, items: TransactWriteItem[], reasons: object[]]>([
    [
      'a condition that fails',
      '1',
      reserve('new', 'sku', 2),
      [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }],
    ],
    [
      'an item that is there',
      '9',
      reserve('there', 'sku', 1),
      [{ Code: 'ConditionalCheckFailed', Item: { id: { S: 'there' } } }, { Code: 'None' }],
    ],
    [
      'an update that cannot be applied',
      'many',
      [putNew, { Update: unconditional as never }],
      [{ Code: 'None' }, { Code: 'ValidationError' }],
    ],
  ])(
    'a transaction with %s writes nothing, and says which action failed',
    async (_, available, items, reasons) => {
      await put('stock', { id: 'sku', available });
      await put('reservations', { id: 'there' });
      const before = await get('stock', 'sku');

      await expect(transact(items)).rejects.toMatchObject({
        name: 'TransactionCanceledException',
        CancellationReasons: reasons,
      });

      expect(await get('stock', 'sku')).toEqual(before);
      expect(await get('reservations', 'new')).toBeUndefined();
    },
  );

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
    await expect(transact([update, update])).rejects.toMatchObject({ name: 'ValidationException' });
  });
});

test('what functions report is counted before anything that is asked afterwards', async () => {
  const CloudWatchMetrics = [{ Namespace: 'Plant', Dimensions: [[]], Metrics: [{ Name: 'Heat' }] }];
  emulators.report({ functionName: 'press', values: { Errors: 1 }, qualifier: undefined });
  emulators.report({ line: JSON.stringify({ _aws: { CloudWatchMetrics }, Heat: 7 }) });
  emulators.report({ line: 'no metric' });

  const sums = await Promise.all([
    emulators.api.metricSum('AWS/Lambda', 'Errors', { FunctionName: 'press' }),
    emulators.api.metricSum('Plant', 'Heat', {}),
  ]);

  expect(sums).toEqual([1, 7]);
});

test('a stack is described with its outputs, and an unknown one is a ValidationError', async () => {
  const cloudformation = new CloudFormationClient(settings());
  const describeStack = (StackName: string) => cloudformation.send(new DescribeStacksCommand({ StackName }));
  const output = { key: 'Topic', value: 'a&b<c>', description: 'where to publish' };
  await emulators.api.describe([
    { name: 'Shop', id: 'arn:stack', createdAt: '2026-01-01T00:00:00Z', outputs: [output] },
  ]);

  const { Stacks } = await describeStack('Shop');
  const unknown = await describeStack('Other').catch((error) => error);

  cloudformation.destroy();
  expect(Stacks?.[0]?.Outputs).toEqual([
    { OutputKey: 'Topic', OutputValue: 'a&b<c>', Description: 'where to publish' },
  ]);
  expect(unknown).toMatchObject({
    name: 'ValidationError',
    message: 'Stack with id Other does not exist',
  });
});

test('the API can be returned from an async function', async () => {
  expect(await emulators.api).toBe(emulators.api);
});

test('a start on a taken port is refused in one line that names it', async () => {
  const { port } = new URL(emulators.endpoint);

  await expect(Emulators.start({ port: Number(port) })).rejects.toThrow(
    `port ${port} on 127.0.0.1 is taken: choose another with --port, or 0 for any free one`,
  );
});
