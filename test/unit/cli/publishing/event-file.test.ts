import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { MAX_TOPIC_BYTES } from '../../../../cli/publishing/destinations.ts';
import { parseEvents, readEventFile } from '../../../../cli/publishing/event-file.ts';
import { generateEvents } from '../../../../cli/publishing/test-events.ts';
import { orderEvents } from '../../../../domain/events.ts';
import type { Order } from '../../../../domain/order.ts';

const orders: Order[] = generateEvents({ count: 3, seed: 1 }).map(({ body }) => JSON.parse(body));
const [first, second, third] = orders as [Order, Order, Order];
const lines = (...values: unknown[]) => values.map((value) => JSON.stringify(value)).join('\n');
const bad = { ...second, items: [{ ...second.items[0], quantity: 0 }] };

describe('orders come out of', () => {
  test.each([
    ['JSON Lines', lines(...orders)],
    [
      'JSON Lines with blank lines and Windows line ends',
      `\r\n${lines(...orders).replaceAll('\n', '\r\n\r\n')}\r\n`,
    ],
    ['a JSON array', JSON.stringify(orders)],
    ['a JSON array over several lines', JSON.stringify(orders, null, 2)],
  ])('%s', (_, text) => {
    const { messages, duplicates, problems } = parseEvents(text);

    expect(problems).toEqual([]);
    expect(duplicates).toBe(0);
    expect(messages).toEqual(
      orders.map((order) => ({
        body: JSON.stringify(order),
        attributes: orderEvents.attributesOf(order),
        id: order.orderId,
      })),
    );
  });

  test.each([
    ['one line', JSON.stringify(first)],
    ['several lines', `\n${JSON.stringify(first, null, 2)}\n`],
  ])('a single order on %s', (_, text) => {
    expect(parseEvents(text).messages.map(({ body }) => body)).toEqual([JSON.stringify(first)]);
  });
});

describe('a problem is told with the line of its order and its field, in', () => {
  const expected = { field: 'items[0].quantity', message: 'must be a whole number from 1 to 1000' };
  const indented = (value: unknown) => JSON.stringify(value, null, 2);

  test.each([
    ['JSON Lines', lines(first, bad, third), 2],
    ['JSON Lines after blank lines', `\n\n${lines(first, bad)}`, 4],
    ['a JSON array on one line', JSON.stringify([first, bad]), 1],
    ['a JSON array of a line an order', `[\n${lines(first)},\n${lines(bad)}\n]`, 3],
    [
      'an indented JSON array',
      `[${indented(first)},\n\n${indented(bad)}]`,
      indented(first).split('\n').length + 2,
    ],
    ['a single order', `\n${indented(bad)}`, 2],
  ])('%s', (_, text, line) => {
    expect(parseEvents(text).problems).toContainEqual({ line, ...expected });
  });

  test('an array whose texts hold brackets, quotes and line breaks', () => {
    const tricky = { note: '"]}\n[{,', more: [[1], { a: '\\' }] };

    const { problems } = parseEvents(`[${indented(tricky)},\n${lines({ ...first, ...tricky })},\n5]`);

    expect(problems.at(-1)).toEqual({
      line: indented(tricky).split('\n').length + 2,
      field: 'order',
      message: 'must be an object',
    });
  });

  test('all orders, not only the first', () => {
    const { problems, messages } = parseEvents(lines(bad, 5, first));

    expect(new Set(problems.map(({ line }) => line))).toEqual(new Set([1, 2]));
    expect(messages).toHaveLength(1);
  });
});

describe('text that is not JSON is told with its line and without quoting it:', () => {
  test.each([
    ['a broken line', `${lines(first)}\n{"name": Ada}\n${lines(second)}`, 2],
    ['a first line that is broken', `{"name": Ada}\n${lines(second)}`, 1],
    ['an array that breaks off', `[\n${lines(first)},\n{"name":"Ada"`, 3],
    ['an order over several lines that breaks off', '{\n  "name": "Ada",\n  Ada\n}', 3],
  ])('%s', (_, text, line) => {
    const { problems } = parseEvents(text);

    expect(problems).toEqual([
      { line, field: 'order', message: expect.stringMatching(/^is not JSON: [A-Z]/) },
    ]);
    expect(problems[0]?.message).not.toMatch(/Ada|position/);
  });
});

test.each(['', ' \n', '[]'])('a file without orders (%j) is a problem', (text) => {
  expect(parseEvents(text).problems).toEqual([
    { line: 1, field: 'order', message: expect.stringContaining('is missing') },
  ]);
});

test('an order that comes twice is published twice and counted as a duplicate', () => {
  const { messages, duplicates, problems } = parseEvents(lines(first, second, first));

  expect(problems).toEqual([]);
  expect(messages).toHaveLength(3);
  expect(duplicates).toBe(1);
});

test('another order under a known orderId is a problem that names the other line', () => {
  const { problems } = parseEvents(lines(first, second, { ...first, customerId: 'someone-else' }));

  expect(problems).toEqual([
    { line: 3, field: 'orderId', message: `${first.orderId} is also on line 1, with another content` },
  ]);
});

test('fields that the contract does not know are published as they are', () => {
  const { messages } = parseEvents(lines({ ...first, giftWrap: true }));

  expect(JSON.parse(messages[0]?.body ?? '')).toEqual({ ...first, giftWrap: true });
});

test('an order too large for SNS is a problem', () => {
  const { problems } = parseEvents(lines({ ...first, note: 'x'.repeat(MAX_TOPIC_BYTES) }));

  expect(problems).toEqual([
    { line: 1, field: 'order', message: expect.stringMatching(/^has \d+ bytes.* 262144$/) },
  ]);
});

describe('a file', () => {
  const folder = temporaryFolder('order-file-');
  const write = (content: string | Buffer) => {
    const file = path.join(folder, 'orders.jsonl');
    fs.writeFileSync(file, content);
    return file;
  };

  test('is read, with or without a byte order mark', async () => {
    const { messages } = await readEventFile(write(`\u{feff}${lines(...orders)}`), process.stdin);

    expect(messages).toHaveLength(3);
  });

  test('that is not there or is a directory is named', async () => {
    await expect(readEventFile(path.join(folder, 'none'), process.stdin)).rejects.toThrow(
      /^Cannot read .*none: there is no such file$/,
    );
    await expect(readEventFile(folder, process.stdin)).rejects.toThrow(
      `Cannot read ${folder}: it is a directory`,
    );
  });

  test('of more than 64 MiB is refused', async () => {
    const large = write('');
    fs.truncateSync(large, 64 * 1024 * 1024 + 1);

    await expect(readEventFile(large, process.stdin)).rejects.toThrow('has more than 64 MiB: split it');
  });

  test('that is not UTF-8 is refused', async () => {
    await expect(readEventFile(write(Buffer.from([0x7b, 0xff])), process.stdin)).rejects.toThrow(
      'is not UTF-8 text',
    );
  });
});
