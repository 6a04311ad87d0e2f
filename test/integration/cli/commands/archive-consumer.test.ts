/** The archive among the consumers: a queue and dead letters like any other, but no records, and no filter. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { messageAttributes } from '../../../../contract/events.ts';
import {
  attribute,
  type DeadLetterStack,
  startDeadLetterStack,
} from '../../../fixtures/dead-letter-stack.ts';
import { anOrder } from '../../../fixtures/order-fixtures.ts';

let stack: DeadLetterStack;
beforeEach(async () => {
  stack = await startDeadLetterStack(0, { hasArchive: true });
});
afterEach(() => stack.stop());

const order = anOrder({ orderId: 'o-1' });
const poison = { body: 'gibberish', reason: { error: 'AccessDenied', message: 'not authorized' } };

test('its dead letters go back, whatever they hold, and it is not told to correct them', async () => {
  await stack.fill('archive', [poison]);

  const failed = await stack.orders('failed', 'archive');
  const dry = await stack.orders('redrive', 'archive', '--reason', 'AccessDenied', '--dry-run');
  const { code, stdout } = await stack.orders('redrive', 'archive', '--reason', 'AccessDenied');

  expect(failed.stderr).toContain('npm run orders -- redrive archive --local\n');
  expect(dry.stderr).not.toContain('would come back');
  expect(stdout).toContain('Sent 1 of 1 dead letter back to archive');
  expect(code).toBe(0);
  expect((await stack.take('archive')).map(({ Body }) => Body)).toEqual(['gibberish']);
});

test.each([
  [['--canary'], '--canary is for consumers with records'],
  [['--edit', '-'], '--edit is for consumers with records'],
])('neither a canary nor a correction is sent to it: %j', async (options, said) => {
  const { code, stderr } = await stack.orders('redrive', 'archive', ...options);

  expect(stderr).toContain(said);
  expect(code).toBe(2);
});

test('that it takes every message makes none of the unrouted ones anybody’s', async () => {
  await stack.publish(JSON.stringify(order), { eventType: attribute('order.shipped') });
  await stack.publish('gibberish', { eventType: attribute('order.shipped') });

  const { stdout, stderr } = await stack.orders('redrive', 'unrouted');

  expect(stdout).toContain('Sent 1 of 2 messages to the topic');
  expect(stderr).toContain('stays: no consumer takes eventType "order.shipped"');
});

test('an order is done once every consumer with records has it', async () => {
  const consumers = ['billing', 'shipping'].map((name) => stack.consume(name));
  await stack.publish(JSON.stringify(order), messageAttributes(order));

  const { code, stdout } = await stack.orders('trace', 'o-1', '--follow', '--timeout', '20');
  for (const consumer of consumers) await consumer.stop();

  expect(stdout).not.toContain('archive');
  expect(code).toBe(0);
});
