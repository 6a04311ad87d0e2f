/** Messages that no consumer's subscription asks for, sent on. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { messageAttributes } from '../../../../contract/events.ts';
import {
  attribute,
  type DeadLetterStack,
  startDeadLetterStack,
} from '../../../fixtures/dead-letter-stack.ts';
import { anItem, anOrder } from '../../../fixtures/order-fixtures.ts';
import { CANCELLED, first, second, WITHOUT_TYPE } from '../../../fixtures/unrouted-messages.ts';

let stack: DeadLetterStack;
beforeEach(async () => {
  stack = await startDeadLetterStack();
});
afterEach(() => stack.stop());

const digitalOrder = anOrder({ orderId: 'digital', items: [anItem({ requiresShipping: false })] });

const file = (name: string) => path.join(stack.directory, name);
const held = async (queue: string) => {
  const { visible, hidden } = await stack.depth(queue);
  return visible + hidden;
};
const redrives = () =>
  fs
    .readFileSync(file('operations.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('redrive', () => {
  test('publishes a valid order with the attributes that its consumers go by, and its own beside them', async () => {
    await stack.publish(first.body, { ...CANCELLED, ...WITHOUT_TYPE });

    const { code, stdout } = await stack.orders('redrive', 'unrouted');

    expect(stdout).toMatch(/^Sent 1 of 1 message to the topic in \d+\.\d s\n$/);
    expect(code).toBe(0);
    for (const consumer of ['billing', 'shipping']) {
      const [message, ...others] = await stack.take(consumer);
      expect(others).toEqual([]);
      expect(message?.Body).toBe(first.body);
      expect(message?.MessageAttributes).toMatchObject({
        ...messageAttributes(first.order),
        ...WITHOUT_TYPE,
      });
    }
    expect(await held('unrouted')).toBe(0);
    expect(redrives()).toEqual([
      expect.objectContaining({ event: 'started', consumer: 'unrouted', what: 'all', letters: 1 }),
      expect.objectContaining({ event: 'ended', sent: 1, outcome: 'done' }),
    ]);
  });

  test('leaves where it is, by name, what still nobody takes', async () => {
    await stack.publish(first.body, CANCELLED);
    await stack.publish('{"orderId":"4711"}', CANCELLED);
    await stack.publish('gibberish', WITHOUT_TYPE);

    const dry = await stack.orders('redrive', 'unrouted', '--dry-run');
    const { code, stdout, stderr } = await stack.orders('redrive', 'unrouted');

    expect(dry.stderr).toContain('2 of them would come back: no consumer takes them.');
    expect(stdout).toMatch(/^Sent 1 of 3 messages to the topic/);
    expect(stderr).toContain('4711 stays: no consumer takes eventType "order.cancelled"\n');
    expect(stderr).toMatch(/\n[\da-f-]{36} stays: no consumer takes a message without eventType\n/);
    expect(code).toBe(1);
    expect((await stack.depth('unrouted')).visible).toBe(2);
  });

  test('sends a correction in place of the message that it names, once it is whole', async () => {
    await stack.publish(JSON.stringify({ ...first.order, total: -1 }), WITHOUT_TYPE);
    fs.writeFileSync(file('wrong'), JSON.stringify({ ...first.order, total: -2 }));
    fs.writeFileSync(file('right'), first.body);

    const wrong = await stack.orders('redrive', 'unrouted', '--edit', file('wrong'));
    const heldBack = await held('unrouted');
    const right = await stack.orders('redrive', 'unrouted', '--edit', file('right'));

    expect(wrong.code).toBe(1);
    expect(heldBack).toBe(1);
    expect(right.code).toBe(0);
    expect((await stack.take('billing')).map(({ Body }) => Body)).toEqual([first.body]);
    expect(await held('unrouted')).toBe(0);
  });

  test('sends to the one consumer that is named, and to no other', async () => {
    await stack.publish(first.body, CANCELLED);

    const { code, stdout } = await stack.orders('redrive', 'unrouted', '--to', 'shipping');

    expect(stdout).toMatch(/^Sent 1 of 1 message to shipping in /);
    expect(code).toBe(0);
    expect(await held('billing')).toBe(0);
    expect(await stack.take('shipping')).toEqual([
      expect.objectContaining({
        Body: first.body,
        MessageAttributes: expect.objectContaining({
          eventType: expect.objectContaining(attribute('order.placed')),
        }),
      }),
    ]);
    expect(redrives()[0]).toMatchObject({ what: 'all, to shipping' });
  });

  test('waits until all consumers have processed the canary, whatever they had dead-lettered before', async () => {
    await stack.fill('billing', [
      { body: first.body, reason: { error: 'Throttling', message: 'slow down' } },
    ]);
    await stack.publish(first.body, CANCELLED);
    await stack.publish(second.body, CANCELLED);
    const consumers = ['billing', 'shipping'].map((name) => stack.consume(name));

    const { code, stdout, stderr } = await stack.orders('redrive', 'unrouted', '--canary');

    await Promise.all(consumers.map((each) => each.stop()));
    expect(stderr).toContain('was processed');
    expect(stdout).toMatch(/^Sent 2 of 2 messages to the topic/);
    expect(code).toBe(0);
    expect(await held('unrouted')).toBe(0);
  });

  test('sends no other when one consumer refuses the canary', async () => {
    await stack.publish(first.body, CANCELLED);
    await stack.publish(second.body, CANCELLED);
    const consumers = [
      stack.consume('billing'),
      stack.consume('shipping', () => ({ error: 'SchemaViolation', message: 'bad' })),
    ];

    const { code, stderr } = await stack.orders('redrive', 'unrouted', '--canary');

    await Promise.all(consumers.map((each) => each.stop()));
    expect(stderr).toContain('came back');
    expect(code).toBe(1);
    expect(await held('unrouted')).toBe(1);
  });

  test('leaves where it is what the named consumer leaves out, and what SNS would discard', async () => {
    const digital = JSON.stringify(digitalOrder);
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`own${n}`, attribute('1')]));
    await stack.publish(digital, CANCELLED);
    await stack.publish(first.body, { ...CANCELLED, ...many });

    const { code, stderr } = await stack.orders('redrive', 'unrouted', '--to', 'shipping');

    expect(stderr).toContain(
      `${digitalOrder.orderId} stays: shipping does not take eventType "order.placed" with its attributes`,
    );
    expect(stderr).toContain(`${first.orderId} stays: it would have 12 attributes; 10 are allowed`);
    expect(code).toBe(1);
    expect((await stack.depth('unrouted')).visible).toBe(2);
  });

  test('knows no other way for dead letters than the one back', async () => {
    const { code, stderr } = await stack.orders('redrive', 'billing', '--to', 'shipping');

    expect(stderr).toContain(
      '--to shipping is for `redrive unrouted`: dead letters of billing go back to billing',
    );
    expect(code).toBe(2);
  });
});
