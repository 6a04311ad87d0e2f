import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type ArchivedMessage,
  archiveObject,
  digestOf,
  hourPrefix,
  inSequence,
  parseArchivedMessage,
  parseArchiveKey,
} from '../../../contract/archive.ts';

const PREFIX = 'orders/';
const HOUR_MS = 3_600_000;

function aMessage(overrides: Partial<ArchivedMessage> = {}): ArchivedMessage {
  return {
    messageId: 'message-1',
    sentAt: '2026-11-26T10:15:00.000Z',
    attributes: { eventType: { dataType: 'String', stringValue: 'order.placed' } },
    body: '{"orderId":"order-1"}',
    ...overrides,
  };
}

const hours = fc.date({
  min: new Date('2026-01-01T00:00:00Z'),
  max: new Date('2099-12-31T00:00:00Z'),
  noInvalidDate: true,
});
const names = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,20}$/);
const attributes: fc.Arbitrary<ArchivedMessage['attributes']> = fc.dictionary(
  names,
  fc.oneof(
    fc.string({ unit: 'binary' }).map((stringValue) => ({ dataType: 'String', stringValue })),
    fc.uint8Array().map((bytes) => ({
      dataType: 'Binary',
      binaryValue: Buffer.from(bytes).toString('base64'),
    })),
  ),
);

/** Messages of one hour, all of a FIFO queue or none. */
const batches: fc.Arbitrary<ArchivedMessage[]> = fc.tuple(hours, fc.boolean()).chain(([at, isFifo]) => {
  const hour = Math.floor(at.getTime() / HOUR_MS) * HOUR_MS;
  const message = {
    messageId: fc.uuid(),
    sentAt: fc.nat({ max: HOUR_MS - 1 }).map((ms) => new Date(hour + ms).toISOString()),
    attributes,
    body: fc.string({ unit: 'binary' }),
  };
  const place = {
    groupId: fc.stringMatching(/^customer-\d{1,3}$/),
    sequenceNumber: fc.bigInt({ min: 0n, max: 2n ** 127n }).map(String),
  };
  const bounds = { minLength: 1, maxLength: 20 };
  return isFifo
    ? fc.uniqueArray(fc.record({ ...message, ...place }), {
        ...bounds,
        selector: ({ sequenceNumber }) => sequenceNumber,
      })
    : fc.uniqueArray(fc.record(message), { ...bounds, selector: ({ messageId }) => messageId });
});

describe('an object of the archive', () => {
  test('has a key with the hour, the time of its first message and the digest of its content', () => {
    const object = archiveObject(
      [
        aMessage({ messageId: 'b', sentAt: '2026-11-26T10:59:59.999Z' }),
        aMessage({ messageId: 'a', sentAt: '2026-11-26T10:00:00.001Z' }),
      ],
      PREFIX,
    );

    expect(object.key).toBe(
      `orders/dt=2026-11-26/hh=10/2026-11-26T10:00:00.001Z-${digestOf(object.content)}.jsonl.gz`,
    );
  });

  test('has a key that says when its first message came, and what its content was', () => {
    fc.assert(
      fc.property(batches, (messages) => {
        const { key, content } = archiveObject(messages, PREFIX);

        const firstAt = new Date(Math.min(...messages.map(({ sentAt }) => Date.parse(sentAt))));
        expect(parseArchiveKey(key, PREFIX)).toEqual({ firstAt, digest: digestOf(content) });
      }),
    );
  });

  test('is the same in whatever order its messages come', () => {
    const shuffled = batches.chain((messages) =>
      fc.tuple(
        fc.constant(messages),
        fc.shuffledSubarray(messages, { minLength: messages.length, maxLength: messages.length }),
      ),
    );

    fc.assert(
      fc.property(shuffled, ([messages, others]) => {
        expect(archiveObject(others, PREFIX)).toEqual(archiveObject(messages, PREFIX));
      }),
    );
  });

  test('is another one where a message differs in one character of its body', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (messages, place) => {
        const changed = messages.with(place % messages.length, {
          ...(messages[place % messages.length] as ArchivedMessage),
          body: `${messages[place % messages.length]?.body}.`,
        });

        expect(archiveObject(changed, PREFIX).key).not.toBe(archiveObject(messages, PREFIX).key);
      }),
    );
  });

  test('holds each message in a line, in their order, as it is read back', () => {
    fc.assert(
      fc.property(batches, (messages) => {
        const lines = archiveObject(messages, PREFIX).content.split('\n');

        expect(lines.pop()).toBe('');
        expect(lines.map(parseArchivedMessage)).toEqual(inSequence(messages));
      }),
    );
  });

  test('comes, by its key, after those whose first message came earlier', () => {
    fc.assert(
      fc.property(batches, batches, (one, other) => {
        const [{ key }, { key: otherKey }] = [archiveObject(one, PREFIX), archiveObject(other, PREFIX)];
        const [at, otherAt] = [key, otherKey].map((each) => Number(parseArchiveKey(each, PREFIX)?.firstAt));
        fc.pre(at !== otherAt);

        expect(key < otherKey).toBe(Number(at) < Number(otherAt));
      }),
    );
  });
});

test('the keys of an hour begin with its day and hour, in UTC', () => {
  expect(hourPrefix(PREFIX, new Date('2026-11-26T09:59:59.999Z'))).toBe('orders/dt=2026-11-26/hh=09/');
  expect(hourPrefix(PREFIX, new Date('2026-11-27T00:30:00+01:00'))).toBe('orders/dt=2026-11-26/hh=23/');
});

describe('a key', () => {
  const digest = 'ab'.repeat(32);
  const key = `orders/dt=2026-11-26/hh=10/2026-11-26T10:15:00.000Z-${digest}.jsonl.gz`;

  test.each([
    ['of another prefix', key.replace('orders/', 'query-results/')],
    ['with something before it', `/${key}`],
    ['with something behind it', `${key}.bak`],
    ['with a line break behind it', `${key}\n`],
    ['of another hour than its time', key.replace('hh=10', 'hh=11')],
    ['of another day than its time', key.replace('dt=2026-11-26', 'dt=2026-11-25')],
    ['of a time that is none', key.replaceAll('2026-11-26', '2026-13-26')],
    ['of an hour that is none', key.replace('hh=10', 'hh=25').replace('T10', 'T25')],
    ['without milliseconds', key.replace('.000Z', 'Z')],
    ['with a shorter digest', key.replace(digest, digest.slice(1))],
    ['with a digest in capitals', key.replace(digest, digest.toUpperCase())],
    ['not compressed', key.replace('.gz', '')],
    ['of nothing', ''],
  ])('%s is none of the archive', (_, other) => {
    expect(parseArchiveKey(other, PREFIX)).toBeUndefined();
  });
});

describe('a line', () => {
  const written = (message: ArchivedMessage) => archiveObject([message], PREFIX).content.trimEnd();
  const line = JSON.parse(written(aMessage()));
  const { messageid: _, ...withoutId } = line;
  const { sentat: __, ...withoutTime } = line;
  const { attributes: ___, ...withoutAttributes } = line;
  const { body: ____, ...withoutBody } = line;

  test.each<[string, ArchivedMessage]>([
    ['of a standard queue', aMessage()],
    ['of a FIFO queue', aMessage({ groupId: 'customer-1', sequenceNumber: '18870000000000000256' })],
    ['with an empty body', aMessage({ body: '' })],
    ['with no attribute', aMessage({ attributes: {} })],
    ['with a binary attribute', aMessage({ attributes: { a: { dataType: 'Binary', binaryValue: 'AAE=' } } })],
    [
      'with names that differ in case',
      aMessage({
        attributes: {
          trace: { dataType: 'String', stringValue: '1' },
          Trace: { dataType: 'String', stringValue: '2' },
        },
      }),
    ],
    [
      'with a name that objects have themselves',
      aMessage({ attributes: JSON.parse('{"__proto__": { "dataType": "String", "stringValue": "1" }}') }),
    ],
  ])('%s is read as it was written', (_, message) => {
    const read = parseArchivedMessage(written(message));

    expect(read).toEqual(message);
    expect(JSON.stringify(read?.attributes)).toBe(JSON.stringify(message.attributes));
  });

  test('has its fields in lower case, as the columns of a table are', () => {
    const message = aMessage({ groupId: 'customer-1', sequenceNumber: '1' });

    const fields = JSON.parse(written(message));

    expect(Object.keys(fields).join()).toBe('messageid,sentat,groupid,sequencenumber,attributes,body');
    expect(fields.attributes).toEqual({ eventType: { datatype: 'String', stringvalue: 'order.placed' } });
  });

  test.each<[string, object]>([
    ['without its messageId', withoutId],
    ['with a messageId that is none', { ...line, messageid: 'a\u001b[31m' }],
    ['without its time', withoutTime],
    ['without attributes', withoutAttributes],
    ['with attributes that are none', { ...line, attributes: null }],
    ['without a body', withoutBody],
    ['with a field more', { ...line, receivecount: 1 }],
    ['with a time that is none', { ...line, sentat: '2026-11-26' }],
    ['with a time in milliseconds', { ...line, sentat: 1_795_366_800_000 }],
    ['with a sequence number that is none', { ...line, sequencenumber: '1e3' }],
    ['with a sequence number as a number', { ...line, sequencenumber: 1 }],
    ['with a body as JSON', { ...line, body: {} }],
    ['with an attribute without type', { ...line, attributes: { a: { stringvalue: 'b' } } }],
    [
      'with an attribute that has a field more',
      { ...line, attributes: { a: { datatype: 'String', stringlistvalues: [] } } },
    ],
    [
      'with bytes that are not base64',
      { ...line, attributes: { a: { datatype: 'Binary', binaryvalue: '?' } } },
    ],
    ['that is a list', [line]],
  ])('%s is none of the archive', (_, other) => {
    expect(parseArchivedMessage(JSON.stringify(other))).toBeUndefined();
  });

  test.each(['', 'null', '{', '{}', '"text"'])('%p is none of the archive', (text) => {
    expect(parseArchivedMessage(text)).toBeUndefined();
  });
});

describe('the order of messages', () => {
  const sorted = (...messages: Partial<ArchivedMessage>[]) =>
    inSequence(messages.map((message) => aMessage(message))).map(({ body }) => body);

  test('is that of their sequence numbers, beyond what a number can tell apart', () => {
    expect(
      sorted(
        { body: 'third', sequenceNumber: '18870000000000000258' },
        { body: 'first', sequenceNumber: '18870000000000000256' },
        { body: 'second', sequenceNumber: '18870000000000000257' },
      ),
    ).toEqual(['first', 'second', 'third']);
    expect(sorted({ body: 'ten', sequenceNumber: '10' }, { body: 'nine', sequenceNumber: '9' })).toEqual([
      'nine',
      'ten',
    ]);
  });

  test('is that of their sequence numbers, although their times say otherwise', () => {
    expect(
      sorted(
        { body: 'second', sequenceNumber: '2', sentAt: '2026-11-26T10:00:00.000Z' },
        { body: 'first', sequenceNumber: '1', sentAt: '2026-11-26T10:00:00.001Z' },
      ),
    ).toEqual(['first', 'second']);
  });

  test('is by time on a standard queue, and by messageId at the same time', () => {
    expect(
      sorted(
        { body: 'third', messageId: 'a', sentAt: '2026-11-26T10:00:00.001Z' },
        { body: 'second', messageId: 'c', sentAt: '2026-11-26T10:00:00.000Z' },
        { body: 'first', messageId: 'b', sentAt: '2026-11-26T10:00:00.000Z' },
      ),
    ).toEqual(['first', 'second', 'third']);
  });

  test('is the same whatever language the machine speaks', () => {
    expect(sorted({ body: 'small', messageId: 'a' }, { body: 'capital', messageId: 'B' })).toEqual([
      'capital',
      'small',
    ]);
  });
});
