// The states that a healthy local stack hardly ever shows. The whole way is in operator.test.ts.
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClients } from '../../../../cli/aws/clients.ts';
import { OrderTrace } from '../../../../cli/outcomes/trace.ts';
import { type OrderStack, orderStack } from '../../../fixtures/order-stack.ts';
import { type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

let aws: ScriptedAws;
let stack: OrderStack;
/** Table → its item of the order, in DynamoDB's JSON. */
let items: Record<string, object> = {};

const s = (value: string) => ({ S: value });
const line = (requiresShipping?: boolean) => ({
  M: { sku: s('A'), ...(requiresShipping !== undefined && { requiresShipping: { BOOL: requiresShipping } }) },
});
const invoice = (lines = [line(false)], digest = 'd-1') => ({
  orderId: s('o-1'),
  orderDigest: s(digest),
  placedAt: s('2026-11-22T17:00:00.000Z'),
  issuedAt: s('2026-11-22T17:00:05.000Z'),
  lines: { L: lines },
});

beforeEach(async () => {
  items = {};
  aws = await scriptedAws();
  stack = await orderStack(aws);
  // An empty queue takes a second to say so.
  aws.script['sqs:ReceiveMessage'] = () => ({ json: {} });
  aws.script['dynamodb:GetItem'] = ({ TableName }) => ({
    json: items[TableName] ? { Item: items[TableName] } : {},
  });
});
afterEach(() => aws.close());

async function look() {
  const trace = new OrderTrace(createClients(aws.client), stack.handles, 'o-1');
  const stations = await trace.look(new AbortController().signal);
  return { trace, stations, shipping: stations[1], billing: stations[0] };
}

test('a record has the time it was made at, and the time of the order', async () => {
  items['billing-records'] = invoice();

  expect((await look()).billing).toEqual({
    name: 'billing',
    state: 'done',
    record: {
      table: 'records',
      digest: 'd-1',
      at: new Date('2026-11-22T17:00:05Z'),
      placedAt: new Date('2026-11-22T17:00:00Z'),
      requiresShipping: false,
    },
    letters: [],
    waiting: 0,
    inFlight: 0,
  });
});

test('a record of a moment ago is found, which a read that is not consistent may miss', async () => {
  aws.script['dynamodb:GetItem'] = ({ ConsistentRead }) => ({
    json: ConsistentRead ? { Item: invoice() } : {},
  });

  expect((await look()).billing?.state).toBe('done');
});

test.each([
  ['no line ships', 'filtered-out', [line(false), line(false)]],
  ['some line ships', 'missing', [line(false), line(true)]],
  ['the record does not tell of each line', 'perhaps-filtered-out', [line(false), line()]],
  ['the record has no lines', 'perhaps-filtered-out', []],
])('where %s, shipping is %s', async (_, state, lines) => {
  items['billing-records'] = invoice(lines);

  expect((await look()).shipping?.state).toBe(state);
});

test('what would have to be known of the order is said', async () => {
  items['billing-records'] = invoice([line()]);

  expect((await look()).shipping?.filter).toBe(
    'takes only orders with requiresShipping "true", which no record tells of this one',
  );
});

test('a consumer without records is told as such, unless it has a dead letter or the order is not for it', async () => {
  const consumers = stack.handles.consumers.map((each) =>
    each.name === 'billing'
      ? each
      : {
          ...each,
          tables: { other: { name: 'other', partitionKey: 'customerId', holds: 'other' as const } },
        },
  );
  stack = { ...stack, handles: { ...stack.handles, consumers } };

  items['billing-records'] = invoice([line(true)]);
  expect((await look()).shipping?.state).toBe('no-records');
  items['billing-records'] = invoice([line(false)]);
  expect((await look()).shipping?.state).toBe('filtered-out');
  delete aws.script['sqs:ReceiveMessage'];
  await stack.refuse('shipping', '{"orderId":"o-1"}');
  expect((await look()).shipping?.state).toBe('dead-lettered');
});

test('messages in the queue may be the order', async () => {
  items['billing-records'] = invoice([line(true)]);
  await stack.deliver('shipping', 'any');

  expect((await look()).shipping).toMatchObject({ state: 'open', waiting: 1, inFlight: 0 });
});

test('an order that nobody has seen is not taken for one that is filtered out', async () => {
  const { trace, stations } = await look();

  expect(stations.map(({ state }) => state)).toEqual(['missing', 'missing']);
  expect(trace.isKnown()).toBe(false);
});

test('records of two different orders are in conflict', async () => {
  items['billing-records'] = invoice();
  items['shipping-records'] = invoice([line(true)], 'd-2');

  expect((await look()).stations.map(({ state }) => state)).toEqual(['conflict', 'conflict']);
});

test('a letter is found by its body, in an envelope and broken too, and all letters are left for others', async () => {
  delete aws.script['sqs:ReceiveMessage'];
  const body = '{"orderId":"o-1"}';
  const all = [body, JSON.stringify({ Type: 'Notification', Message: body }), '{"orderId" : "o-1", "tot'];
  for (const each of [
    ...all,
    '{"orderId":"o-10"}',
    '{"orderId":"o-2","of":{"orderId":"o-1"}}',
    '{"orderId":"o-10", "tot',
    'o-1',
  ]) {
    await stack.refuse('billing', each, { error: 'SchemaViolation', message: 'no' });
  }

  const { billing } = await look();

  expect(billing?.state).toBe('dead-lettered');
  expect(billing?.letters.map((letter) => letter.body).sort()).toEqual(all.sort());
  expect(await stack.visibleLetters('billing')).toHaveLength(7);
});

test('the attributes of a dead letter tell what a filter does with the order', async () => {
  delete aws.script['sqs:ReceiveMessage'];
  const attribute = (StringValue: string) => ({ DataType: 'String', StringValue });
  const { sqs } = createClients(aws.client);
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: stack.handles.consumers[0]?.deadLetterQueueUrl,
      MessageBody: '{"orderId":"o-1"}',
      MessageAttributes: { eventType: attribute('order.placed'), requiresShipping: attribute('false') },
    }),
  );

  expect((await look()).shipping).toMatchObject({
    state: 'filtered-out',
    filter: 'takes only orders with requiresShipping "true"; this one has "false"',
  });
});

test('filters are read only where they matter', async () => {
  items['billing-records'] = invoice([line(true)]);
  items['shipping-records'] = invoice([line(true)]);

  await look();

  expect(aws.calls.filter(({ action }) => action.startsWith('sns:Get'))).toEqual([]);
});

test.each([
  ['at work', true],
  ['idle', false],
])('while a consumer is %s its dead letters are not looked at again and again', async (_, isAtWork) => {
  if (isAtWork) await stack.deliver('billing', 'any');
  const { trace } = await look();
  const receives = () =>
    aws.calls.filter(
      ({ action, input }) => action === 'sqs:ReceiveMessage' && input.QueueUrl.endsWith('/billing-dlq'),
    ).length;
  const before = receives();

  await trace.look(new AbortController().signal);

  expect(receives()).toBe(before);
});

test('a consumer that has come to rest may have dead-lettered the order just now', async () => {
  const depth = { ApproximateNumberOfMessages: '1', ApproximateNumberOfMessagesNotVisible: '0' };
  aws.script['sqs:GetQueueAttributes'] = ({ QueueUrl }) =>
    QueueUrl.endsWith('/billing') ? { json: { Attributes: depth } } : undefined;
  const { trace, billing } = await look();
  depth.ApproximateNumberOfMessages = '0';
  delete aws.script['sqs:ReceiveMessage'];
  await stack.refuse('billing', '{"orderId":"o-1"}');

  const [later] = await trace.look(new AbortController().signal);

  expect(billing?.state).toBe('open');
  expect(later?.state).toBe('dead-lettered');
});

describe('an order that was cancelled', () => {
  const cancelled = { cancelledAt: s('2026-11-22T18:00:00.000Z'), cancellationReason: s('changed my mind') };
  const marker = { orderId: s('o-1'), status: s('CANCELLED'), ...cancelled };
  const cancellation = { at: new Date('2026-11-22T18:00:00Z'), reason: 'changed my mind' };

  test('is done, with the time and the reason, and the time of the record is not that of the cancellation', async () => {
    items['billing-records'] = { ...cancelled, ...invoice(), status: s('VOIDED') };

    expect((await look()).billing).toMatchObject({
      state: 'done',
      record: { at: new Date('2026-11-22T17:00:05Z'), status: 'VOIDED', cancellation },
    });
  });

  test('before it came is done as long as nobody has the order', async () => {
    items['billing-records'] = marker;
    items['shipping-records'] = marker;

    const { billing, shipping } = await look();

    expect([billing?.state, shipping?.state]).toEqual(['done', 'done']);
    expect(billing?.record).toEqual({ table: 'records', status: 'CANCELLED', cancellation });
  });

  test('is missing where the mark is all there is, and others have the order', async () => {
    items['billing-records'] = invoice([line(true)]);
    items['shipping-records'] = marker;

    expect((await look()).shipping?.state).toBe('missing');
  });

  test('is filtered out where the mark is all there is, and nothing ships', async () => {
    items['billing-records'] = invoice();
    items['shipping-records'] = marker;

    expect((await look()).shipping?.state).toBe('filtered-out');
  });
});
