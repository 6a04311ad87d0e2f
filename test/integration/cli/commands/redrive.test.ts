import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Message } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { generateEvents } from '../../../../cli/publishing/test-events.ts';
import { orderEvents } from '../../../../domain/events.ts';
import { type Order, requiresShipping } from '../../../../domain/order.ts';
import {
  attribute,
  type DeadLetterStack,
  type NewLetter,
  readJsonLines,
  startDeadLetterStack,
} from '../../../fixtures/dead-letter-stack.ts';
import { anItem, anOrder } from '../../../fixtures/order-fixtures.ts';
import { killRuns } from '../../../fixtures/run.ts';

let stack: DeadLetterStack;
beforeAll(async () => {
  stack = await startDeadLetterStack({ hasArchive: true });
});
afterEach(() => stack.clear());
afterAll(async () => {
  killRuns();
  await stack.stop();
});

const SLOW_DOWN = { error: 'Throttling', message: 'slow down' };
const NOT_JSON = { body: 'no order', reason: { error: 'NotJson', message: 'no' } };
/** Letters of valid orders, different ones for each seed. */
const letters = (count: number, seed: number): NewLetter[] =>
  generateEvents({ count, seed }).map(({ body }) => ({ body, reason: SLOW_DOWN }));
const sorted = (those: readonly NewLetter[]) => those.map(({ body }) => body).sort();
/** Two orders that every consumer takes, once their attributes are right. */
const [first, second, third] = generateEvents({ count: 40, seed: 15 })
  .map(({ body }) => JSON.parse(body) as Order)
  .filter(requiresShipping) as [Order, Order, Order];
const json = JSON.stringify;
const write = (name: string, ...lines: unknown[]) => {
  const file = path.join(stack.directory, name);
  fs.writeFileSync(file, lines.map((line) => `${json(line)}\n`).join(''));
  return file;
};
const redrive = (...args: string[]) => stack.command('redrive', ...args);
const attributesOf = ({ MessageAttributes = {} }: Message) =>
  Object.fromEntries(Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]));

describe('all letters', () => {
  test('go back to their consumer and no other: nothing lost, nothing twice, and it is recorded', async () => {
    const all = letters(500, 1);
    await stack.fill('billing', all);
    await stack.fill('shipping', letters(1, 2));

    const { code, stdout, stderr } = await redrive('billing');

    expect(await stack.bodies('billing')).toEqual(sorted(all));
    const depths = ['billing-dlq', 'shipping-dlq', 'shipping'].map((queue) => stack.total(queue));
    expect(await Promise.all(depths)).toEqual([0, 1, 0]);
    expect(stdout).toMatch(/^Sent 500 of 500 dead letters back to billing in \d+\.\d s\n$/);
    expect(stderr).toMatch(
      /^Moving\n(Moving: \d+ of 500\n)*Moved 500\n\nNext:\n {2}npm run orders -- status --local\n$/,
    );
    expect(code).toBe(0);
    const counts = { letters: 500, sent: 500, cameBack: 0 };
    expect(stack.operations()).toMatchObject([
      {
        who: 'local',
        stack: 'OrderFanOut-dev',
        consumer: 'billing',
        what: 'all',
        outcome: 'done',
        ...counts,
      },
    ]);
    expect((await redrive('billing', '--history')).stdout).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}billing: all\n {2}500 of 500 letters sent, 0 came back; done\n {2}by local\n$/,
    );
  });

  test('stay or went after Ctrl-C, which cancels the move and says how many went', async () => {
    const all = letters(300, 3);
    await stack.fill('billing', all);

    const run = stack.start('redrive', 'billing', '--rate', '20');
    await stack.arrived(run, 'billing', 5);
    run.interrupt();
    const { code, stdout, stderr } = await run.ended;

    const sent = await stack.bodies('billing');
    expect(code).toBe(130);
    expect(sent.length).toBeGreaterThanOrEqual(5);
    expect(sent.length).toBeLessThan(300);
    expect([...sent, ...(await stack.bodies('billing-dlq'))].sort()).toEqual(sorted(all));
    expect(stdout).toMatch(new RegExp(`^Sent ${sent.length} of 300 dead letters back`));
    expect(stderr).toContain('Stopped: interrupted.');
    expect(stack.operations()).toMatchObject([{ sent: sent.length, outcome: 'stopped: interrupted' }]);
  });

  test('stay once some come back, and it says why they did', async () => {
    await stack.fill('billing', letters(60, 4));
    const consumer = stack.consume('billing', () => ({ error: 'StillBroken', message: 'as before' }));

    const { code, stdout, stderr } = await redrive('billing', '--rate', '50');
    await consumer.stop();

    expect(stdout).toMatch(/came back, or were dead-lettered since:\n.*StillBroken: as before/);
    expect(stderr).toContain(
      'Stopped: letters came back.\n\nNext:\n  npm run orders -- failed billing --local',
    );
    expect(code).toBe(1);
    expect((await stack.total('billing')) + (await stack.total('billing-dlq'))).toBe(60);
  });

  test('are none: nothing is done, and nothing recorded', async () => {
    expect(await redrive('billing')).toEqual({
      code: 0,
      stdout: 'billing: no dead letters\n',
      stderr: 'Nothing was sent back.\n',
    });
    expect(stack.operations()).toEqual([]);
  });
});

describe('a selection', () => {
  test('is sent with its original attributes, and the others stay', async () => {
    const displaced = { later: { dataType: 'String', stringValue: 'put back' } };
    const bytes = { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) };
    const [wanted, other] = letters(2, 5) as [NewLetter, NewLetter];
    const attributes = {
      eventType: attribute('order.placed'),
      bytes,
      DeadLetterContext: attribute(json({ displaced })),
    };
    await stack.fill('billing', [
      { ...wanted, attributes },
      { ...NOT_JSON, body: other.body },
      { body: 'crashed' },
    ]);

    const { code, stdout } = await redrive('billing', '--reason', 'throttling');

    expect(await stack.take('billing')).toEqual([
      expect.objectContaining({
        Body: wanted.body,
        MessageAttributes: {
          eventType: expect.objectContaining(attribute('order.placed')),
          bytes: expect.objectContaining(bytes),
          later: expect.objectContaining(attribute('put back')),
        },
      }),
    ]);
    expect(await stack.bodies('billing-dlq')).toEqual([other.body, 'crashed'].sort());
    expect(stdout).toMatch(/^Sent 1 of 1 dead letter back to /);
    expect(code).toBe(0);
  });

  test('is limited by order and number', async () => {
    const all = letters(30, 6);
    await stack.fill('billing', all);
    const { orderId } = JSON.parse(all[7]?.body ?? '') as Order;

    await redrive('billing', '--order', orderId);
    const ofOrder = await stack.bodies('billing');
    await redrive('billing', '--limit', '12');

    expect(ofOrder).toEqual([all[7]?.body]);
    expect(await stack.bodies('billing')).toHaveLength(12);
    expect(await stack.depth('billing-dlq')).toEqual({ visible: 17, hidden: 0 });
    expect(stack.operations().map(({ what }) => what)).toEqual([`order ${orderId}`, 'at most 12']);
  });

  test('stays with --dry-run, which is not recorded', async () => {
    await stack.fill('billing', [...letters(3, 7), { body: 'no order', reason: SLOW_DOWN }]);

    const { code, stdout, stderr } = await redrive('billing', '--reason', 'slow down', '--dry-run');

    expect(stdout).toMatch(
      /^billing: 4 dead letters \(reason "slow down"\)\n {2}4 {2}Throttling: slow down\n/,
    );
    expect(stderr).toContain('Nothing was sent back.\n1 of them would come back: no valid order.');
    expect(stderr).toContain("npm run orders -- redrive billing --reason 'slow down' --canary --local");
    expect(code).toBe(0);
    expect(await stack.depth('billing-dlq')).toEqual({ visible: 4, hidden: 0 });
    expect(await stack.total('billing')).toBe(0);
    expect(stack.operations()).toEqual([]);
  });

  test('is in one queue or the other, or both, when the command is killed', async () => {
    const all = letters(80, 8);
    await stack.fill('billing', all);

    const run = stack.startProcess('redrive', 'billing', '--limit', '80', '--rate', '100');
    await stack.arrived(run, 'billing', 20);
    run.kill();
    await run.ended;

    const sent = new Set(await stack.bodies('billing'));
    expect(sent.size).toBeLessThan(80);
    expect(sent.size + (await stack.total('billing-dlq'))).toBeGreaterThanOrEqual(80);
    expect(stack.operations()).toEqual([expect.not.objectContaining({ outcome: expect.anything() })]);
    expect((await redrive('--history')).stdout).toContain('it has not said how it ended');
  });
});

describe('a canary', () => {
  test('that is processed lets the others follow', async () => {
    await stack.fill('billing', [NOT_JSON, ...letters(25, 11)]);
    const consumer = stack.consume('billing');

    const { code, stdout, stderr } = await redrive('billing', '--canary', '--reason', 'Throttling');
    await consumer.stop();

    expect(stderr).toMatch(/The canary, order test-b-o0000\d\d, was processed\n/);
    expect(stdout).toMatch(/^Sent 25 of 25 dead letters back to /);
    expect(code).toBe(0);
    expect(await stack.bodies('billing-dlq')).toEqual(['no order']);
    expect(stack.operations()).toMatchObject([{ what: 'reason "Throttling", a canary first', sent: 25 }]);
  });

  test('that comes back keeps the others where they are', async () => {
    const [twin] = letters(1, 13) as [NewLetter];
    await stack.fill('billing', [...letters(10, 13), twin]);
    const given: string[] = [];
    const consumer = stack.consume('billing', (body) => {
      given.push(body);
      return { error: 'StillBroken', message: 'as before' };
    });

    const { code, stdout, stderr } = await redrive('billing', '--canary');
    await consumer.stop();

    expect(given).toHaveLength(1);
    expect(stdout).toMatch(
      /^Sent 1 of 11 dead letters .*\n1 came back, or were dead-lettered since:\n {2}1 {2}StillBroken: as before\n/,
    );
    expect(stderr).toContain('Stopped: the canary came back.');
    expect(code).toBe(1);
    expect(await stack.total('billing-dlq')).toBe(11);
  });

  test('that does not end in time keeps the others where they are, and can be traced', async () => {
    await stack.fill('billing', letters(2, 14));

    const { code, stderr } = await redrive('billing', '--canary', '--timeout', '1');

    expect(stderr).toContain('Stopped: the canary has not ended within 1 s.');
    expect(stderr).toMatch(/npm run orders -- trace test-e-o00000\d --local/);
    expect(code).toBe(1);
    expect(await stack.total('billing')).toBe(1);
  });

  test('is not even sent where no letter can succeed', async () => {
    await stack.fill('billing', [NOT_JSON]);

    const { code, stderr } = await redrive('billing', '--canary');

    expect(stderr).toContain(
      'None of 1 letter holds a valid order, so none can succeed: correct them with --edit',
    );
    expect(code).toBe(1);
    expect(await stack.total('billing-dlq')).toBe(1);
  });
});

describe('corrections', () => {
  const reason = { error: 'SchemaViolation', message: 'total must be …' };
  const broken = (order: Order) => json({ ...order, total: -1 });

  test('take the place of the letters they name, and get the attributes of their orders', async () => {
    const attributes = { requiresShipping: attribute('false'), kept: attribute('yes') };
    await stack.fill(
      'shipping',
      [first, second, third].map((order) => ({ body: broken(order), attributes, reason })),
    );
    const exported = path.join(stack.directory, 'letters.jsonl');
    await stack.command('failed', 'shipping', '--export', exported);
    const letter = readJsonLines(exported).find(({ orderId }) => orderId === first.orderId);

    const { code } = await redrive(
      'shipping',
      '--edit',
      write('edits', { ...letter, body: json(first) }, second),
    );

    const sent = await stack.take('shipping');
    expect(sent.map(({ Body }) => Body).sort()).toEqual([json(first), json(second)].sort());
    for (const message of sent) {
      expect(attributesOf(message)).toEqual({
        eventType: 'order.placed',
        kept: 'yes',
        requiresShipping: 'true',
        schemaVersion: '1',
      });
    }
    expect(await stack.bodies('shipping-dlq')).toEqual([broken(third)]);
    expect(code).toBe(0);
  });

  const { shippingAddress: _, ...unshipped } = first;
  const digital = { ...unshipped, items: first.items.map((item) => ({ ...item, requiresShipping: false })) };
  test.each<[string, unknown[], string]>([
    ['no valid order', [first, { orderId: second.orderId, body: broken(second) }], 'edits:2: total must'],
    ['no dead letter', [first, third], `:2: ${third.orderId} is not a dead letter of shipping`],
    [
      'an order that is not for the consumer',
      [digital],
      `:1: ${first.orderId} becomes an order that shipping does not get`,
    ],
  ])('are not sent if one of them is %s', async (_, lines, message) => {
    await stack.fill(
      'shipping',
      [first, second].map((order) => ({ body: broken(order), reason })),
    );

    const { code, stderr } = await redrive('shipping', '--edit', write('edits', ...lines));

    expect(stderr).toContain(message);
    expect(stderr).toContain('Nothing was sent back.');
    expect(code).toBe(1);
    expect(await stack.depth('shipping-dlq')).toEqual({ visible: 2, hidden: 0 });
    expect(await stack.total('shipping')).toBe(0);
  });

  test('are continued after the command was killed: none is lost, and none refused', async () => {
    // What a killed command has hidden becomes visible after seconds.
    const fast = await startDeadLetterStack({ timeScale: 30 });
    const orders = generateEvents({ count: 60, seed: 16 }).map(({ body }) => JSON.parse(body) as Order);
    await fast.fill(
      'billing',
      orders.map((order) => ({ body: broken(order), reason })),
    );
    const args = ['redrive', 'billing', '--edit', write('corrected', ...orders)];

    const killed = fast.startProcess(...args, '--rate', '60');
    await fast.arrived(killed, 'billing', 20);
    killed.kill();
    await killed.ended;
    while ((await fast.depth('billing-dlq')).hidden > 0) await setTimeout(50);
    const left = (await fast.depth('billing-dlq')).visible;
    const { code, stderr } = await fast.command(...args);
    const again = await fast.command(...args);
    const sent = new Set(await fast.bodies('billing'));
    await fast.stop();
    process.env.LOCAL_RUN_DIRECTORY = stack.directory;

    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(60);
    expect(stderr).toContain(`${60 - left} of 60 corrections were sent before (${args[3]}.sent)\n`);
    expect(code).toBe(0);
    expect([...sent]).toEqual(orders.map((order) => json(order)).sort());
    expect(fs.existsSync(`${args[3]}.sent`)).toBe(false);
    expect(again.stderr).toContain('is not a dead letter of billing');
  });
});

describe('unrouted messages', () => {
  const CANCELLED = { eventType: attribute('order.cancelled') };
  const WITHOUT_TYPE = { traceId: attribute('1') };

  test('with a valid order are published with the attributes of the order, and their own beside them', async () => {
    await stack.publish(json(first), { ...CANCELLED, ...WITHOUT_TYPE });

    const { code, stdout } = await redrive('unrouted');

    expect(stdout).toMatch(/^Sent 1 of 1 message to the topic in \d+\.\d s\n$/);
    expect(code).toBe(0);
    for (const consumer of ['billing', 'shipping']) {
      const MessageAttributes = expect.objectContaining({
        ...orderEvents.attributesOf(first),
        traceId: expect.objectContaining(WITHOUT_TYPE.traceId),
      });
      expect(await stack.take(consumer)).toMatchObject([{ Body: json(first), MessageAttributes }]);
    }
    expect(await stack.total('unrouted')).toBe(0);
    expect(stack.operations()).toMatchObject([
      { consumer: 'unrouted', what: 'all', letters: 1, sent: 1, outcome: 'done' },
    ]);
  });

  test('stay, by name, if still no consumer takes them; that the archive takes everything does not count', async () => {
    await stack.publish(json(first), CANCELLED);
    await stack.publish('{"orderId":"4711"}', CANCELLED);
    await stack.publish('gibberish', WITHOUT_TYPE);

    const dry = await redrive('unrouted', '--dry-run');
    const { code, stdout, stderr } = await redrive('unrouted');

    expect(dry.stderr).toContain('2 of them would come back: no consumer takes them.');
    expect(stdout).toMatch(/^Sent 1 of 3 messages to the topic/);
    expect(stderr).toContain('4711 stays: no consumer takes eventType "order.cancelled"\n');
    expect(stderr).toMatch(/\n[\da-f-]{36} stays: no consumer takes a message without eventType\n/);
    expect(code).toBe(1);
    expect((await stack.depth('unrouted')).visible).toBe(2);
  });

  test('go only to the consumer that --to names', async () => {
    await stack.publish(json(first), CANCELLED);

    const { code, stdout } = await redrive('unrouted', '--to', 'shipping');

    expect(stdout).toMatch(/^Sent 1 of 1 message to shipping in /);
    expect(code).toBe(0);
    expect(await stack.total('billing')).toBe(0);
    const [message, ...others] = await stack.take('shipping');
    expect(others).toEqual([]);
    expect(attributesOf(message ?? {})).toMatchObject({ eventType: 'order.placed' });
    expect(stack.operations()).toMatchObject([{ what: 'all, to shipping' }]);
  });

  test('stay if the consumer that --to names filters them out, or SNS would discard them', async () => {
    const digital = anOrder({ orderId: 'digital', items: [anItem({ requiresShipping: false })] });
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`own${n}`, attribute('1')]));
    await stack.publish(json(digital), CANCELLED);
    await stack.publish(json(first), { ...CANCELLED, ...many });

    const dry = await redrive('unrouted', '--to', 'shipping', '--dry-run');
    const { code, stderr } = await redrive('unrouted', '--to', 'shipping');

    expect(dry.stderr).toContain('2 of them would come back: no consumer takes them.');
    expect(stderr).toContain(
      'digital stays: shipping does not take eventType "order.placed" with its attributes',
    );
    expect(stderr).toContain(`${first.orderId} stays: it would have 12 attributes; 10 are allowed`);
    expect(code).toBe(1);
    expect((await stack.depth('unrouted')).visible).toBe(2);
  });

  test.each<[string, NewLetter['reason'] | undefined, said: string, code: number, left: number]>([
    ['follow once all consumers have processed the canary', undefined, 'was processed', 0, 0],
    ['stay if one consumer refuses the canary', { error: 'Any', message: 'bad' }, 'came back', 1, 1],
  ])('%s', async (_, refusal, said, exitCode, left) => {
    // What billing dead-lettered before does not count.
    const orders = generateEvents({ count: 40, seed: 20 + exitCode })
      .map(({ body }) => JSON.parse(body) as Order)
      .filter(requiresShipping)
      .slice(0, 2);
    await stack.fill('billing', [{ body: json(orders[0]), reason: SLOW_DOWN }]);
    for (const order of orders) await stack.publish(json(order), CANCELLED);
    const consumers = [stack.consume('billing'), stack.consume('shipping', () => refusal)];

    const { code, stderr } = await redrive('unrouted', '--canary');
    await Promise.all(consumers.map((each) => each.stop()));

    expect(stderr).toContain(said);
    expect(code).toBe(exitCode);
    expect(await stack.total('unrouted')).toBe(left);
  });
});

describe('dead letters of the archive', () => {
  test('go back whatever they hold, and need no correction', async () => {
    await stack.fill('archive', [{ ...NOT_JSON, body: 'gibberish' }]);

    const failed = await stack.command('failed', 'archive');
    const dry = await redrive('archive', '--reason', 'NotJson', '--dry-run');
    const { code, stdout } = await redrive('archive', '--reason', 'NotJson');

    expect(failed.stderr).toContain('npm run orders -- redrive archive --local\n');
    expect(dry.stderr).not.toContain('would come back');
    expect(stdout).toContain('Sent 1 of 1 dead letter back to archive');
    expect(code).toBe(0);
    expect(await stack.bodies('archive')).toEqual(['gibberish']);
  });

  test('do not matter to trace: an order is done once every consumer with records has it', async () => {
    const order = anOrder({ orderId: 'o-1' });
    const consumers = ['billing', 'shipping'].map((name) => stack.consume(name));
    await stack.publish(json(order), orderEvents.attributesOf(order));

    const { code, stdout } = await stack.command('trace', 'o-1', '--follow', '--timeout', '20');
    await Promise.all(consumers.map((each) => each.stop()));

    expect(stdout).not.toContain('archive');
    expect(code).toBe(0);
  });
});
