/** What is read of an archive, and what is skipped. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Emulators } from '@order-fan-out/local-run/server/emulators';
import { type Portion, readArchive, sizeOf } from '../../../../cli/archive/reader.ts';
import { type ArchivedMessage, archiveObject } from '../../../../contract/archive.ts';
import { archivedMessage, archiveIn, type TestArchive } from '../../../fixtures/test-archive.ts';

let emulators: Emulators;
let archive: TestArchive;
let archives = 0;

beforeAll(async () => {
  emulators = await Emulators.start({ port: 0 });
});
beforeEach(async () => {
  archives += 1;
  const { endpoint } = emulators;
  const client = {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
  archive = await archiveIn(client, `archive-${archives}`);
});
afterAll(() => emulators.stop());

const DAY = { from: new Date('2026-11-22'), to: new Date('2026-11-23') };
const readingOf = (span = DAY, after?: string) => ({
  s3: archive.s3,
  bucket: archive.bucket,
  span,
  after,
  signal: new AbortController().signal,
});

async function read(span = DAY, after?: string): Promise<Portion[]> {
  const portions: Portion[] = [];
  for await (const portion of readArchive(readingOf(span, after))) portions.push(portion);
  return portions;
}
const bodiesIn = (portions: readonly Portion[]) =>
  portions.flatMap(({ messages }) => messages.map(({ body }) => body));
const at = (sentAt: string, body = sentAt) => archivedMessage(body, { sentAt });
const skippedIn = (portions: readonly Portion[]) => portions.flatMap(({ skipped }) => skipped);

describe('a span of time', () => {
  test('has the messages from its begin on, up to its end, and not the one at its end', async () => {
    await archive.put(at('2026-11-22T16:59:59.999Z'), at('2026-11-22T16:30:00.000Z'));
    await archive.put(
      at('2026-11-22T17:00:00.000Z'),
      at('2026-11-22T17:29:59.999Z'),
      at('2026-11-22T17:30:00.000Z'),
    );

    const from = new Date('2026-11-22T16:59:59.999Z');
    const portions = await read({ from, to: new Date('2026-11-22T17:30:00.000Z') });

    expect(bodiesIn(portions)).toEqual([
      '2026-11-22T16:59:59.999Z',
      '2026-11-22T17:00:00.000Z',
      '2026-11-22T17:29:59.999Z',
    ]);
  });

  test('is counted by the objects of its hours, and read from the oldest on', async () => {
    await archive.put(at('2026-11-21T23:59:59.999Z'));
    await archive.put(at('2026-11-23T00:00:00.000Z'));
    await archive.put(at('2026-11-22T23:10:00.000Z'));
    await archive.put(at('2026-11-22T00:00:00.000Z'));

    const size = await sizeOf(readingOf());
    const portions = await read();

    expect(size).toEqual({ objects: 2, bytes: expect.any(Number) });
    expect(bodiesIn(portions)).toEqual(['2026-11-22T00:00:00.000Z', '2026-11-22T23:10:00.000Z']);
  });

  test('may hold more objects than a listing has on a page', async () => {
    const count = 1_050;
    await Promise.all(
      Array.from({ length: count }, (_, index) =>
        archive.put(at(new Date(Date.UTC(2026, 10, 22, 5, 0, 0, index)).toISOString())),
      ),
    );

    expect((await sizeOf(readingOf())).objects).toBe(count);
  });
});

describe('of a FIFO queue', () => {
  const numbered = (sequenceNumber: string, sentAt: string, groupId: string) =>
    archivedMessage(`${groupId}${sequenceNumber}`, { sequenceNumber, sentAt, groupId });

  test('the messages of a minute come in the order of their group, whichever object they are in', async () => {
    // The first object begins earlier, with a message of another group that was tried again.
    await archive.put(
      numbered('18870000000000000001', '2026-11-22T05:00:01.000Z', 'b'),
      numbered('18870000000000000005', '2026-11-22T05:00:05.000Z', 'a'),
    );
    await archive.put(
      numbered('18870000000000000002', '2026-11-22T05:00:02.000Z', 'a'),
      numbered('18870000000000000003', '2026-11-22T05:00:03.000Z', 'a'),
    );
    await archive.put(numbered('18870000000000000009', '2026-11-22T05:01:00.000Z', 'a'));

    const portions = await read();

    expect(
      portions.map(({ messages }) => messages.map(({ body }) => body.slice(0, 1) + body.slice(-1))),
    ).toEqual([['b1', 'a2', 'a3', 'a5'], ['a9']]);
  });

  test('an object that cannot be read does not part a minute', async () => {
    await archive.put(
      numbered('3', '2026-11-22T05:00:01.000Z', 'b'),
      numbered('9', '2026-11-22T05:00:02.000Z', 'a'),
    );
    await archive.putAs('orders/dt=2026-11-22/hh=05/2026-11-22T05:00:02.500Z.bak', Buffer.from('x'));
    await archive.put(numbered('4', '2026-11-22T05:00:03.000Z', 'a'));

    const portions = await read();

    expect(portions.map(bodiesOf)).toEqual([['b3', 'a4', 'a9']]);
    expect(skippedIn(portions)).toHaveLength(1);
  });
});

const bodiesOf = ({ messages }: Portion) => messages.map(({ body }) => body);

describe('what is not the archive’s', () => {
  const key = (message: ArchivedMessage) => archiveObject([message], 'orders/').key;
  const good = at('2026-11-22T17:20:00.000Z', 'good');
  const bad = at('2026-11-22T17:10:00.000Z', 'bad');
  const contentOf = (message: ArchivedMessage) => archiveObject([message], 'orders/').content;
  /** Under the key that its content would have. */
  const putContent = (content: string | Buffer) => {
    const digest = createHash('sha256').update(content).digest('hex');
    const name = `orders/dt=2026-11-22/hh=17/2026-11-22T17:10:00.000Z-${digest}.jsonl.gz`;
    return archive.putAs(name, gzipSync(content, { level: 1 }));
  };

  test.each<[string, () => Promise<void>, string]>([
    [
      'an object that is cut off',
      () => archive.putAs(key(bad), gzipSync(contentOf(bad)).subarray(0, -10)),
      'it is truncated, or not gzip',
    ],
    [
      'an object that is not compressed',
      () => archive.putAs(key(bad), Buffer.from(contentOf(bad))),
      'it is truncated, or not gzip',
    ],
    [
      'an object with another content',
      () => archive.putAs(key(bad), gzipSync(contentOf({ ...bad, body: 'worse' }))),
      'its content does not match the digest in its key',
    ],
    [
      'an object that somebody put there',
      () => archive.putAs('orders/dt=2026-11-22/hh=17/notes.txt', Buffer.from('hello')),
      'its key is not one of the archive',
    ],
    [
      'a line with a field too many',
      () => putContent(contentOf(bad).replace('{', '{"more":1,')),
      'line 1 was not written by the archive',
    ],
  ])('%s is skipped and named, and the others are read', async (_, put, problem) => {
    await archive.put(at('2026-11-22T17:00:00.000Z', 'before'));
    await put();
    await archive.put(good);

    const portions = await read();

    expect(bodiesIn(portions)).toEqual(['before', 'good']);
    expect(skippedIn(portions)).toEqual([{ key: expect.stringContaining('orders/dt=2026-11-22/'), problem }]);
  });

  test('a content that would fill the memory is skipped', async () => {
    await putContent(Buffer.alloc(65 * 2 ** 20, 'a'));

    expect(skippedIn(await read())).toMatchObject([{ problem: 'it is larger than the archive writes' }]);
  });
});
