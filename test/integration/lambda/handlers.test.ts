import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { digestOf } from '../../../contract/event-catalogue.ts';
import { type OrderEvent, orderEvents } from '../../../domain/events.ts';
import { bill } from '../../../lambda/billing/invoice.ts';
import { ship } from '../../../lambda/shipping/shipment.ts';
import { consumers } from '../../../lib/config.ts';
import { captureLogs } from '../../fixtures/captured-logs.ts';
import { functionEnvironment } from '../../fixtures/function-environment.ts';
import { aCancellation, anItem, anOrder } from '../../fixtures/order-fixtures.ts';
import {
  conditionFailed,
  done,
  failure,
  scriptedDynamoDb,
  transactionCancelled,
} from '../../fixtures/scripted-dynamodb.ts';
import { type Handler, lambdaContext, startQueues } from '../../fixtures/test-queues.ts';

/** Of a put: on the condition that the order has no record, and to be told of the one it has. */
const onlyIfNew = {
  ConditionExpression: 'attribute_not_exists(#absent)',
  ExpressionAttributeNames: { '#absent': 'orderId' },
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
};

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
  Object.assign(process.env, functionEnvironment(servers.endpoint), {
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    POWERTOOLS_SERVICE_NAME: 'test-consumer',
    QUEUE_URL: queue.url,
    DEAD_LETTER_QUEUE_URL: queue.deadLetterUrl,
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

/** Delivers an event, and says all that shows of it: what failed, was asked of the store, counted and dead-lettered. */
async function deliver(
  consumer: keyof Handlers,
  event: object | null,
  attributes: Record<string, MessageAttributeValue> = {},
) {
  await queue.send(JSON.stringify(event), attributes);
  const batch = await queue.receive();
  const { batchItemFailures } = await handlers[consumer](batch, lambdaContext());
  const [letter] = await queue.deadLetters();
  return {
    isFailed: batchItemFailures.some(({ itemIdentifier }) => itemIdentifier === batch.Records[0]?.messageId),
    operations: dynamodb.requests.map(({ operation }) => operation),
    counted: counted(),
    error: letter?.MessageAttributes?.DeadLetterError?.StringValue,
    message: letter?.MessageAttributes?.DeadLetterMessage?.StringValue,
    letter,
  };
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

describe.each([
  ['billing', 'invoices', { total: { N: '2500' }, currency: { S: 'EUR' } }],
  ['shipping', 'shipments', { status: { S: 'READY' }, address: { M: expect.any(Object) } }],
] as const)('%s', (consumer, table, part) => {
  test('puts one record, on the condition that the order has none', async () => {
    expect(await deliver(consumer, anOrder())).toMatchObject({ isFailed: false, counted: { Processed: 1 } });
    expect(dynamodb.requests).toEqual([
      {
        operation: 'PutItem',
        input: {
          TableName: table,
          Item: expect.objectContaining({
            orderId: { S: 'order-1' },
            orderDigest: { S: digestOf(anOrder()) },
            ...part,
          }),
          ...onlyIfNew,
        },
      },
    ]);
  });

  test('refuses another order under a known orderId', async () => {
    dynamodb.answer = () => conditionFailed({ orderDigest: { S: 'another' }, name: { S: 'Grace Hopper' } });

    expect(await deliver(consumer, anOrder())).toMatchObject({
      isFailed: false,
      error: 'OrderConflict',
      letter: { Body: JSON.stringify(anOrder()) },
      counted: { DeadLettered: 1 },
    });
    expect(output.text()).not.toContain('Grace Hopper');
  });

  test.each([
    ['the store fails', failure('ValidationException'), 'ValidationException'],
    ['the store cannot say what it holds', conditionFailed(), 'ConditionalCheckFailedException'],
  ])('tries again where %s', async (_name, refusal, error) => {
    dynamodb.answer = () => refusal;

    expect(await deliver(consumer, anOrder())).toMatchObject({
      isFailed: true,
      counted: {},
      error: undefined,
    });
    expect(output.logs()).toEqual([
      expect.objectContaining({ level: 'WARN', error: expect.objectContaining({ name: error }) }),
    ]);
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
  const samples: Record<OrderEvent['eventType'], object> = {
    'order.placed': anOrder(),
    'order.cancelled': aCancellation(),
  };

  test.each(Object.entries(samples))('takes %s just as lib/config.ts says', async (eventType, event) => {
    const isTaken = consumers[consumer].eventTypes.some((each) => each === eventType);

    expect((await deliver(consumer, event)).counted).toEqual(
      isTaken ? { Processed: 1 } : { DeadLettered: 1 },
    );
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
          ...onlyIfNew,
        }),
      },
    ]);
    expect(output.logs()).toEqual([expect.objectContaining({ message: 'cancelled', orderId: 'order-1' })]);
  });
});

describe('any consumer of orders', () => {
  test.each([
    ['an order', anOrder(), { orderDigest: { S: digestOf(anOrder()) } }],
    ['a cancellation', aCancellation(), { cancelledAt: { S: '2026-11-22T18:00:00.000Z' } }],
  ])('takes a second delivery of %s for success, and counts it apart', async (_, event, item) => {
    dynamodb.answer = () => conditionFailed(item);

    expect(await deliver('billing', event)).toMatchObject({
      isFailed: false,
      operations: ['PutItem'],
      counted: { Duplicates: 1 },
      error: undefined,
    });
  });

  const wrongType = 'the message attribute eventType is not that of the body';
  const mayShip = 'an item may require shipping, yet the message attribute requiresShipping was not "true"';
  const ships = 'an item requires shipping, yet the message attribute requiresShipping was not "true"';
  const { requiresShipping: _, ...unsaid } = orderEvents.attributesOf(anOrder());
  const saying = (event: OrderEvent, name: string, StringValue: string) => ({
    ...orderEvents.attributesOf(event),
    [name]: { DataType: 'String', StringValue },
  });

  test.each<[string, object | null, Record<string, MessageAttributeValue>, string, string]>([
    [
      'an order of another version',
      { ...anOrder(), schemaVersion: 2 },
      {},
      'UnknownVersion',
      'schemaVersion must be 1, the only one known here',
    ],
    [
      'no order',
      { hello: 'world' },
      {},
      'SchemaViolation',
      'eventType is missing, must be "order.placed" or "order.cancelled"',
    ],
    ['null', null, {}, 'SchemaViolation', 'order must be an object'],
    [
      'a wrong total',
      anOrder({ total: 1 }),
      {},
      'SchemaViolation',
      'total must equal the sum of quantity × unitPrice over the items',
    ],
    [
      'a cancellation said not to ship',
      aCancellation(),
      saying(aCancellation(), 'requiresShipping', 'false'),
      'AttributeMismatch',
      mayShip,
    ],
    [
      'a cancellation said to be an order',
      aCancellation(),
      saying(aCancellation(), 'eventType', 'order.placed'),
      'AttributeMismatch',
      wrongType,
    ],
    [
      'an order said not to ship',
      anOrder(),
      saying(anOrder(), 'requiresShipping', 'false'),
      'AttributeMismatch',
      ships,
    ],
    [
      'an order said to ship in capitals',
      anOrder(),
      saying(anOrder(), 'requiresShipping', 'TRUE'),
      'AttributeMismatch',
      ships,
    ],
    ['an order that nobody said to ship', anOrder(), unsaid, 'AttributeMismatch', ships],
  ])('dead-letters %s without asking the store', async (_name, body, attributes, error, message) => {
    const ended = await deliver('billing', body, attributes);

    expect(ended).toMatchObject({ isFailed: false, operations: [], error, message });
    expect(JSON.parse(ended.letter?.MessageAttributes?.DeadLetterContext?.StringValue ?? '')).toMatchObject({
      consumer: 'test-consumer',
      attempts: 1,
    });
  });

  const digital = anOrder({ items: [anItem({ requiresShipping: false })] });
  const unshipped = aCancellation({ requiresShipping: false });

  test.each<[string, OrderEvent, Record<string, MessageAttributeValue>]>([
    ['an order that ships, as its attributes say', anOrder(), orderEvents.attributesOf(anOrder())],
    ['an order with nothing to ship, as its attributes say', digital, orderEvents.attributesOf(digital)],
    ['a cancellation of such an order', unshipped, orderEvents.attributesOf(unshipped)],
    ['an order that did not come through the topic', anOrder(), {}],
  ])('takes %s', async (_, event, attributes) => {
    expect(await deliver('billing', event, attributes)).toMatchObject({
      counted: { Processed: 1 },
      error: undefined,
    });
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

describe('a cancellation of what is recorded', () => {
  const issued = marshall(bill(anOrder(), new Date('2026-11-22T17:00:05.000Z')));
  const ready = marshall(ship(anOrder(), new Date('2026-11-22T17:00:05.000Z')));
  const cancelled = { cancelledAt: { S: '2026-11-22T18:00:00.000Z' } };
  const FAILED = 'ConditionalCheckFailed';
  const triedAgain = { isFailed: true, counted: {}, error: undefined };

  test('changes it on the condition that it is not cancelled, and has the status that was seen', async () => {
    const left = [conditionFailed(ready)];
    dynamodb.answer = () => left.shift() ?? done;

    expect(await deliver('shipping', aCancellation())).toMatchObject({ counted: { Processed: 1 } });
    expect(dynamodb.requests[1]).toEqual({
      operation: 'UpdateItem',
      input: {
        TableName: 'shipments',
        Key: { orderId: { S: 'order-1' } },
        UpdateExpression: expect.any(String),
        ConditionExpression: 'attribute_not_exists(cancelledAt) AND #status = :status',
        ExpressionAttributeNames: expect.objectContaining({ '#status': 'status' }),
        ExpressionAttributeValues: expect.objectContaining({ ':status': { S: 'READY' } }),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    });
  });

  test.each<[string, keyof Handlers, ReturnType<typeof failure>[], object]>([
    [
      'has left since it was seen: tried again',
      'shipping',
      [conditionFailed(ready), conditionFailed({ ...ready, status: { S: 'SHIPPED' } })],
      triedAgain,
    ],
    [
      'was cancelled since it was seen: a duplicate',
      'shipping',
      [conditionFailed(ready), conditionFailed({ ...ready, ...cancelled })],
      { counted: { Duplicates: 1 } },
    ],
    [
      'was cancelled since it was seen, in a transaction: a duplicate',
      'billing',
      [conditionFailed(issued), transactionCancelled([FAILED, { ...issued, ...cancelled }], 'None')],
      { counted: { Duplicates: 1 } },
    ],
    [
      'stays as it is because another write of the transaction failed: tried again',
      'billing',
      [conditionFailed(issued), transactionCancelled('None', FAILED)],
      triedAgain,
    ],
  ])('where it %s', async (_, consumer, answers, expected) => {
    const left = [...answers];
    dynamodb.answer = () => left.shift() ?? done;

    expect(await deliver(consumer, aCancellation())).toMatchObject({ isFailed: false, ...expected });
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
  const known = { orderDigest: { S: digestOf(order) }, status: { S: 'RESERVED' } };

  test('reserves in one transaction, touching each SKU once', async () => {
    expect(await deliver('inventory', order)).toMatchObject({
      isFailed: false,
      operations: ['TransactWriteItems'],
      counted: { Processed: 1 },
    });
    const take = (sku: string, quantity: string) => ({
      Update: {
        TableName: 'stock',
        Key: { sku: { S: sku } },
        UpdateExpression: 'SET available = available - :quantity',
        ConditionExpression: 'available >= :quantity',
        ExpressionAttributeValues: { ':quantity': { N: quantity } },
      },
    });
    expect(dynamodb.requests[0]?.input.TransactItems).toEqual([
      {
        Put: expect.objectContaining({
          TableName: 'reservations',
          Item: expect.objectContaining({ orderId: { S: 'order-1' }, status: { S: 'RESERVED' } }),
          ...onlyIfNew,
        }),
      },
      take('A', '7'),
      take('B', '1'),
    ]);
  });

  const [FAILED, CONFLICT] = ['ConditionalCheckFailed', 'TransactionConflict'] as const;
  const another = { orderDigest: { S: 'another' } };
  const transaction = ['TransactWriteItems'];
  const backorder = [...transaction, 'PutItem'];
  const backordered = { operations: backorder, counted: { Processed: 1, Backordered: 1 } };
  const leftToQueue = { operations: transaction, isFailed: true, counted: {}, error: undefined };

  test.each<[string, ReturnType<typeof failure>[], object]>([
    ['one line is short: a backorder', [transactionCancelled('None', 'None', FAILED)], backordered],
    [
      'one is short and another contended: a backorder',
      [transactionCancelled('None', FAILED, CONFLICT)],
      backordered,
    ],
    [
      'one is short and another throttled: a backorder',
      [transactionCancelled('None', 'ThrottlingError', FAILED)],
      backordered,
    ],
    [
      'the order is known, even if the stock has run out since: a duplicate',
      [transactionCancelled([FAILED, known], FAILED, 'None')],
      { operations: transaction, counted: { Duplicates: 1 } },
    ],
    [
      'another delivery reserved before the backorder: a duplicate',
      [transactionCancelled('None', FAILED, 'None'), conditionFailed(known)],
      { operations: backorder, counted: { Duplicates: 1 } },
    ],
    [
      'another order has the orderId: a conflict',
      [transactionCancelled([FAILED, another], 'None', 'None')],
      { error: 'OrderConflict' },
    ],
    [
      'it is throttled: the queue tries again',
      [transactionCancelled('None', 'ThrottlingError', 'None')],
      leftToQueue,
    ],
    [
      'it is throttled and contended: the queue tries again',
      [transactionCancelled(CONFLICT, 'ProvisionedThroughputExceeded', 'None')],
      leftToQueue,
    ],
    [
      'it is refused for its form: the queue tries again',
      [transactionCancelled('ValidationError', 'None', 'None')],
      leftToQueue,
    ],
    ['it gives no reasons: the queue tries again', [transactionCancelled()], leftToQueue],
  ])('where of a transaction %s', async (_, answers, expected) => {
    const left = [...answers];
    dynamodb.answer = () => left.shift() ?? done;

    expect(await deliver('inventory', order)).toMatchObject({ isFailed: false, ...expected });
  });

  test('a backorder takes nothing, and has no record to overwrite', async () => {
    dynamodb.answer = ({ operation }) =>
      operation === 'PutItem' ? done : transactionCancelled('None', FAILED, 'None');

    await deliver('inventory', order);

    expect(dynamodb.requests[1]?.input).toMatchObject({
      TableName: 'reservations',
      Item: { status: { S: 'BACKORDERED' }, orderDigest: { S: digestOf(order) } },
      ...onlyIfNew,
    });
  });

  const tokens = () => dynamodb.requests.map(({ input }) => input.ClientRequestToken);

  test('repeats a transaction that met another one, as a new one', async () => {
    const conflict = transactionCancelled('None', CONFLICT, 'None');
    const left = [conflict, conflict];
    dynamodb.answer = () => left.shift() ?? done;

    expect(await deliver('inventory', order)).toMatchObject({ isFailed: false, counted: { Processed: 1 } });
    expect(new Set(tokens()).size).toBe(3);
  });

  test('repeats a transaction that is still in progress under the token it has, as the SDK does', async () => {
    const left = [failure('TransactionInProgressException')];
    dynamodb.answer = () => left.shift() ?? done;

    expect(await deliver('inventory', order)).toMatchObject({ counted: { Processed: 1 } });
    expect(tokens()).toEqual([expect.any(String), tokens()[0]]);
  });

  test('leaves it to the queue after ten conflicts', async () => {
    dynamodb.answer = () => transactionCancelled(CONFLICT, 'None', 'None');
    const start = performance.now();

    expect(await deliver('inventory', order)).toMatchObject({
      operations: Array(10).fill('TransactWriteItems'),
      isFailed: true,
      error: undefined,
    });
    // Nine waits at random, of 1.3 s together on average: below this once in 5 million times.
    expect(performance.now() - start).toBeGreaterThan(150);
  });
});
