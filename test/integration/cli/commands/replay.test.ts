/** The command that sends messages of the archive to a consumer once more. */
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ArchivedMessage } from '../../../../contract/archive.ts';
import { originalAttributes } from '../../../../contract/dead-letter.ts';
import { type DeadLetterStack, startDeadLetterStack } from '../../../fixtures/dead-letter-stack.ts';
import { aCancellation, anItem, anOrder } from '../../../fixtures/order-fixtures.ts';
import { archivedEvent, archivedMessage } from '../../../fixtures/test-archive.ts';

let stack: DeadLetterStack;
beforeAll(async () => {
  stack = await startDeadLetterStack({ hasArchive: true });
});
afterAll(() => stack.stop());

// Records stay: a test with a canary has orders of its own.
beforeEach(async () => {
  await stack.archive.clear();
  await stack.clear();
});

const DAY = ['--from', '2026-11-22', '--to', '2026-11-23'];
const replay = (...args: string[]) => stack.command('replay', ...args);
const digital = anItem({ requiresShipping: false });
const order = (orderId: string, more: Partial<ArchivedMessage> = {}, items = [anItem()]) =>
  archivedEvent(anOrder({ orderId, items }), more);
const orderIdOf = (body = '') => JSON.parse(body).orderId;

describe('what is sent', () => {
  test('is what the subscription of the consumer takes, as it was published, and to no other consumer', async () => {
    const shipping = order('o-ships', { groupId: 'customer-1' });
    const blob = { dataType: 'Binary', binaryValue: Buffer.from([0, 255]).toString('base64') };
    const ships = { ...shipping, attributes: { ...shipping.attributes, blob } };
    await stack.archive.put(
      ships,
      order('o-digital', {}, [digital]),
      archivedMessage('{"no": "attributes"}'),
    );

    const { code, stdout } = await replay('shipping', ...DAY);

    expect(stdout).toMatch(/^Sent 1 message to shipping in [\d.]+ s \(3 read\)\n$/);
    expect(code).toBe(0);
    const [message, ...others] = await stack.take('shipping');
    expect(others).toEqual([]);
    expect(message?.Body).toBe(ships.body);
    expect(message?.MessageAttributes).toEqual({
      eventType: { DataType: 'String', StringValue: 'order.placed' },
      schemaVersion: { DataType: 'String', StringValue: '1' },
      requiresShipping: { DataType: 'String', StringValue: 'true' },
      blob: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) },
    });
    expect((await stack.depth('billing')).visible).toBe(0);
    expect((await stack.depth('unrouted')).visible).toBe(0);
  });

  test('can be narrowed down to an order, and to a type of event', async () => {
    const cancelled = aCancellation({ orderId: 'o-1' });
    await stack.archive.put(order('o-1'), order('o-10'), order('o-2'), archivedEvent(cancelled));

    const byOrder = await replay('billing', ...DAY, '--order', 'o-1', '--json');
    const byType = await replay('billing', ...DAY, '--type', 'order.placed', '--json');

    // Billing is subscribed to orders alone here.
    expect(JSON.parse(byOrder.stdout)).toMatchObject({
      read: 4,
      wanted: 1,
      sent: 1,
      byType: { 'order.placed': 1 },
    });
    expect(JSON.parse(byType.stdout)).toMatchObject({ read: 4, wanted: 3, sent: 3 });
    expect((await stack.bodies('billing')).map(orderIdOf)).toEqual(['o-1', 'o-1', 'o-10', 'o-2']);
  });

  test('is nothing with --dry-run, which counts it by type', async () => {
    await stack.archive.put(order('o-1'), order('o-2'), archivedEvent(aCancellation()));

    const { code, stdout, stderr } = await replay('billing', ...DAY, '--dry-run');

    expect(stdout).toBe('2 messages of 3 would be sent to billing:\norder.placed  2\n');
    expect(stderr).toContain(
      'npm run orders -- replay billing --from 2026-11-22T00:00:00.000Z --to 2026-11-23T00:00:00.000Z --canary --local',
    );
    expect(code).toBe(0);
    expect((await stack.depth('billing')).visible).toBe(0);
    expect((await stack.command('redrive', '--history')).stdout).toContain('No redrive is recorded');
  });
});

describe('what cannot be read or sent', () => {
  test('is skipped and named, and nothing else is lost', async () => {
    await stack.archive.put(order('o-1'));
    await stack.archive.putAs('orders/dt=2026-11-22/hh=17/\u001b[31mred.txt', Buffer.from('hello'));
    await stack.archive.putAs(
      `orders/dt=2026-11-22/hh=18/2026-11-22T18:00:00.000Z-${'0'.repeat(64)}.jsonl.gz`,
      gzipSync('{"messageId":1}\n'),
    );
    await stack.archive.put(order('o-2', { sentAt: '2026-11-22T19:00:00.000Z' }));

    const { code, stdout, stderr } = await replay('billing', ...DAY);

    expect(stdout).toContain('Sent 2 messages');
    expect(stderr).toContain('2 objects skipped:\n');
    expect(stderr).toContain('hh=17/\u{fffd}[31mred.txt: its key is not one of the archive');
    expect(stderr).toContain('jsonl.gz: its content does not match the digest in its key');
    expect(code).toBe(1);
  });

  test('is named where SQS refuses single messages', async () => {
    const unsendable = { ...order('o-2'), body: 'a character that SQS does not take: \u0001' };
    await stack.archive.put(order('o-1'), unsendable, order('o-3'));

    const { code, stdout, stderr } = await replay('billing', ...DAY);

    expect(stdout).toContain('Sent 2 messages');
    expect(stderr).toMatch(new RegExp(`Not sent: ${unsendable.messageId} \\(InvalidMessageContents`));
    expect(code).toBe(1);
  });
});

describe('the canary', () => {
  test('goes first, and the others follow when it was processed', async () => {
    await stack.archive.put(archivedMessage('no order', order('c1-1')), order('c1-2'), order('c1-3'));
    const consumer = stack.consume('billing', (body) =>
      body === 'no order' ? { error: 'NotJson', message: '' } : undefined,
    );

    const { code, stdout } = await replay('billing', ...DAY, '--canary', '--timeout', '20');
    await consumer.stop();

    expect(stdout).toContain('Sent 3 messages');
    expect(code).toBe(0);
  });

  test('is the first message that the consumer has no record of, and keeps the others back if it is refused', async () => {
    await stack.archive.put(order('c3-1'));
    await stack.archive.put(order('c3-2', { sentAt: '2026-11-22T18:00:00.000Z' }));
    await stack.archive.put(order('c3-3', { sentAt: '2026-11-22T19:00:00.000Z' }));
    let consumer = stack.consume('billing');
    await replay('billing', ...DAY, '--order', 'c3-1');
    while ((await stack.total('billing')) > 0) await setTimeout(10);
    await consumer.stop();
    consumer = stack.consume('billing', () => ({ error: 'Down', message: 'no' }));

    const { code, stdout, stderr } = await replay('billing', ...DAY, '--canary', '--timeout', '20');
    await consumer.stop();

    expect(stdout).toContain('Sent 1 message');
    expect(stderr).toContain('Stopped: the canary came back.');
    expect(stderr).toContain('It came back: Down: no\n');
    expect(stderr).toContain('npm run orders -- failed billing --local\n');
    expect(code).toBe(1);
    expect((await stack.take('billing-dlq')).map(({ Body }) => orderIdOf(Body))).toEqual(['c3-2']);
  });

  test('does not exist if everything is recorded or nothing is valid, and then nothing is sent', async () => {
    await stack.archive.put(archivedMessage('no order'));

    const { code, stdout, stderr } = await replay('billing', ...DAY, '--canary');

    expect(stdout).toContain('Sent 0 messages to billing');
    expect(stderr).toContain(
      'billing has all on record, or there is nothing valid: a canary would prove nothing.',
    );
    expect(stderr).toMatch(/replay billing --from \S+ --to \S+ --local\n$/);
    expect(code).toBe(1);
    expect((await stack.depth('billing')).visible).toBe(0);
  });
});

describe('a replay that is interrupted', () => {
  test('says where it stopped, is recorded, and continues there', async () => {
    for (let hour = 0; hour < 20; hour += 1) {
      const sentAt = `2026-11-22T${String(hour).padStart(2, '0')}:10:00.000Z`;
      await stack.archive.put(order(`o-${hour}`, { sentAt }));
    }
    const running = stack.start('replay', 'billing', ...DAY, '--rate', '10');
    await stack.arrived(running, 'billing', 2);
    running.interrupt();
    const stopped = await running.ended;
    const [, key = ''] = /--after (\S+)/.exec(stopped.stderr) ?? [];
    const before = await stack.bodies('billing');

    const rest = await replay('billing', ...DAY, '--after', key, '--json');
    const history = await stack.command('redrive', '--history', '--json');

    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain('Stopped: interrupted.');
    expect(before.length).toBeGreaterThan(0);
    expect(before.length).toBeLessThan(20);
    const ids = new Set([...before, ...(await stack.bodies('billing'))].map(orderIdOf));
    expect(ids.size).toBe(20);
    expect(JSON.parse(rest.stdout).sent).toBeLessThan(20);
    expect(JSON.parse(history.stdout).replays).toMatchObject([
      { operation: 'replay', consumer: 'billing', objects: 20, outcome: 'stopped: interrupted', after: key },
      { what: expect.stringContaining(`after ${key}`), outcome: 'done', skipped: 0 },
    ]);
  });

  test('before it sends anything has sent nothing', async () => {
    await stack.archive.put(order('o-1'));
    const running = stack.start('replay', 'billing', ...DAY);
    running.interrupt();

    const { code, stderr } = await running.ended;

    expect(code).toBe(130);
    expect(stderr).toContain('Stopped');
    expect((await stack.depth('billing')).visible).toBe(0);
  });
});

test('messages that are not archived yet are counted: of a span that ends now, and dead letters of any', async () => {
  await stack.archive.put(order('o-1'));
  await stack.fill('archive', [{ body: '{}' }]);
  await stack.publish('{}', {});

  const past = await replay('billing', ...DAY);
  const now = await replay('billing', '--from', '2026-11-22', '--json');

  expect(past.stderr).toContain(
    '1 dead letter of the archive may be of this span: repeat it after a redrive, when they are in.',
  );
  expect(past.code).toBe(1);
  expect(JSON.parse(now.stdout).notArchived).toEqual({ waiting: 1, deadLetters: 1 });
  expect(now.stderr).toContain(
    '1 message still on the way into the archive and 1 dead letter of the archive',
  );
});

test('an empty span is an error', async () => {
  const { code, stderr } = await replay('billing', ...DAY);

  expect(stderr).toContain(
    'The archive has nothing from 2026-11-22T00:00:00.000Z to 2026-11-23T00:00:00.000Z',
  );
  expect(code).toBe(1);
});

test('a replay is recorded with its selection', async () => {
  await stack.archive.put(order('o-1'));

  await replay('billing', ...DAY, '--order', 'o-1');
  const { stdout } = await stack.command('redrive', '--history');

  expect(stdout.replace(/\s+/g, ' ')).toContain(
    'billing: replay of 2026-11-22T00:00:00.000Z to 2026-11-23T00:00:00.000Z, order o-1, 1 object 1 message sent, 0 objects skipped; done by local',
  );
});

describe('archive get', () => {
  const get = (...args: string[]) => stack.command('archive', 'get', ...args);

  test('finds all messages about an order, in the order in which they came', async () => {
    const cancelled = archivedEvent(aCancellation({ orderId: 'o-1' }), {
      sentAt: '2026-11-22T17:05:00.000Z',
    });
    await stack.archive.put(cancelled, order('o-1'), order('o-11'));

    const { code, stdout, stderr } = await get('o-1', ...DAY);
    const json = await get('o-1', ...DAY, '--json');

    expect(stdout).toMatch(
      /^2026-11-22 17:00:00Z {2}order\.placed {5}message-\d+\n2026-11-22 17:05:00Z {2}order\.cancelled {2}message-\d+\n2 messages;/,
    );
    expect(stderr).toMatch(/^To read: 1 object, \d+ bytes\n/);
    expect(code).toBe(0);
    const { messages } = JSON.parse(json.stdout);
    expect(messages[1]).toEqual({ ...cancelled, eventType: 'order.cancelled' });
    expect(originalAttributes(messages[1].attributes)).toEqual(cancelled.attributes);
  });

  test('says so where there is nothing', async () => {
    const { code, stdout } = await get('o-1', ...DAY);

    expect(stdout).toBe('Nothing about o-1 from 2026-11-22 00:00:00Z to 2026-11-23 00:00:00Z\n');
    expect(code).toBe(1);
  });

  test('reads no more than it is allowed, and says how much there is', async () => {
    const incompressible = Array.from(
      { length: 40_000 },
      (_, index) => (index * 2654435761) % 4294967296,
    ).join();
    for (const hour of ['01', '02', '03', '04', '05', '06', '07', '08']) {
      await stack.archive.put(archivedMessage(incompressible, { sentAt: `2026-11-22T${hour}:00:00.000Z` }));
    }

    const { code, stderr } = await get('o-1', ...DAY, '--max-mib', '1');

    expect(stderr).toMatch(/there are 8 objects, [\d.]+ MiB, more than --max-mib 1: narrow --from and --to/);
    expect(code).toBe(1);
  });
});
