/** The consumer of images, whose records are objects in the local run's S3. */
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { clientSettings } from '@order-fan-out/local-run/client-settings';
import { Emulators } from '@order-fan-out/local-run/server/emulators';
import { digestOf } from '../../../contract/event-catalogue.ts';
import { type Image, resized } from '../../../docs/examples/images/images.ts';
import { captureLogs } from '../../fixtures/captured-logs.ts';
import { functionEnvironment } from '../../fixtures/function-environment.ts';
import { type Handler, lambdaContext, startQueues } from '../../fixtures/test-queues.ts';

const Bucket = 'images';
const image: Image = {
  eventType: 'image.uploaded',
  schemaVersion: 1,
  imageId: 'image-1',
  albumId: 'album-1',
  uploadedAt: '2026-11-22T17:20:00.000Z',
  source: 'incoming/sea.svg',
  width: 60,
};

let servers: Awaited<ReturnType<typeof startQueues>>;
let queue: Awaited<ReturnType<typeof servers.newPair>>;
let emulators: Emulators;
let s3: S3Client;
let output: ReturnType<typeof captureLogs>;
let handler: Handler;

beforeAll(async () => {
  servers = await startQueues();
  queue = await servers.newPair();
  emulators = await Emulators.start({ port: 0 });
  output = captureLogs();
  Object.assign(process.env, functionEnvironment(servers.endpoint), {
    AWS_ENDPOINT_URL_S3: emulators.endpoint,
    QUEUE_URL: queue.url,
    DEAD_LETTER_QUEUE_URL: queue.deadLetterUrl,
    IMAGES_BUCKET: Bucket,
  });
  s3 = new S3Client(clientSettings(emulators.endpoint));
  await s3.send(new CreateBucketCommand({ Bucket }));
  await upload('sea', '<svg width="1200" height="400" viewBox="0 0 1200 400"></svg>');
  ({ handler } = await import('../../../docs/examples/images/thumbnails/handler.ts'));
});

afterAll(async () => {
  output.restore();
  const clients = await import('../../../lambda/clients.ts');
  for (const client of [s3, clients.s3, clients.sqs]) client.destroy();
  await emulators.stop();
  await servers.close();
});

beforeEach(async () => {
  await queue.purge();
  output.clear();
});

const upload = (name: string, Body: string) =>
  s3.send(new PutObjectCommand({ Bucket, Key: `incoming/${name}.svg`, Body }));

/** The thumbnail of an image: its text, and what describes it; undefined where there is none. */
async function thumbnail(imageId: string) {
  const Key = `thumbnails/${imageId}`;
  try {
    const { Body, ContentType, Metadata } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    return { text: await Body?.transformToString(), type: ContentType, digest: Metadata?.digest };
  } catch (error) {
    if ((error as Error).name !== 'NoSuchKey') throw error;
    return undefined;
  }
}

/** Delivers events in one batch, and says what became of them. */
async function deliver(...images: Image[]) {
  for (const each of images) await queue.send(JSON.stringify(each));
  const { batchItemFailures } = await handler(await queue.receive(), lambdaContext());
  const letters = await queue.deadLetters();
  return {
    failed: batchItemFailures.length,
    reasons: letters.map(({ MessageAttributes = {} }) => MessageAttributes.DeadLetterError?.StringValue),
    counted: (name: string) => output.metrics().flatMap((line) => line[name] ?? []),
  };
}

test('a thumbnail of the width that is asked for is written under the ID, and says of which event it is', async () => {
  const { failed, counted } = await deliver(image);

  expect(failed).toBe(0);
  expect(counted('Processed')).toEqual([1]);
  expect(await thumbnail('image-1')).toEqual({
    text: '<svg width="60" height="20" viewBox="0 0 1200 400"></svg>',
    type: 'image/svg+xml',
    digest: digestOf(image),
  });
});

test('a duplicate changes nothing, and another event of the same ID is refused', async () => {
  const first = { ...image, imageId: 'image-2' };
  await deliver(first);

  const again = await deliver(first);
  output.clear();
  const conflict = await deliver({ ...first, width: 61 });

  expect(again).toMatchObject({ failed: 0, reasons: [] });
  expect(conflict).toMatchObject({ failed: 0, reasons: ['ImageConflict'] });
  expect(await thumbnail('image-2')).toMatchObject({ digest: digestOf(first) });
});

test('of two copies that come at the same time, one is counted as a duplicate', async () => {
  const twice = { ...image, imageId: 'image-3' };

  const { failed, reasons, counted } = await deliver(twice, twice);

  expect({ failed, reasons }).toEqual({ failed: 0, reasons: [] });
  expect([counted('Processed').flat(), counted('Duplicates').flat()]).toEqual([[1], [1]]);
});

test('an event that comes before its source is tried again, and one of a source that is no image never', async () => {
  const early = { ...image, imageId: 'image-4', source: 'incoming/late.svg' };
  await upload('notes', 'no image');

  const tooEarly = await deliver(early);
  await upload('late', '<svg width="30" height="30"></svg>');
  const later = await deliver(early);
  const wrong = await deliver({ ...image, imageId: 'image-5', source: 'incoming/notes.svg' });

  expect(tooEarly).toMatchObject({ failed: 1, reasons: [] });
  expect(later.failed).toBe(0);
  expect(await thumbnail('image-4')).toMatchObject({ text: '<svg width="60" height="60"></svg>' });
  expect(wrong).toMatchObject({ failed: 0, reasons: ['NotAnImage'] });
  expect(await thumbnail('image-5')).toBeUndefined();
});

test.each([
  ['<svg width="300" height="900">', 32, '<svg width="32" height="96">'],
  ['<svg width="900" height="3">', 32, '<svg width="32" height="1">'],
  ['<svg width="0" height="3">', 32, undefined],
  ['<svg viewBox="0 0 9 9">', 32, undefined],
])('%s of the width %d is %s', (before, width, after) => {
  expect(resized(before, width)).toBe(after);
});
