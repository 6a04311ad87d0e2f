// The answer to ListObjectsV2. fauxqs has one too, which sorts keys by the rules of a language, and so loses some between pages.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html

import { escapeXml, tag } from '../protocol/http-answer.ts';
import type { Json } from '../protocol/json.ts';

/** What a listing says of an object. */
export interface ListedObject {
  readonly key: string;
  readonly contentLength: number;
  readonly etag: string;
  readonly lastModified: Date;
}

/** One page: objects, and prefixes that stand for all the objects under them, sorted by key. */
interface Page {
  readonly objects: ListedObject[];
  readonly prefixes: string[];
  /** The object or prefix behind which the next page begins; absent at the end. */
  readonly last?: string;
}

const MOST_KEYS = 1_000;

/**
 * A page of a bucket's objects, as S3's XML.
 * @param input of ListObjectsV2, as it came
 */
export function listObjects(objects: Iterable<ListedObject>, input: Json): string {
  const { Bucket, Prefix = '', Delimiter, StartAfter, ContinuationToken } = input;
  const MaxKeys = Math.min(Number(input.MaxKeys ?? MOST_KEYS), MOST_KEYS);
  const after = ContinuationToken ? fromToken(ContinuationToken) : (StartAfter ?? '');
  const page = pageOf(objects, Prefix, Delimiter, after, MaxKeys);
  const text = (name: string, value: string | undefined) =>
    value === undefined ? '' : tag(name, escapeXml(written(value, input.EncodingType)));
  const plain = (name: string, value: unknown) => (value === undefined ? '' : tag(name, String(value)));
  return tag(
    'ListBucketResult',
    [
      tag('Name', Bucket),
      text('Prefix', Prefix),
      text('Delimiter', Delimiter),
      text('StartAfter', StartAfter),
      plain('EncodingType', input.EncodingType),
      plain('ContinuationToken', ContinuationToken && escapeXml(ContinuationToken)),
      plain('NextContinuationToken', page.last && toToken(page.last)),
      plain('KeyCount', page.objects.length + page.prefixes.length),
      plain('MaxKeys', MaxKeys),
      plain('IsTruncated', page.last !== undefined),
      ...page.objects.map(({ key, contentLength, etag, lastModified }) =>
        tag(
          'Contents',
          text('Key', key) +
            plain('LastModified', lastModified.toISOString()) +
            plain('ETag', escapeXml(etag)) +
            plain('Size', contentLength) +
            plain('StorageClass', 'STANDARD'),
        ),
      ),
      ...page.prefixes.map((prefix) => tag('CommonPrefixes', text('Prefix', prefix))),
    ].join(''),
  );
}

function pageOf(
  all: Iterable<ListedObject>,
  prefix: string,
  delimiter: string | undefined,
  after: string,
  most: number,
): Page {
  const matching = [...all].filter(({ key }) => key.startsWith(prefix) && key > after);
  const objects: ListedObject[] = [];
  const prefixes: string[] = [];
  let last = '';
  for (const object of matching.sort((a, b) => (a.key < b.key ? -1 : 1))) {
    const end = delimiter ? object.key.indexOf(delimiter, prefix.length) : -1;
    const entry = end < 0 ? object.key : object.key.slice(0, end + (delimiter ?? '').length);
    // A prefix that an object before this one has, or with which the page before ended.
    if (entry === last || entry === after) continue;
    if (objects.length + prefixes.length === most) return { objects, prefixes, ...(most > 0 && { last }) };
    last = entry;
    if (end < 0) objects.push(object);
    else prefixes.push(entry);
  }
  return { objects, prefixes };
}

const written = (key: string, encoding: string | undefined) =>
  encoding === 'url' ? encodeURIComponent(key).replaceAll('%2F', '/') : key;
const toToken = (last: string) => Buffer.from(last).toString('base64');
const fromToken = (token: string) => Buffer.from(token, 'base64').toString();
