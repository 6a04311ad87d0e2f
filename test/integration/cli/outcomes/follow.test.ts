import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClients } from '../../../../cli/aws/clients.ts';
import { type FollowOptions, followMessages } from '../../../../cli/outcomes/follow.ts';
import { printText } from '../../../../cli/outcomes/publish-report.ts';
import { readSubscriptions } from '../../../../cli/outcomes/subscriptions.ts';
import type { EventMessage } from '../../../../cli/publishing/batches.ts';
import { generateEvents } from '../../../../cli/publishing/test-events.ts';
import { requiresShipping } from '../../../../domain/order.ts';
import { captureIo } from '../../../fixtures/command.ts';
import { type OrderStack, orderStack } from '../../../fixtures/order-stack.ts';
import { queryError, type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

let aws: ScriptedAws;
let stack: OrderStack;

beforeEach(async () => {
  aws = await scriptedAws();
  stack = await orderStack(aws);
});
afterEach(() => aws.close());

const messages: EventMessage[] = generateEvents({ count: 10, seed: 3 });
const [first, second, third, ...others] = messages as [
  EventMessage,
  EventMessage,
  EventMessage,
  ...EventMessage[],
];
const ships = ({ body }: EventMessage) => requiresShipping(JSON.parse(body));
const follow = (options: Partial<FollowOptions> = {}) =>
  followMessages({
    clients: createClients(aws.client),
    stack: stack.handles,
    messages,
    timeoutMs: 60_000,
    ...options,
  });
const recordAt = (consumer: string, those: EventMessage[]) =>
  those.forEach((message) => void stack.record(consumer, message.body));

describe('following', () => {
  test('ends when every consumer has a record of each order that its filter lets through', async () => {
    recordAt('billing', messages);
    recordAt('shipping', messages.filter(ships));
    const looks: number[] = [];

    // Copies of a message count once.
    const outcomes = await follow({
      messages: [...messages, ...messages],
      onProgress: ({ ended }) => looks.push(ended),
    });

    const shipping = messages.filter(ships).length;
    expect(shipping).toBeGreaterThan(0);
    expect(shipping).toBeLessThan(10);
    expect(Object.fromEntries(outcomes)).toEqual({
      billing: { processed: 10, refused: [], missing: [] },
      shipping: { processed: shipping, refused: [], missing: [] },
    });
    expect(looks.at(-1)).toBe(10 + shipping);
  });

  test('waits for records that are made later', async () => {
    let looks = 0;
    recordAt('shipping', messages.filter(ships));

    const outcomes = await follow({
      onProgress() {
        if (++looks === 2) recordAt('billing', messages);
      },
    });

    expect(outcomes.get('billing')?.processed).toBe(10);
  });

  test('tells refused from missing by the bodies in the dead-letter queue', async () => {
    recordAt('billing', others);
    recordAt('shipping', messages.filter(ships));
    await stack.refuse('billing', first.body, {
      error: 'SchemaViolation',
      message: 'total must equal the sum',
    });
    await stack.refuse('billing', second.body);
    await stack.refuse('billing', 'a letter of another run');

    const outcomes = await follow({ timeoutMs: 0 });

    expect(outcomes.get('billing')).toEqual({
      processed: 7,
      refused: expect.arrayContaining([
        { message: first, reason: 'SchemaViolation: total must equal the sum' },
        { message: second },
      ]),
      missing: [third],
    });
  });

  test('a record of another order under the orderId is not taken for this one', async () => {
    const rival = {
      ...first,
      body: JSON.stringify({ ...JSON.parse(first.body), customerId: 'someone-else' }),
    };
    stack.record('billing', rival.body);
    await stack.refuse('billing', first.body, { error: 'OrderConflict', message: 'another is recorded' });

    const outcomes = await follow({ messages: [first, rival], timeoutMs: 0 });

    expect(outcomes.get('billing')).toMatchObject({
      processed: 1,
      refused: [{ message: first }],
      missing: [],
    });
  });

  test('poison can only be refused', async () => {
    const poison = { body: 'not JSON', attributes: first.attributes, id: 'poison-1' };
    await stack.refuse('billing', poison.body);
    await stack.refuse('shipping', poison.body);

    const outcomes = await follow({ messages: [poison] });

    expect(outcomes.get('billing')).toEqual({ processed: 0, refused: [{ message: poison }], missing: [] });
    expect(aws.calls.filter(({ action }) => action === 'dynamodb:BatchGetItem')).toEqual([]);
  });

  test('ends at once on its signal, after a last look', async () => {
    const controller = new AbortController();
    recordAt('billing', messages.slice(1));

    const outcomes = await follow({ signal: controller.signal, onProgress: () => controller.abort() });

    expect(outcomes.get('billing')).toMatchObject({ processed: 9, missing: [first] });
  });

  test('asks DynamoDB for at most a hundred orders at a time', async () => {
    const many = generateEvents({ count: 250, seed: 1 });

    await follow({ messages: many, timeoutMs: 0 });

    const sizes = aws.calls
      .filter(
        ({ action, input }) => action === 'dynamodb:BatchGetItem' && input.RequestItems['billing-records'],
      )
      .map(({ input }) => input.RequestItems['billing-records'].Keys.length);
    expect(sizes.sort((a, b) => a - b)).toEqual([50, 100, 100]);
  });

  test('leaves out a consumer that keeps no records, and says so; without any that does there is nothing to follow', async () => {
    const without = (...names: string[]) => ({
      ...stack.handles,
      consumers: stack.handles.consumers.map((each) =>
        names.includes(each.name) ? { ...each, tables: {} } : each,
      ),
    });
    recordAt('billing', messages);
    const { io, stderr } = captureIo();

    const outcomes = await follow({ stack: without('shipping') });
    const counts = { created: 10, duplicates: 0, changes: 0, poison: 0 };
    printText(
      {
        selection: { ...counts, messages, mayBeRefused: () => false },
        target: { topicArn: stack.handles.topicArn, stack: without('shipping') },
        result: { sent: 10, failed: [], stopped: undefined },
        seconds: 1,
        outcomes,
      },
      io,
    );

    expect(Object.fromEntries(outcomes)).toEqual({ billing: { processed: 10, refused: [], missing: [] } });
    expect(stderr.text).toBe('shipping keeps no records of orders, so it is not followed\n');
    const { consumers, ...rest } = without('billing', 'shipping');
    const archive = consumers.slice(0, 1).map((each) => ({ ...each, name: 'archive' }));
    await expect(follow({ stack: { ...rest, consumers: [...archive, ...consumers] } })).rejects.toThrow(
      'Cannot follow orders to billing: it keeps no records of orders',
    );
  });
});

describe('subscriptions', () => {
  const read = (handles = stack.handles) => readSubscriptions(createClients(aws.client).sns, handles);

  test('a consumer takes what its filter policy lets through', async () => {
    const takes = await read();

    expect(messages.filter((message) => takes('billing', message))).toEqual(messages);
    expect(messages.filter((message) => takes('shipping', message))).toEqual(messages.filter(ships));
    expect(takes('nobody', first)).toBe(false);
  });

  test('a consumer without a subscription is named', async () => {
    const [billing] = stack.handles.consumers;
    const lost = {
      ...stack.handles,
      consumers: [{ ...billing, name: 'lost', queueUrl: 'https://sqs/1/lost' }],
    };

    await expect(read(lost as OrderStack['handles'])).rejects.toThrow(
      'The queue of lost is not subscribed to',
    );
  });

  test('a filter on bodies is refused', async () => {
    aws.script['sns:GetSubscriptionAttributes'] = () => ({
      xml: `<GetSubscriptionAttributesResponse><GetSubscriptionAttributesResult><Attributes><entry><key>FilterPolicyScope</key><value>MessageBody</value></entry></Attributes></GetSubscriptionAttributesResult></GetSubscriptionAttributesResponse>`,
    });

    await expect(read()).rejects.toThrow('filters on MessageBody; only MessageAttributes is known here');
  });
});

test('a refused call is the answer, not a missing order', async () => {
  aws.script['sns:ListSubscriptionsByTopic'] = () => queryError('AuthorizationError', 'no', 403);

  await expect(follow()).rejects.toMatchObject({ name: expect.stringMatching(/^AuthorizationError/) });
});
