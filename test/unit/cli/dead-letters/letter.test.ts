import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { readLetter } from '../../../../cli/dead-letters/letter.ts';
import { exported } from '../../../../cli/dead-letters/letter-file.ts';
import {
  describeFilter,
  letterFilter,
  NO_REASON,
  Reasons,
  reasonOf,
  unseenLine,
} from '../../../../cli/dead-letters/reasons.ts';
import { readEdits } from '../../../../cli/redrive/edits.ts';
import { printable } from '../../../../cli/terminal/text.ts';
import { attribute } from '../../../fixtures/dead-letter-stack.ts';
import { anOrder } from '../../../fixtures/order-fixtures.ts';

const letter = (error?: string, message = '', context = '{}', body = '{"orderId":"o-1"}') =>
  readLetter({
    MessageId: 'm-1',
    Body: body,
    Attributes: { SentTimestamp: String(Date.parse('2026-11-22T10:00:00Z')) },
    MessageAttributes: {
      ...(error && { DeadLetterError: attribute(error), DeadLetterMessage: attribute(message) }),
      DeadLetterContext: attribute(context),
    },
  });

describe('the reason of a dead letter', () => {
  test.each([
    ['NotJson', 'the body is not JSON', 'NotJson: the body is not JSON'],
    [
      'TypeError',
      'unexpected error, see the log of request 0b9d1f7c-8d38-4d6c-9a51-0d8e3f1c2b7a',
      'TypeError: unexpected error, see the log of request …',
    ],
    [
      'SchemaViolation',
      'items[3].quantity must be a whole number from 1 to 1000; items[12].sku is missing',
      'SchemaViolation: items[…].quantity must be a whole number from 1 to 1000; items[…].sku is missing',
    ],
    ['ResourceNotFound', 'Table invoices9F3A2B77C1D0 not found', 'ResourceNotFound: Table … not found'],
    ['Late', 'after 123456 ms, of which 1234 at work', 'Late: after … ms, of which 1234 at work'],
    [
      'Cancelled',
      'reasons [None, ConditionalCheckFailed, None]',
      'Cancelled: reasons [ConditionalCheckFailed]',
    ],
    [
      'Cancelled',
      'reasons [Throttling, None, Conflict, Throttling]',
      'Cancelled: reasons [Conflict, Throttling]',
    ],
    ['Cancelled', 'reasons [None, None]', 'Cancelled: reasons [None]'],
    ['OutOfMemory', '-', 'OutOfMemory'],
  ])('%s, %s', (error, message, expected) => {
    expect(reasonOf(letter(error, message))).toBe(expected);
  });

  test('is in the logs where nobody gave one', () => {
    expect(reasonOf(letter())).toBe('no reason: see logs');
  });

  test('cannot steer the terminal it is shown on', () => {
    expect(reasonOf(letter('\u001b[2J\u0007Nasty', 'a\rb\nc'))).toBe(
      '\u{FFFD}[2J\u{FFFD}Nasty: a\u{FFFD}b c',
    );
    expect(printable('a\tb\nc\u009b')).toBe('a\tb\nc\u{FFFD}');
  });
});

describe('a reason that a redriven letter brought along', () => {
  const redriven = (attributes: Record<string, string>) =>
    readLetter({
      MessageId: 'm-1',
      Body: '{}',
      Attributes: { SentTimestamp: String(Date.parse('2026-11-22T10:00:00Z')), ...attributes },
      MessageAttributes: {
        DeadLetterError: attribute('Throttled'),
        DeadLetterContext: attribute(JSON.stringify({ deadLetteredAt: '2026-11-22T09:59:30.000Z' })),
      },
    });

  test('is not told for one that SQS itself moved since', () => {
    expect(reasonOf(redriven({}))).toBe('Throttled');
    const letter = redriven({ DeadLetterQueueSourceArn: 'arn:aws:sqs:us-east-1:000000000000:billing' });

    expect(reasonOf(letter)).toBe('no reason: see logs');
    expect(letter.at).toEqual(new Date('2026-11-22T10:00:00Z'));
  });
});

describe('a dead letter', () => {
  test('is as old as the consumer says, or as SQS says where it says nothing usable', () => {
    const given = JSON.stringify({ deadLetteredAt: '2026-11-22T12:00:00.000Z' });

    expect(letter('E', '', given).at).toEqual(new Date('2026-11-22T12:00:00Z'));
    for (const unusable of ['{}', 'null', 'no JSON', '{"deadLetteredAt":"yesterday"}']) {
      expect(letter('E', '', unusable).at).toEqual(new Date('2026-11-22T10:00:00Z'));
    }
  });

  test.each([
    ['{"orderId":"o-1"}', 'o-1'],
    [JSON.stringify({ Type: 'Notification', Message: '{"orderId":"o-2"}' }), 'o-2'],
    ['not JSON', undefined],
    ['null', undefined],
    ['{"orderId":7}', undefined],
  ])('%s is of the order %s', (body, orderId) => {
    expect(letter('E', '', '{}', body).id).toBe(orderId);
  });

  test('is found by a part of its reason, its order and its time', () => {
    const one = letter('NotJson', 'the body is not JSON');
    const from = new Date('2026-11-22T10:00:00Z');
    const later = new Date('2026-11-22T10:00:01Z');

    const hits = [{}, { reason: 'notjson' }, { reason: 'BODY is' }, { id: 'o-1', since: from }];
    const misses = [
      { reason: 'Throttling' },
      { id: 'o' },
      { since: later },
      { reason: 'NotJson', id: 'o-2' },
    ];

    expect(hits.map((filter) => letterFilter(filter)(one))).toEqual([true, true, true, true]);
    expect(misses.map((filter) => letterFilter(filter)(one))).toEqual([false, false, false, false]);
    expect(letterFilter({ reason: 'no reason' })(letter())).toBe(true);
    expect(describeFilter({ reason: 'NotJson', id: 'o-1', since: from })).toBe(
      'reason "NotJson", order o-1, since 2026-11-22 10:00:00Z',
    );
  });
});

test('letters that SQS counts but does not hand out are told of, if there are any', () => {
  const queue = { name: 'billing', url: 'https://sqs/billing' };

  expect(unseenLine(queue, 0)).toBeUndefined();
  expect(unseenLine(queue, 1_200)?.replace(/\s+/g, ' ')).toBe(
    'billing: SQS counts about 1,200 more, which somebody else is looking at or has just taken away. Look again in a minute.',
  );
  expect(unseenLine({ ...queue, url: 'https://sqs/billing.fifo' }, 3)?.replace(/\s+/g, ' ')).toContain(
    'about 3 more, which lie behind ten letters of the same customer (redrive or purge these first), or ',
  );
});

test('an exported letter says null where nobody gave a reason, and gives its times as far as they are known', () => {
  expect(exported('billing', letter())).toMatchObject({
    consumer: 'billing',
    messageId: 'm-1',
    orderId: 'o-1',
    reason: null,
    at: '2026-11-22T10:00:00.000Z',
    firstReceivedAt: undefined,
  });
  expect(exported('billing', letter('NotJson', 'no')).reason).toEqual({ error: 'NotJson', message: 'no' });
});

test('reasons are counted, the most frequent first, within 80 columns', () => {
  const reasons = new Reasons();
  const at = (second: number) => JSON.stringify({ deadLetteredAt: `2026-11-22T12:00:0${second}Z` });
  for (const second of [3, 1, 2]) reasons.add(letter('Long', `${'words and '.repeat(20)}end`, at(second)));
  reasons.add(letter('Short', 'x', at(5)));

  const lines = reasons.describe().split('\n');

  expect(reasons.total).toBe(4);
  expect(reasons.list().map(({ count }) => count)).toEqual([3, 1]);
  expect(lines[0]).toMatch(/^ {2}3 {2}Long: words/);
  expect(lines).toContain('     first 2026-11-22 12:00:01Z, last 2026-11-22 12:00:03Z');
  expect(lines.at(-1)).toBe('     at 2026-11-22 12:00:05Z');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

test('a letter without a time counts, and says nothing about the first and the last', () => {
  const reasons = new Reasons();
  const at = new Date('2026-11-24T10:00:00Z');
  for (const time of [new Date(Number.NaN), at, new Date(Number.NaN)]) reasons.count(NO_REASON, time);

  expect(reasons.total).toBe(3);
  expect(reasons.list()).toEqual([{ reason: NO_REASON, count: 3, first: at, last: at }]);
});

describe('corrections in a file', () => {
  const folder = temporaryFolder('edits-');
  const order = anOrder();
  const read = (...lines: unknown[]) => {
    const file = path.join(folder, 'edits.jsonl');
    fs.writeFileSync(
      file,
      lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
    );
    return readEdits(file, process.stdin);
  };

  test('name a letter by message ID or order, and hold an order or its text', async () => {
    const text = JSON.stringify(order, null, 1);

    const { edits, problems } = await read(
      { messageId: 'm-1', orderId: 'ignored', body: text },
      { orderId: 'o-2', body: order },
      '',
      order,
    );

    expect(problems).toEqual([]);
    expect(edits.map(({ line, replaces, body }) => [line, replaces, body])).toEqual([
      [1, 'm-1', text],
      [2, 'o-2', JSON.stringify(order)],
      [4, order.orderId, JSON.stringify(order)],
    ]);
  });

  test('go to the letter of their message ID, else to that of their order', async () => {
    const edits = await read(
      { messageId: 'm-1', body: order },
      { orderId: 'o-1', body: { ...order, orderId: 'new' } },
    );

    expect(edits.for(letter())?.event).toMatchObject({ orderId: order.orderId });
    expect(edits.for({ ...letter(), messageId: 'm-2' })?.event).toMatchObject({ orderId: 'new' });
    expect(edits.for({ ...letter(), messageId: 'm-2', id: 'o-9' })).toBeUndefined();
  });

  test.each<[string, unknown[], number, string, string]>([
    ['no JSON', ['{"messageId"'], 1, 'line', 'is not JSON'],
    ['no object', ['[1]'], 1, 'line', 'must be an object'],
    ['no name', [{ body: order }], 1, 'messageId', 'is missing'],
    ['a body that is no JSON', [{ messageId: 'm', body: 'Ada' }], 1, 'body', 'is not JSON'],
    [
      'an invalid order',
      [order, { messageId: 'm', body: { ...order, total: 1 } }],
      2,
      'total',
      'must equal the sum',
    ],
    [
      'the same letter twice',
      [
        { messageId: 'm', body: order },
        { messageId: 'm', body: order },
      ],
      2,
      'm',
      'line 1',
    ],
    ['an empty file', [''], 1, 'body', 'is missing'],
  ])('are refused with line and field for %s', async (_, lines, line, field, message) => {
    const { problems } = await read(...lines);

    expect(problems).toEqual([{ line, field, message: expect.stringContaining(message) }]);
  });
});
