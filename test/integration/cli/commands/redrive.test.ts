import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Message } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { generateOrders } from '../../../../cli/orders/test-orders.ts';
import { type Order, requiresShipping } from '../../../../contract/order.ts';
import {
  attribute,
  type DeadLetterStack,
  type NewLetter,
  startDeadLetterStack,
} from '../../../fixtures/dead-letter-stack.ts';
import { type Ended, killRuns } from '../../../fixtures/run.ts';

let stack: DeadLetterStack;
beforeAll(async () => {
  stack = await startDeadLetterStack(25);
});
afterAll(async () => {
  killRuns();
  await stack.stop();
});

const file = (name: string) => path.join(stack.directory, name);
const bodiesOf = (messages: readonly Message[]) => messages.map(({ Body = '' }) => Body).sort();
/** Letters of valid orders, different ones for each seed. */
const letters = (count: number, seed: number, error = 'Throttling'): NewLetter[] =>
  generateOrders({ count, seed }).map(({ body }) => ({ body, reason: { error, message: 'slow down' } }));
const sorted = (those: readonly NewLetter[]) => those.map(({ body }) => body).sort();
const total = async (queue: string) => {
  const { visible, hidden } = await stack.depth(queue);
  return visible + hidden;
};
/** What is on record of a consumer's redrives: their beginnings, and their ends. */
const history = (consumer: string) => {
  const log = path.join(stack.directory, 'operations.jsonl');
  const entries = fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trimEnd().split('\n') : [];
  const parsed = entries.map((line) => JSON.parse(line));
  return parsed
    .filter((entry) => entry.consumer === consumer)
    .map((begun) => ({ ...begun, ...parsed.find(({ id, event }) => event === 'ended' && id === begun.id) }));
};
/** Resolves once so many have reached the queue. */
const arrived = async (run: { ended: Promise<Ended> }, queue: string, count: number) => {
  let isOver = false;
  void run.ended.then(() => {
    isOver = true;
  });
  while (!isOver && (await total(queue)) < count) await setTimeout(20);
};

describe('all of them', () => {
  test.concurrent('letters go back to their consumer and no other: nothing lost, nothing twice', async () => {
    const name = stack.next();
    const all = letters(500, 1);
    await stack.fill(name, all);
    const other = stack.next();
    await stack.fill(other, letters(1, 2));

    const { code, stdout, stderr } = await stack.orders('redrive', name);

    expect(bodiesOf(await stack.take(name))).toEqual(sorted(all));
    expect(await total(`${name}-dlq`)).toBe(0);
    expect(await total(`${other}-dlq`)).toBe(1);
    expect(await total(other)).toBe(0);
    expect(stdout).toMatch(/^Sent 500 of 500 dead letters back to \w+ in \d+\.\d s\n$/);
    expect(stderr).toMatch(
      /^Moving\n(Moving: \d+ of 500\n)*Moved 500\n\nNext:\n {2}npm run orders -- status --local\n$/,
    );
    expect(code).toBe(0);
    expect(history(name)).toEqual([
      expect.objectContaining({
        who: 'local',
        stack: 'OrderFanOut-dev',
        consumer: name,
        what: 'all',
        letters: 500,
        sent: 500,
        cameBack: 0,
        outcome: 'done',
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      }),
    ]);
    expect((await stack.orders('redrive', name, '--history')).stdout).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}\w+: all\n {2}500 of 500 letters sent, 0 came back; done\n {2}by local\n$/,
    );
  });

  test.concurrent('Ctrl-C cancels the move, says how many went, and loses none', async () => {
    const name = stack.next();
    const all = letters(300, 3);
    await stack.fill(name, all);

    const run = stack.start('redrive', name, '--rate', '20');
    await arrived(run, name, 5);
    run.interrupt();
    const { code, stdout, stderr } = await run.ended;

    const sent = await stack.take(name);
    const left = await stack.take(`${name}-dlq`);
    expect(code).toBe(130);
    expect(sent.length).toBeGreaterThanOrEqual(5);
    expect(sent.length).toBeLessThan(300);
    expect(bodiesOf([...sent, ...left])).toEqual(sorted(all));
    expect(stdout).toMatch(new RegExp(`^Sent ${sent.length} of 300 dead letters back`));
    expect(stderr).toContain('Stopped: interrupted.');
    expect(history(name)).toEqual([
      expect.objectContaining({ sent: sent.length, outcome: 'stopped: interrupted' }),
    ]);
  });

  test.concurrent('stops when letters come back, and says why they did', async () => {
    const name = stack.next();
    await stack.fill(name, letters(60, 4));
    const consumer = stack.consume(name, () => ({ error: 'StillBroken', message: 'as before' }));

    const { code, stdout, stderr } = await stack.orders('redrive', name, '--rate', '50');
    await consumer.stop();

    expect(stdout).toContain('came back, or were dead-lettered since:');
    expect(stdout).toContain('StillBroken: as before');
    expect(stderr).toContain(
      `Stopped: letters came back.\n\nNext:\n  npm run orders -- failed ${name} --local`,
    );
    expect(code).toBe(1);
    expect((await total(name)) + (await total(`${name}-dlq`))).toBe(60);
  });

  test.concurrent('nothing is done, and nothing recorded, where there is none', async () => {
    const name = stack.next();
    const { code, stdout, stderr } = await stack.orders('redrive', name);

    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `${name}: no dead letters\n`,
      stderr: 'Nothing was sent back.\n',
    });
    expect(history(name)).toEqual([]);
  });
});

describe('a selection', () => {
  test.concurrent('is sent as it was before it died, and the others stay', async () => {
    const name = stack.next();
    const displaced = { later: { dataType: 'String', stringValue: 'put back' } };
    const attributes = {
      eventType: attribute('order.placed'),
      bytes: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255]) },
    };
    const [wanted, other] = letters(2, 5) as [NewLetter, NewLetter];
    await stack.fill(name, [
      {
        body: wanted.body,
        attributes: { ...attributes, DeadLetterContext: attribute(JSON.stringify({ displaced })) },
        reason: { error: 'Throttling', message: 'slow down' },
      },
      { body: other.body, reason: { error: 'NotJson', message: 'no' } },
      { body: 'crashed' },
    ]);

    const { code, stdout } = await stack.orders('redrive', name, '--reason', 'throttling');

    const [sent, ...more] = await stack.take(name);
    expect(sent?.Body).toBe(wanted.body);
    expect(sent?.MessageAttributes).toEqual({
      eventType: expect.objectContaining({ DataType: 'String', StringValue: 'order.placed' }),
      bytes: expect.objectContaining({ DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) }),
      later: expect.objectContaining({ DataType: 'String', StringValue: 'put back' }),
    });
    expect(more).toEqual([]);
    expect(bodiesOf(await stack.take(`${name}-dlq`))).toEqual([other.body, 'crashed'].sort());
    expect(stdout).toMatch(/^Sent 1 of 1 dead letter back to /);
    expect(code).toBe(0);
  });

  test.concurrent('is limited by order and number', async () => {
    const name = stack.next();
    const all = letters(30, 6);
    await stack.fill(name, all);
    const { orderId } = JSON.parse(all[7]?.body ?? '') as Order;

    await stack.orders('redrive', name, '--order', orderId);
    expect(bodiesOf(await stack.take(name))).toEqual([all[7]?.body]);
    await stack.orders('redrive', name, '--limit', '12');

    expect(await stack.take(name)).toHaveLength(12);
    expect(await stack.depth(`${name}-dlq`)).toEqual({ visible: 17, hidden: 0 });
    expect(history(name).map(({ what }: { what: string }) => what)).toEqual([
      `order ${orderId}`,
      'at most 12',
    ]);
  });

  test.concurrent('a look at what would be sent sends nothing and is not on record', async () => {
    const name = stack.next();
    await stack.fill(name, [
      ...letters(3, 7),
      { body: 'no order', reason: { error: 'Throttling', message: 'slow down' } },
    ]);

    const { code, stdout, stderr } = await stack.orders(
      'redrive',
      name,
      '--reason',
      'slow down',
      '--dry-run',
    );

    expect(stdout).toMatch(/^\w+: 4 dead letters \(reason "slow down"\)\n {2}4 {2}Throttling: slow down\n/);
    expect(stderr).toContain('Nothing was sent back.\n1 of them would come back: no valid order.');
    expect(stderr).toContain(`npm run orders -- redrive ${name} --reason 'slow down' --canary --local`);
    expect(code).toBe(0);
    expect(await stack.depth(`${name}-dlq`)).toEqual({ visible: 4, hidden: 0 });
    expect(await total(name)).toBe(0);
    expect(history(name)).toEqual([]);
  });

  test.concurrent('of which the command is killed is in the one queue or the other, or both', async () => {
    const name = stack.next();
    const all = letters(80, 8);
    await stack.fill(name, all);

    const run = stack.startProcess('redrive', name, '--limit', '80', '--rate', '100');
    await arrived(run, name, 20);
    run.kill();
    await run.ended;

    const sent = new Set(bodiesOf(await stack.take(name)));
    expect(sent.size).toBeLessThan(80);
    expect(sent.size + (await total(`${name}-dlq`))).toBeGreaterThanOrEqual(80);
    const [redrive] = history(name);
    expect(redrive).not.toHaveProperty('outcome');
    expect((await stack.orders('redrive', name, '--history')).stdout).toContain(
      'it has not said how it ended',
    );
  });

  test.concurrent('ends at Ctrl-C with every letter in one queue only', async () => {
    const name = stack.next();
    const all = letters(80, 9);
    await stack.fill(name, all);

    const run = stack.start('redrive', name, '--limit', '80', '--rate', '40');
    await arrived(run, name, 10);
    run.interrupt();
    const { code, stdout } = await run.ended;

    const sent = await stack.take(name);
    expect(code).toBe(130);
    expect(sent.length).toBeLessThan(80);
    expect(stdout).toContain(`Sent ${sent.length} of 80 dead letters`);
    expect(bodiesOf([...sent, ...(await stack.take(`${name}-dlq`))])).toEqual(sorted(all));
  });

  test.concurrent('does not send again what comes back', async () => {
    const name = stack.next();
    await stack.fill(name, letters(60, 10));
    const given: string[] = [];
    const consumer = stack.consume(name, (body) => {
      given.push(body);
      return { error: 'Throttling', message: 'slow down' };
    });

    const { code, stdout } = await stack.orders('redrive', name, '--reason', 'Throttling', '--rate', '60');
    await consumer.stop();

    expect(new Set(given).size).toBe(given.length);
    expect(stdout).toContain('came back, or were dead-lettered since:');
    expect(code).toBe(1);
  });
});

describe('a canary', () => {
  test.concurrent('that is processed lets the others follow', async () => {
    const name = stack.next();
    const all = letters(25, 11);
    await stack.fill(name, [{ body: 'no order', reason: { error: 'NotJson', message: 'no' } }, ...all]);
    const consumer = stack.consume(name);

    const { code, stdout, stderr } = await stack.orders(
      'redrive',
      name,
      '--canary',
      '--reason',
      'Throttling',
    );
    await consumer.stop();

    expect(stderr).toMatch(/The canary, order test-b-o0000\d\d, was processed\n/);
    expect(stdout).toMatch(/^Sent 25 of 25 dead letters back to /);
    expect(code).toBe(0);
    expect(bodiesOf(await stack.take(`${name}-dlq`))).toEqual(['no order']);
    expect(history(name)[0]).toMatchObject({ what: 'reason "Throttling", a canary first', sent: 25 });
  });

  test.concurrent('goes before a move of all', async () => {
    const name = stack.next();
    await stack.fill(name, letters(25, 12));
    const consumer = stack.consume(name);

    const { code, stdout } = await stack.orders('redrive', name, '--canary');
    await consumer.stop();

    expect(stdout).toMatch(/^Sent 25 of 25 dead letters back to /);
    expect(code).toBe(0);
    expect(await total(`${name}-dlq`)).toBe(0);
  });

  test.concurrent('that comes back keeps the others where they are', async () => {
    const name = stack.next();
    const [twin] = letters(1, 13) as [NewLetter];
    await stack.fill(name, [...letters(10, 13), twin]);
    const given: string[] = [];
    const consumer = stack.consume(name, (body) => {
      given.push(body);
      return { error: 'StillBroken', message: 'as before' };
    });

    const { code, stdout, stderr } = await stack.orders('redrive', name, '--canary');
    await consumer.stop();

    expect(given).toHaveLength(1);
    expect(stdout).toMatch(
      /^Sent 1 of 11 dead letters .*\n1 came back, or were dead-lettered since:\n {2}1 {2}StillBroken: as before\n/,
    );
    expect(stderr).toContain('Stopped: the canary came back.');
    expect(code).toBe(1);
    expect(await total(`${name}-dlq`)).toBe(11);
  });

  test.concurrent('that does not end in time keeps the others where they are, and can be traced', async () => {
    const name = stack.next();
    await stack.fill(name, letters(2, 14));

    const { code, stderr } = await stack.orders('redrive', name, '--canary', '--timeout', '1');

    expect(stderr).toContain('Stopped: the canary has not ended within 1 s.');
    expect(stderr).toMatch(/npm run orders -- trace test-e-o00000\d --local/);
    expect(code).toBe(1);
    expect(await total(name)).toBe(1);
  });

  test.concurrent('is not even sent where no letter can succeed', async () => {
    const name = stack.next();
    await stack.fill(name, [{ body: 'no order', reason: { error: 'NotJson', message: 'no' } }]);

    const { code, stderr } = await stack.orders('redrive', name, '--canary');

    expect(stderr).toContain(
      'None of 1 letter holds a valid order, so none can succeed: correct them with --edit',
    );
    expect(code).toBe(1);
    expect(await total(`${name}-dlq`)).toBe(1);
  });
});

describe('corrections', () => {
  const reason = { error: 'SchemaViolation', message: 'total must be …' };
  afterEach(() => stack.empty('shipping'));
  const shipping = generateOrders({ count: 40, seed: 15 })
    .map(({ body }) => JSON.parse(body) as Order)
    .filter(requiresShipping);
  const [first, second, third] = shipping as [Order, Order, Order];
  const broken = (order: Order) => JSON.stringify({ ...order, total: -1 });
  const edits = (...lines: unknown[]) => {
    fs.writeFileSync(file('edits.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return file('edits.jsonl');
  };

  test('take the place of the letters they name, and get the attributes of their orders', async () => {
    const attributes = { requiresShipping: attribute('false'), kept: attribute('yes') };
    await stack.fill(
      'shipping',
      [first, second, third].map((order) => ({ body: broken(order), attributes, reason })),
    );
    await stack.orders('failed', 'shipping', '--export', file('letters.jsonl'));
    const saved = fs
      .readFileSync(file('letters.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const ofFirst = saved.find(({ orderId }) => orderId === first.orderId);

    const { code } = await stack.orders(
      'redrive',
      'shipping',
      '--edit',
      edits({ ...ofFirst, body: JSON.stringify(first) }, second),
    );

    const sent = await stack.take('shipping');
    expect(bodiesOf(sent)).toEqual([JSON.stringify(first), JSON.stringify(second)].sort());
    for (const { MessageAttributes } of sent) {
      expect(
        Object.entries(MessageAttributes ?? {})
          .map(([name, { StringValue }]) => [name, StringValue])
          .sort(),
      ).toEqual([
        ['eventType', 'order.placed'],
        ['kept', 'yes'],
        ['requiresShipping', 'true'],
        ['schemaVersion', '1'],
      ]);
    }
    expect(bodiesOf(await stack.take('shipping-dlq'))).toEqual([broken(third)]);
    expect(code).toBe(0);
    fs.rmSync(file('letters.jsonl'));
  });

  test.each<[string, () => unknown[], RegExp]>([
    [
      'no valid order',
      () => [first, { orderId: second.orderId, body: broken(second) }],
      /edits\.jsonl:2: total must/,
    ],
    [
      'no dead letter',
      () => [first, third],
      new RegExp(`:2: ${third.orderId} is no dead letter of shipping`),
    ],
    [
      'an order that is not for the consumer',
      () => {
        const { shippingAddress, ...order } = first;
        return [{ ...order, items: order.items.map((item) => ({ ...item, requiresShipping: false })) }];
      },
      new RegExp(`:1: ${first.orderId} becomes an order that shipping does not get`),
    ],
  ])('send nothing where one of them is %s', async (_, lines, message) => {
    await stack.fill(
      'shipping',
      [first, second].map((order) => ({ body: broken(order), reason })),
    );

    const { code, stderr } = await stack.orders('redrive', 'shipping', '--edit', edits(...lines()));

    expect(stderr).toMatch(message);
    expect(stderr).toContain('Nothing was sent back.');
    expect(code).toBe(1);
    expect(await stack.depth('shipping-dlq')).toEqual({ visible: 2, hidden: 0 });
    expect(await total('shipping')).toBe(0);
  });
});

test.concurrent.each([
  [['redrive'], 'Whose dead letters? Name a consumer'],
  [['redrive', 'biling'], 'No consumer "biling" in OrderFanOut-dev: it has billing, '],
  [['redrive', 'billing', '--rate', '501'], 'It must be a whole number from 1 to 500.'],
  [['redrive', 'billing', '--limit', '0'], 'It must be a whole number from 1 to'],
  [['redrive', 'billing', '--edit', 'x', '--order', '1'], 'cannot be used with'],
  [['redrive', '--history', '--canary'], 'cannot be used with'],
  [['redrive', 'billing', '--edit', 'none.jsonl'], 'Cannot read none.jsonl: there is no such file'],
])('%j is wrong usage', async (args, message) => {
  const { code, stdout, stderr } = await stack.orders(...args);

  expect(stderr).toContain(message);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});
