import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { listObjects } from '../../../src/s3/object-listing.ts';

const object = (key: string) => ({
  key,
  contentLength: 1,
  etag: '"e"',
  lastModified: new Date('2026-01-01T00:00:00Z'),
});
const all = (xml: string, pattern: RegExp) => [...xml.matchAll(pattern)].map(([, text = '']) => text);

function page(keys: string[], input: object) {
  const xml = listObjects(keys.map(object), { Bucket: 'archive', ...input });
  return {
    keys: all(xml, /<Contents><Key>(.*?)<\/Key>/g),
    prefixes: all(xml, /<CommonPrefixes><Prefix>(.*?)<\/Prefix>/g),
    next: all(xml, /<NextContinuationToken>(.*?)</g)[0],
    count: Number(all(xml, /<KeyCount>(\d+)</g)[0]),
    isTruncated: all(xml, /<IsTruncated>(.*?)</g)[0],
  };
}

/** Keys and prefixes of all pages. */
function pages(keys: string[], input: object): string[] {
  const entries: string[] = [];
  for (let next: string | undefined = ''; next !== undefined; ) {
    const each = page(keys, { ...input, ...(next && { ContinuationToken: next }) });
    entries.push(...[...each.keys, ...each.prefixes].sort());
    next = each.next;
  }
  return entries;
}

const key = fc.stringMatching(/^[aAbB/.=-]{1,6}$/);

test.each([undefined, '/'])(
  'pages of any size hold every key or common prefix once, sorted by bytes: %s',
  (Delimiter) => {
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 12 }), fc.integer({ min: 1, max: 4 }), (keys, MaxKeys) => {
        const entries = keys.map((each) =>
          Delimiter && each.includes('/') ? each.slice(0, each.indexOf('/') + 1) : each,
        );

        expect(pages(keys, { MaxKeys, Delimiter })).toEqual([...new Set(entries)].sort());
      }),
    );
  },
);

test('a prefix and the key to start after bound what is listed', () => {
  const keys = ['orders/1', 'orders/2', 'orders/3', 'other/1'];

  expect(page(keys, { Prefix: 'orders/', StartAfter: 'orders/1' })).toEqual({
    keys: ['orders/2', 'orders/3'],
    prefixes: [],
    next: undefined,
    count: 2,
    isTruncated: 'false',
  });
});

test('the folders of a prefix are told as prefixes', () => {
  const keys = ['orders/dt=1/a', 'orders/dt=1/b', 'orders/dt=2/c', 'orders/readme'];

  expect(page(keys, { Prefix: 'orders/', Delimiter: '/' })).toMatchObject({
    keys: ['orders/readme'],
    prefixes: ['orders/dt=1/', 'orders/dt=2/'],
    count: 3,
  });
});

test('a page has at most a thousand keys, whatever is asked for', () => {
  const keys = Array.from({ length: 1_001 }, (_, index) => `key-${String(index).padStart(4, '0')}`);

  expect(page(keys, { MaxKeys: '5000' })).toMatchObject({ count: 1_000, isTruncated: 'true' });
});

test('characters of XML are escaped, and all are encoded as in an address where that is asked for', () => {
  expect(page(['a&b <c>/d'], {}).keys).toEqual(['a&amp;b &lt;c&gt;/d']);
  expect(page(['a&b <c>/d'], { EncodingType: 'url' }).keys).toEqual(['a%26b%20%3Cc%3E/d']);
});
