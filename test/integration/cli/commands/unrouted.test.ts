/** Messages that no consumer's subscription asks for: seen, sent on, taken away. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type DeadLetterStack, startDeadLetterStack } from '../../../fixtures/dead-letter-stack.ts';
import { CANCELLED, first, second, WITHOUT_TYPE } from '../../../fixtures/unrouted-messages.ts';

let stack: DeadLetterStack;
beforeEach(async () => {
  stack = await startDeadLetterStack();
});
afterEach(() => stack.stop());

const file = (name: string) => path.join(stack.directory, name);
const held = async (queue: string) => {
  const { visible, hidden } = await stack.depth(queue);
  return visible + hidden;
};

describe('failed', () => {
  test('groups them by the eventType that nobody takes', async () => {
    await stack.publish(first.body, CANCELLED);
    await stack.publish(second.body, CANCELLED);
    await stack.publish('gibberish', WITHOUT_TYPE);

    const { code, stdout, stderr } = await stack.orders('failed', 'unrouted');

    expect(stdout).toMatch(
      /^unrouted: 3 messages\n {2}2 {2}eventType "order\.cancelled"\n .*\n {2}1 {2}no eventType\n .*\n$/,
    );
    expect(stderr).toContain('npm run orders -- redrive unrouted --canary --local');
    expect(code).toBe(1);
    expect((await stack.depth('unrouted')).visible).toBe(3);
  });

  test('saves and shows those asked for, and tells programs of them', async () => {
    await stack.publish(first.body, CANCELLED);
    await stack.publish('gibberish', WITHOUT_TYPE);

    const saved = await stack.orders('failed', 'unrouted', '--reason', 'CANCELLED', '--export', file('out'));
    const json = await stack.orders('failed', '--json');

    expect(saved.stdout).toContain('unrouted: 1 message (reason "CANCELLED")');
    expect(JSON.parse(fs.readFileSync(file('out'), 'utf8'))).toMatchObject({
      consumer: 'unrouted',
      body: first.body,
      attributes: { eventType: { StringValue: 'order.cancelled' } },
    });
    expect(JSON.parse(json.stdout)).toMatchObject({
      consumers: { billing: { deadLetters: 0 }, shipping: { deadLetters: 0 } },
      unrouted: { messages: 2 },
    });
  });

  test('of all says nothing of them where there are none', async () => {
    const { code, stdout } = await stack.orders('failed');

    expect(stdout).toBe('billing: no dead letters\nshipping: no dead letters\n');
    expect(code).toBe(0);
  });
});

describe('status', () => {
  test('tells of them, and what to type next', async () => {
    await stack.publish(first.body, CANCELLED);

    const { code, stdout } = await stack.orders('status');
    const json = await stack.orders('status', '--json');

    expect(stdout).toContain("\nunrouted: 1 message that no consumer's subscription asks for\n");
    expect(stdout).toContain('Next: npm run orders -- failed unrouted --local');
    expect(code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, unrouted: 1 });
  });

  test('says nothing of them where there are none', async () => {
    const { code, stdout } = await stack.orders('status');

    expect(stdout).not.toContain('unrouted');
    expect(code).toBe(0);
  });
});

test('trace finds an order among them, and says how to send it on', async () => {
  await stack.publish(first.body, CANCELLED);

  const { code, stdout } = await stack.orders('trace', first.orderId);
  const json = await stack.orders('trace', first.orderId, '--json');

  expect(stdout).toMatch(/^unrouted +eventType "order\.cancelled", which no consumer takes/m);
  expect(stdout).toMatch(/^billing +filtered out/m);
  expect(stdout).toContain(`npm run orders -- redrive unrouted --order ${first.orderId} --local`);
  expect(code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({ known: true, ok: false, unrouted: [{}] });
});

test('purge saves what it takes away', async () => {
  await stack.publish('gibberish', WITHOUT_TYPE);
  await stack.publish(first.body, CANCELLED);

  const { code, stdout } = await stack.orders(
    ...['purge', 'unrouted', '--dead-letters', '--reason', 'no eventType', '--yes', '--export', file('gone')],
  );

  expect(stdout).toContain('Deleted 1 of 1 message of unrouted');
  expect(code).toBe(0);
  expect(JSON.parse(fs.readFileSync(file('gone'), 'utf8'))).toMatchObject({ body: 'gibberish' });
  expect(await held('unrouted')).toBe(1);
});
