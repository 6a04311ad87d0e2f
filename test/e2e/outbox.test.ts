/** The publisher of docs/publish.md, on the stack as it is deployed; only the stream, which has no emulator, is made up. */
import path from 'node:path';
import {
  type AttributeValue,
  CreateTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { DynamoDBRecord } from 'aws-lambda';
import { placeOrder, publishRows } from '../../docs/examples/outbox.ts';
import { OutboxStack } from '../../docs/examples/outbox-stack.ts';
import type { Order } from '../../domain/order.ts';
import { anItem, anOrder } from '../fixtures/order-fixtures.ts';
import { PROJECT } from '../fixtures/project.ts';
import { type RunningStack, startStack } from '../fixtures/running-stack.ts';
import { resource, testApp } from '../fixtures/synthesized.ts';

const tables = { orders: 'shop-orders', outbox: 'shop-outbox' };
let running: RunningStack;
let dynamodb: DynamoDBClient;

beforeAll(async () => {
  const assembly = path.join(temporaryFolder('outbox-'), 'cdk.out');
  await synthesize(PROJECT, assembly);
  running = await startStack(assembly);
  ({ dynamodb } = running.clients);
  for (const TableName of Object.values(tables)) {
    await dynamodb.send(
      new CreateTableCommand({
        TableName,
        AttributeDefinitions: [{ AttributeName: 'orderId', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
  }
});

afterAll(() => running.stop());

const errors = jest.spyOn(console, 'error').mockImplementation(() => {});

afterEach(() => {
  errors.mockClear();
});

const publish = (...Records: DynamoDBRecord[]) =>
  publishRows({ Records }, { sns: running.clients.sns, topicArn: running.stack.topicArn });

/** A record of the stream as Lambda would get it for the order's row in the outbox. */
async function recordOf({ orderId }: Order, SequenceNumber = '1'): Promise<DynamoDBRecord> {
  const Key = { orderId: { S: orderId } };
  const { Item } = await dynamodb.send(new GetItemCommand({ TableName: tables.outbox, Key }));
  return insertOf(Item ?? {}, SequenceNumber);
}

function insertOf(row: Record<string, AttributeValue>, SequenceNumber: string): DynamoDBRecord {
  const NewImage = row as NonNullable<NonNullable<DynamoDBRecord['dynamodb']>['NewImage']>;
  const { orderId = { S: '' } } = NewImage;
  return {
    eventName: 'INSERT',
    dynamodb: { Keys: { orderId }, NewImage, SequenceNumber },
  };
}

async function placed(orderId: string, overrides: Partial<Order> = {}): Promise<Order> {
  const order = anOrder({ orderId, ...overrides });
  await placeOrder(dynamodb, tables, order);
  return order;
}

/** What waits in a consumer's queue, which is empty afterwards. */
async function takeAll(consumer: string): Promise<unknown[]> {
  const QueueUrl = running.consumer(consumer).queueUrl;
  const bodies: unknown[] = [];
  for (;;) {
    const { Messages = [] } = await running.clients.sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
    );
    if (Messages.length === 0) return bodies;
    for (const { Body = '', ReceiptHandle } of Messages) {
      bodies.push(JSON.parse(Body));
      await running.clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }
}

async function rowsOf(TableName: string, orderId: string): Promise<number> {
  const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName }));
  return Items.filter((item) => item.orderId?.S === orderId).length;
}

test('an order and its row are written together, and the row reaches the consumers that want it', async () => {
  const shipped = await placed('shipped');
  const digital = await placed('digital', { items: [anItem({ requiresShipping: false })] });

  const answer = await publish(await recordOf(shipped, '1'), await recordOf(digital, '2'));

  expect(answer).toEqual({ batchItemFailures: [] });
  expect(await takeAll('billing')).toEqual([shipped, digital]);
  expect(await takeAll('shipping')).toEqual([shipped]);
});

test('an order that is there already is refused, and its row stays as it was', async () => {
  const first = await placed('twice');

  await expect(placed('twice', { customerId: 'customer-2' })).rejects.toThrow('Transaction cancelled');

  expect(JSON.parse((await recordOf(first)).dynamodb?.NewImage?.message?.S ?? '')).toEqual(first);
});

test('what the contract refuses is written nowhere', async () => {
  await expect(placed('wrong', { total: 1 })).rejects.toThrow('not an order: [{"field":"total"');

  expect([await rowsOf(tables.orders, 'wrong'), await rowsOf(tables.outbox, 'wrong')]).toEqual([0, 0]);
});

test('a row that cannot be published is named, and what comes after it waits for it', async () => {
  const [before, after] = [await placed('before'), await placed('after')];
  const broken = insertOf({ orderId: { S: 'broken' }, message: { S: '{' } }, '2');

  const answer = await publish(await recordOf(before, '1'), broken, await recordOf(after, '3'));

  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: '2' }] });
  expect(await takeAll('billing')).toEqual([before]);
  expect(errors.mock.lastCall).toEqual([expect.stringContaining('"broken"')]);
});

test('a topic that refuses is a failure of the first row', async () => {
  const order = await placed('refused');
  const Records = [await recordOf(order, '7')];

  const answer = await publishRows(
    { Records },
    { sns: running.clients.sns, topicArn: `${running.stack.topicArn}-gone` },
  );

  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: '7' }] });
});

test('the function publishes to the topic that its environment names', async () => {
  const { endpoint, region, credentials } = running.run.client;
  Object.assign(process.env, {
    ORDERS_TOPIC_ARN: running.stack.topicArn,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  });
  const { handler } = await import('../../docs/examples/outbox-handler.ts');
  const order = await placed('by-function');

  expect(await handler({ Records: [await recordOf(order)] })).toEqual({ batchItemFailures: [] });

  expect(await takeAll('billing')).toEqual([order]);
});

test('the expiry of a row is not published', async () => {
  const record = await recordOf(await placed('expired'));

  expect(await publish({ ...record, eventName: 'REMOVE' })).toEqual({ batchItemFailures: [] });

  expect(await takeAll('billing')).toEqual([]);
});

describe('the stack of the shop', () => {
  const stack = new OutboxStack(testApp(), 'Shop', {
    orderStack: 'OrderFanOut-prod',
    encrypted: true,
    code: Code.fromInline('exports.handler = () => {}'),
  });
  const template = Template.fromStack(stack);

  test('reads the inserts of the outbox with partial batch responses, and tells a queue before the stream forgets', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      FilterCriteria: { Filters: [{ Pattern: JSON.stringify({ eventName: ['INSERT'] }) }] },
      MaximumRecordAgeInSeconds: 23 * 3600,
      DestinationConfig: {
        OnFailure: {
          Destination: { 'Fn::GetAtt': [resource(template, 'AWS::SQS::Queue', 'NotPublished').ref, 'Arn'] },
        },
      },
    });
  });

  test('may publish to the topic and use its key, both found by parameters of the other stack', () => {
    const { Parameters } = template.toJSON();
    const names = Object.values<{ Default: string }>(Parameters).map((parameter) => parameter.Default);
    const { Properties } = resource(template, 'AWS::IAM::Policy', 'PublisherServiceRoleDefaultPolicy');

    expect(names).toEqual(
      expect.arrayContaining(['/OrderFanOut-prod/orders-topic-arn', '/OrderFanOut-prod/orders-key-arn']),
    );
    expect(JSON.stringify(Properties.PolicyDocument)).toMatch(
      /"kms:Decrypt","kms:GenerateDataKey\*".*"sns:Publish"|"sns:Publish".*"kms:Decrypt","kms:GenerateDataKey\*"/,
    );
  });
});
