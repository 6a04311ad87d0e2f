// The states that a healthy local stack hardly ever shows. The whole way is in operator.test.ts.
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createClients } from '../../../../cli/aws/clients.ts';
import { EventTrace } from '../../../../cli/outcomes/trace.ts';
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
  aws.script['dynamodb:BatchGetItem'] = ({ RequestItems }) => {
    const [table = ''] = Object.keys(RequestItems);
    return { json: { Responses: { [table]: items[table] ? [items[table]] : [] } } };
  };
});
afterEach(() => aws.close());

async function look() {
  const trace = new EventTrace(createClients(aws.client), stack.handles, 'o-1');
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
      status: undefined,
      changed: undefined,
      events: [{ event: 'placed', at: new Date('2026-11-22T17:00:00Z') }],
      attributes: { requiresShipping: 'false' },
    },
    letters: [],
    waiting: 0,
    inFlight: 0,
  });
});

test('a record of a moment ago is found, which a read that is not consistent may miss', async () => {
  aws.script['dynamodb:BatchGetItem'] = ({ RequestItems }) => {
    const [[table = '', { ConsistentRead }] = ['', {}]] = Object.entries<{ ConsistentRead?: boolean }>(
      RequestItems,
    );
    return { json: { Responses: { [table]: ConsistentRead ? [invoice()] : [] } } };
  };

  expect((await look()).billing?.state).toBe('done');
});

const cancelled = { cancelledAt: s('2026-11-22T18:00:00.000Z'), cancellationReason: s('changed my mind') };
const events = [{ event: 'cancelled', at: new Date('2026-11-22T18:00:00Z'), reason: 'changed my mind' }];
/** All that there is of an order that was cancelled before it came. */
const mark = { orderId: s('o-1'), status: s('CANCELLED'), ...cancelled };

test.each<[string, billing: object | undefined, shipping: object | undefined, states: string[]]>([
  ['no line ships', invoice([line(false), line(false)]), undefined, ['done', 'filtered-out']],
  ['some line ships', invoice([line(false), line(true)]), undefined, ['done', 'missing']],
  [
    'the record does not tell of each line',
    invoice([line(false), line()]),
    undefined,
    ['done', 'perhaps-filtered-out'],
  ],
  ['the record has no lines', invoice([]), undefined, ['done', 'perhaps-filtered-out']],
  ['records are of two different orders', invoice(), invoice([line(true)], 'd-2'), ['conflict', 'conflict']],
  ['nobody has more than the mark of a cancellation', mark, mark, ['done', 'done']],
  ['a consumer has the mark alone, others the order', invoice([line(true)]), mark, ['done', 'missing']],
  ['a consumer has the mark alone, and nothing ships', invoice(), mark, ['done', 'filtered-out']],
])('where %s', async (_, billing, shipping, states) => {
  items = {
    ...(billing && { 'billing-records': billing }),
    ...(shipping && { 'shipping-records': shipping }),
  };

  expect((await look()).stations.map(({ state }) => state)).toEqual(states);
});

test('a cancellation is told with its time and reason, and its time is not that of the record', async () => {
  items['billing-records'] = { ...cancelled, ...invoice(), status: s('VOIDED') };
  expect((await look()).billing).toMatchObject({
    state: 'done',
    record: {
      at: new Date('2026-11-22T17:00:05Z'),
      status: 'VOIDED',
      changed: 'VOIDED',
      events: expect.arrayContaining(events),
    },
  });

  items['billing-records'] = mark;
  expect((await look()).billing?.record).toMatchObject({
    digest: undefined,
    at: undefined,
    status: 'CANCELLED',
    events,
  });
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
