import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type EventType, messageAttributes } from '../../../contract/events.ts';
import { orderDigest } from '../../../contract/order.ts';
import { consumers } from '../../../lib/config.ts';
import {
  conditionFailed,
  done,
  failure,
  scriptedDynamoDb,
  transactionCancelled,
} from '../../fixtures/order-dynamodb.ts';
import { aCancellation, anItem, anOrder } from '../../fixtures/order-fixtures.ts';
import { captureLogs } from '../../fixtures/order-logs.ts';
import { type Handler, lambdaContext, startQueues } from '../../fixtures/order-queue.ts';

type Handlers = Record<'billing' | 'shipping' | 'inventory', Handler>;

let servers: Awaited<ReturnType<typeof startQueues>>;
let queue: Awaited<ReturnType<typeof servers.newPair>>;
let dynamodb: Awaited<ReturnType<typeof scriptedDynamoDb>>;
let output: ReturnType<typeof captureLogs>;
let handlers: Handlers;

beforeAll(async () => {
  servers = await startQueues();
  dynamodb = await scriptedDynamoDb();
  queue = await servers.newPair();
  output = captureLogs();
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_SQS: servers.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    POWERTOOLS_SERVICE_NAME: 'test-consumer',
    POWERTOOLS_METRICS_NAMESPACE: 'OrderFanOut',
    QUEUE_URL: queue.url,
    DEAD_LETTER_QUEUE_URL: queue.deadLetterUrl,
    MAX_RECEIVE_COUNT: '5',
    INVOICES_TABLE: 'invoices',
    CREDIT_NOTES_TABLE: 'credit-notes',
    SHIPMENTS_TABLE: 'shipments',
    RESERVATIONS_TABLE: 'reservations',
    STOCK_TABLE: 'stock',
  });
  handlers = {
    billing: (await import('../../../lambda/billing/handler.ts')).handler,
    shipping: (await import('../../../lambda/shipping/handler.ts')).handler,
    inventory: (await import('../../../lambda/inventory/handler.ts')).handler,
  };
});

afterAll(async () => {
  output.restore();
  const { dynamodb: client, sqs } = await import('../../../lambda/clients.ts');
  client.destroy();
  sqs.destroy();
  await dynamodb.close();
  await servers.close();
});

beforeEach(async () => {
  await queue.purge();
  output.clear();
  dynamodb.requests.length = 0;
  dynamodb.answer = () => done;
});

async function deliver(
  consumer: keyof Handlers,
  order: object | null,
  attributes: Record<string, MessageAttributeValue> = {},
) {
  await queue.send(JSON.stringify(order), attributes);
  const event = await queue.receive();
  return { event, answer: await handlers[consumer](event, lambdaContext()) };
}

/** Counts by metric name, added up over everything published. */
function counted(): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const line of output.metrics()) {
    for (const name of ['Processed', 'Duplicates', 'Backordered', 'DeadLettered']) {
      const values = [line[name] ?? []].flat() as number[];
      if (values.length > 0) totals[name] = (totals[name] ?? 0) + values.reduce((a, b) => a + b, 0);
    }
  }
  return totals;
}

function operations() {
  return dynamodb.requests.map(({ operation }) => operation);
}

describe.each([
  ['billing', 'invoices', { total: { N: '2500' }, currency: { S: 'EUR' } }],
  ['shipping', 'shipments', { status: { S: 'READY' }, address: { M: expect.any(Object) } }],
] as const)('%s', (consumer, table, part) => {
  test('puts one record, on the condition that the order has none', async () => {
    const { answer } = await deliver(consumer, anOrder());

    expect(answer).toEqual({ batchItemFailures: [] });
    expect(dynamodb.requests).toEqual([
      {
        operation: 'PutItem',
        input: {
          TableName: table,
          Item: expect.objectContaining({
            orderId: { S: 'order-1' },
            orderDigest: { S: orderDigest(anOrder()) },
            ...part,
          }),
          ConditionExpression: 'attribute_not_exists(orderId)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        },
      },
    ]);
    expect(counted()).toEqual({ Processed: 1 });
  });

  test('takes a second delivery of an order for success, and counts it apart', async () => {
    dynamodb.answer = () => conditionFailed({ orderDigest: { S: orderDigest(anOrder()) } });

    const { answer } = await deliver(consumer, anOrder());

    expect(answer).toEqual({ batchItemFailures: [] });
    expect(operations()).toEqual(['PutItem']);
    expect(counted()).toEqual({ Duplicates: 1 });
    expect(await queue.deadLetters()).toEqual([]);
  });

  test('refuses another order under a known orderId', async () => {
    dynamodb.answer = () => conditionFailed({ orderDigest: { S: 'another' }, name: { S: 'Grace Hopper' } });

    const { answer } = await deliver(consumer, anOrder());

    expect(answer).toEqual({ batchItemFailures: [] });
    const [letter] = await queue.deadLetters();
    expect(letter?.Body).toBe(JSON.stringify(anOrder()));
    expect(letter?.MessageAttributes?.DeadLetterError?.StringValue).toBe('OrderConflict');
    expect(counted()).toEqual({ DeadLettered: 1 });
    expect(output.text()).not.toContain('Grace Hopper');
  });

  test.each([
    ['the store fails', failure('ValidationException'), 'ValidationException'],
    ['the store cannot say what it holds', conditionFailed(), 'ConditionalCheckFailedException'],
  ])('tries again where %s', async (_name, refusal, error) => {
    dynamodb.answer = () => refusal;

    const { event, answer } = await deliver(consumer, anOrder());

    expect(answer.batchItemFailures).toEqual([{ itemIdentifier: event.Records[0]?.messageId }]);
    expect(output.logs()).toEqual([
      expect.objectContaining({ level: 'WARN', error: expect.objectContaining({ name: error }) }),
    ]);
    expect(counted()).toEqual({});
    expect(await queue.deadLetters()).toEqual([]);
  });
});

test('a call to AWS gives up, all of its attempts together, well before the function times out', async () => {
  for (const client of Object.values(await import('../../../lambda/clients.ts'))) {
    const requestHandler = client.config.requestHandler as unknown as {
      handle(request: object, options: { abortSignal: AbortSignal }): Promise<unknown>;
      httpHandlerConfigs(): Record<string, number | boolean>;
    };
    // It takes its settings over at its first request, and not every client has made one here.
    await requestHandler.handle({ protocol: 'http:' }, { abortSignal: AbortSignal.abort() }).catch(() => {});
    const { connectionTimeout, requestTimeout, throwOnRequestTimeout } = requestHandler.httpHandlerConfigs();

    expect(throwOnRequestTimeout).toBe(true);
    expect(
      (await client.config.maxAttempts()) * (Number(connectionTimeout) + Number(requestTimeout)),
    ).toBeLessThan(15_000);
  }
});

describe.each(Object.keys(consumers) as (keyof Handlers)[])('%s', (consumer) => {
  const samples: Record<EventType, object> = {
    'order.placed': anOrder(),
    'order.cancelled': aCancellation(),
  };

  test.each(Object.entries(samples))('takes %s just as lib/config.ts says', async (eventType, event) => {
    await deliver(consumer, event);

    const isTaken = consumers[consumer].eventTypes.some((each) => each === eventType);
    expect(counted()).toEqual(isTaken ? { Processed: 1 } : { DeadLettered: 1 });
  });

  test('marks an order that is cancelled before it comes, on the condition that it has no record', async () => {
    await deliver(consumer, aCancellation());

    expect(dynamodb.requests).toEqual([
      {
        operation: 'PutItem',
        input: expect.objectContaining({
          Item: {
            orderId: { S: 'order-1' },
            status: { S: 'CANCELLED' },
            cancelledAt: { S: '2026-11-22T18:00:00.000Z' },
            cancellationReason: { S: 'changed my mind' },
          },
          ConditionExpression: 'attribute_not_exists(orderId)',
        }),
      },
    ]);
    expect(output.logs()).toEqual([expect.objectContaining({ message: 'cancelled', orderId: 'order-1' })]);
  });

  test('takes a second cancellation for a duplicate', async () => {
    dynamodb.answer = () => conditionFailed({ cancelledAt: { S: '2026-11-22T18:00:00.000Z' } });

    await deliver(consumer, aCancellation());

    expect(operations()).toEqual(['PutItem']);
    expect(counted()).toEqual({ Duplicates: 1 });
  });
});

describe('any consumer of orders', () => {
  test.each([
    ['false', { requiresShipping: 'false' }, /^an item may require shipping, yet/],
    [
      'of an order',
      { eventType: 'order.placed' },
      /^the message attribute eventType is not that of the body$/,
    ],
  ])('refuses a cancellation whose attributes are %s', async (_, wrong, message) => {
    const told = Object.entries(wrong).map(([name, StringValue]) => [
      name,
      { DataType: 'String', StringValue },
    ]);
    await deliver('billing', aCancellation(), {
      ...messageAttributes(aCancellation()),
      ...Object.fromEntries(told),
    });

    const [letter] = await queue.deadLetters();
    expect(letter?.MessageAttributes?.DeadLetterError?.StringValue).toBe('AttributeMismatch');
    expect(letter?.MessageAttributes?.DeadLetterMessage?.StringValue).toMatch(message);
  });

  test('takes a cancellation of an order with nothing to ship, as its attributes say', async () => {
    const event = aCancellation({ requiresShipping: false });
    await deliver('billing', event, messageAttributes(event));

    expect(counted()).toEqual({ Processed: 1 });
  });

  test.each([
    [
      'an order of another version',
      { ...anOrder(), schemaVersion: 2 },
      'UnknownVersion',
      /^schemaVersion must be 1/,
    ],
    [
      'no order',
      { hello: 'world' },
      'SchemaViolation',
      /^eventType is missing, must be "order.placed" or "order.cancelled"$/,
    ],
    ['null', null, 'SchemaViolation', /^order must be an object$/],
    ['a wrong total', anOrder({ total: 1 }), 'SchemaViolation', /^total must equal the sum/],
  ])('dead-letters %s without asking the store', async (_name, body, error, message) => {
    await deliver('billing', body);

    const [letter] = await queue.deadLetters();
    expect(letter?.MessageAttributes?.DeadLetterError?.StringValue).toBe(error);
    expect(letter?.MessageAttributes?.DeadLetterMessage?.StringValue).toMatch(message);
    expect(JSON.parse(letter?.MessageAttributes?.DeadLetterContext?.StringValue ?? '')).toMatchObject({
      consumer: 'test-consumer',
      attempts: 1,
    });
    expect(dynamodb.requests).toEqual([]);
  });

  test.each([
    ['"false"', { DataType: 'String', StringValue: 'false' }],
    ['"TRUE"', { DataType: 'String', StringValue: 'TRUE' }],
    ['missing', undefined],
  ])(
    'refuses an order that ships, when the attribute that should have told shipping is %s',
    async (_, told) => {
      const { requiresShipping: __, ...others } = messageAttributes(anOrder());
      await deliver('billing', anOrder(), { ...others, ...(told && { requiresShipping: told }) });

      const [letter] = await queue.deadLetters();
      expect(letter?.MessageAttributes?.DeadLetterError?.StringValue).toBe('AttributeMismatch');
      expect(letter?.MessageAttributes?.DeadLetterMessage?.StringValue).toBe(
        'an item requires shipping, yet the message attribute requiresShipping was not "true"',
      );
      expect(dynamodb.requests).toEqual([]);
    },
  );

  test.each([
    ['an order that ships, as its attributes say', anOrder(), messageAttributes(anOrder())],
    [
      'an order with nothing to ship, as its attributes say',
      anOrder({ items: [anItem({ requiresShipping: false })] }),
      messageAttributes(anOrder({ items: [anItem({ requiresShipping: false })] })),
    ],
    ['an order that did not come through the topic', anOrder(), {}],
  ])('takes %s', async (_, order, attributes) => {
    await deliver('billing', order, attributes);

    expect(await queue.deadLetters()).toEqual([]);
    expect(counted()).toEqual({ Processed: 1 });
  });

  test('says in its log which order it was, good or refused, and nothing personal', async () => {
    await deliver('shipping', anOrder());
    await deliver('shipping', anOrder({ orderId: 'order-2', total: 1 }));

    expect(output.logs()).toEqual([
      expect.objectContaining({
        message: 'created',
        orderId: 'order-1',
        service: 'test-consumer',
        attempt: 1,
      }),
      expect.objectContaining({ message: 'dead-lettered', orderId: 'order-2' }),
    ]);
    expect(output.text()).not.toMatch(/Ada|James|London|SW1Y/);
  });

  test('puts no orderId into its log that does not look like one', async () => {
    await deliver('billing', anOrder({ orderId: 'Ada Lovelace' }));

    expect(output.text()).toContain('SchemaViolation');
    expect(output.text()).not.toContain('Ada');
  });

  test('publishes its metrics once a batch, with the seconds since each order was placed', async () => {
    for (const [orderId, ago] of [
      ['a', 60_000],
      ['b', 3_600_000],
      ['c', -60_000],
    ] as const) {
      await queue.send(
        JSON.stringify(anOrder({ orderId, placedAt: new Date(Date.now() - ago).toISOString() })),
      );
    }

    await handlers.billing(await queue.receive(), lambdaContext());

    const [line, ...others] = output.metrics();
    expect(others).toEqual([]);
    expect(line?._aws?.CloudWatchMetrics[0]).toEqual({
      Namespace: 'OrderFanOut',
      Dimensions: [['service']],
      Metrics: expect.arrayContaining([
        { Name: 'Processed', Unit: 'Count' },
        { Name: 'SecondsToDone', Unit: 'Seconds' },
      ]),
    });
    const [ahead, minute, hour] = [line?.SecondsToDone]
      .flat()
      .map(Number)
      .sort((a, b) => a - b);
    expect(ahead).toBe(0);
    expect(Math.floor((minute ?? 0) / 60)).toBe(1);
    expect(Math.floor((hour ?? 0) / 3_600)).toBe(1);
  });
});

describe('inventory', () => {
  const order = anOrder({
    items: [
      anItem({ sku: 'A', quantity: 3 }),
      anItem({ sku: 'B', quantity: 1 }),
      anItem({ sku: 'A', quantity: 4 }),
    ],
  });
  const known = { orderDigest: { S: orderDigest(order) }, status: { S: 'RESERVED' } };

  function answers(...inOrder: ReturnType<typeof failure>[]) {
    const rest = [...inOrder];
    dynamodb.answer = () => rest.shift() ?? done;
  }

  test('reserves in one transaction, touching each SKU once', async () => {
    const { answer } = await deliver('inventory', order);

    expect(answer).toEqual({ batchItemFailures: [] });
    const take = (sku: string, quantity: string) => ({
      Update: {
        TableName: 'stock',
        Key: { sku: { S: sku } },
        UpdateExpression: 'SET available = available - :quantity',
        ConditionExpression: 'available >= :quantity',
        ExpressionAttributeValues: { ':quantity': { N: quantity } },
      },
    });
    const [request, ...others] = dynamodb.requests;
    expect(others).toEqual([]);
    expect(request?.input.TransactItems).toEqual([
      {
        Put: expect.objectContaining({
          TableName: 'reservations',
          Item: expect.objectContaining({ orderId: { S: 'order-1' }, status: { S: 'RESERVED' } }),
          ConditionExpression: 'attribute_not_exists(orderId)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      },
      take('A', '7'),
      take('B', '1'),
    ]);
    expect(counted()).toEqual({ Processed: 1 });
  });

  test.each([
    ['one line is short', transactionCancelled('None', 'None', 'ConditionalCheckFailed')],
    [
      'one is short and another contended',
      transactionCancelled('None', 'ConditionalCheckFailed', 'TransactionConflict'),
    ],
    [
      'one is short and another throttled',
      transactionCancelled('None', 'ThrottlingError', 'ConditionalCheckFailed'),
    ],
  ])('backorders, taking nothing, where %s', async (_name, cancelled) => {
    answers(cancelled);

    const { answer } = await deliver('inventory', order);

    expect(answer).toEqual({ batchItemFailures: [] });
    expect(operations()).toEqual(['TransactWriteItems', 'PutItem']);
    expect(dynamodb.requests[1]?.input).toMatchObject({
      TableName: 'reservations',
      Item: { status: { S: 'BACKORDERED' }, orderDigest: { S: orderDigest(order) } },
      ConditionExpression: 'attribute_not_exists(orderId)',
    });
    expect(counted()).toEqual({ Processed: 1, Backordered: 1 });
  });

  test('takes an order for known where it is, even if the stock has run out since', async () => {
    answers(transactionCancelled(['ConditionalCheckFailed', known], 'ConditionalCheckFailed', 'None'));

    await deliver('inventory', order);

    expect(operations()).toEqual(['TransactWriteItems']);
    expect(counted()).toEqual({ Duplicates: 1 });
  });

  test('takes a backorder for a duplicate where another delivery reserved in between', async () => {
    answers(transactionCancelled('None', 'ConditionalCheckFailed', 'None'), conditionFailed(known));

    const { answer } = await deliver('inventory', order);

    expect(answer).toEqual({ batchItemFailures: [] });
    expect(counted()).toEqual({ Duplicates: 1 });
  });

  test('refuses another order under a known orderId', async () => {
    answers(
      transactionCancelled(['ConditionalCheckFailed', { orderDigest: { S: 'another' } }], 'None', 'None'),
    );

    await deliver('inventory', order);

    const [letter] = await queue.deadLetters();
    expect(letter?.MessageAttributes?.DeadLetterError?.StringValue).toBe('OrderConflict');
  });

  test('repeats a transaction that met another one', async () => {
    const conflict = transactionCancelled('None', 'TransactionConflict', 'None');
    answers(conflict, conflict);

    const { answer } = await deliver('inventory', order);

    expect(answer).toEqual({ batchItemFailures: [] });
    expect(operations()).toEqual(Array(3).fill('TransactWriteItems'));
    expect(counted()).toEqual({ Processed: 1 });
    const tokens = dynamodb.requests.map(({ input }) => input.ClientRequestToken);
    expect(new Set(tokens).size).toBe(3);
  });

  test('repeats a transaction that is still in progress under the token it has, as the SDK does', async () => {
    answers(failure('TransactionInProgressException'));

    await deliver('inventory', order);

    const tokens = dynamodb.requests.map(({ input }) => input.ClientRequestToken);
    expect(tokens).toEqual([expect.any(String), tokens[0]]);
    expect(counted()).toEqual({ Processed: 1 });
  });

  test('leaves it to the queue after ten conflicts', async () => {
    dynamodb.answer = () => transactionCancelled('TransactionConflict', 'None', 'None');
    const start = performance.now();

    const { event, answer } = await deliver('inventory', order);

    expect(operations()).toHaveLength(10);
    // Nine waits at random, of 1.3 s together on average: below this once in 5 million times.
    expect(performance.now() - start).toBeGreaterThan(150);
    expect(answer.batchItemFailures).toEqual([{ itemIdentifier: event.Records[0]?.messageId }]);
    expect(await queue.deadLetters()).toEqual([]);
  });

  test.each([
    ['is throttled', transactionCancelled('None', 'ThrottlingError', 'None')],
    [
      'is throttled and contended',
      transactionCancelled('TransactionConflict', 'ProvisionedThroughputExceeded', 'None'),
    ],
    ['is refused for its form', transactionCancelled('ValidationError', 'None', 'None')],
    ['gives no reasons', transactionCancelled()],
  ])('leaves it to the queue where the transaction %s', async (_name, answer) => {
    dynamodb.answer = () => answer;

    const { event, answer: response } = await deliver('inventory', order);

    expect(response.batchItemFailures).toEqual([{ itemIdentifier: event.Records[0]?.messageId }]);
    expect(operations()).toEqual(['TransactWriteItems']);
    expect(await queue.deadLetters()).toEqual([]);
  });
});
