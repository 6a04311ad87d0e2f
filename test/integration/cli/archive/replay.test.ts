/** What a replay makes of trouble on its way, and of a FIFO queue. */

import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { CreateQueueCommand, DeleteQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Emulators } from '@order-fan-out/local-run/server/emulators';
import { type Replay, replay } from '../../../../cli/archive/replay.ts';
import { type Clients, createClients, destroyClients } from '../../../../cli/aws/clients.ts';
import { createProgress } from '../../../../cli/terminal/progress.ts';
import { anOrder } from '../../../fixtures/order-fixtures.ts';
import { consumerHandles, stackHandles } from '../../../fixtures/stack-handles.ts';
import { archivedEvent, archiveIn, type TestArchive } from '../../../fixtures/test-archive.ts';

let emulators: Emulators;
let clients: Clients;
let archive: TestArchive;
let queueUrl: string;
let names = 0;

const client = () => ({
  endpoint: emulators.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
});

beforeAll(async () => {
  emulators = await Emulators.start({ port: 0 });
  clients = createClients(client());
  await clients.dynamodb.send(
    new CreateTableCommand({
      TableName: 'billing-records',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'orderId', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
    }),
  );
});
beforeEach(async () => {
  names += 1;
  archive = await archiveIn(client(), `archive-${names}`);
  queueUrl = await queue(`billing-${names}.fifo`, { FifoQueue: 'true' });
});
afterAll(async () => {
  destroyClients(clients);
  await emulators.stop();
});

async function queue(QueueName: string, Attributes: Record<string, string> = {}): Promise<string> {
  const { QueueUrl = '' } = await clients.sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
  return QueueUrl;
}

/** A replay of the day to the queue, of what `change` makes of the clients. */
function replayed(change: Partial<Clients> = {}, more: Partial<Replay> = {}) {
  const signal = new AbortController().signal;
  const consumer = consumerHandles('billing', { queueUrl, deadLetterQueueUrl: queueUrl });
  const s3 = change.s3 ?? archive.s3;
  return replay({
    clients: { ...clients, ...change },
    stack: stackHandles({
      name: 'test',
      topicArn: 'arn:aws:sns:us-east-1:000000000000:orders.fifo',
      consumers: [consumer],
    }),
    consumer,
    takes: () => true,
    reading: {
      s3,
      bucket: archive.bucket,
      span: { from: new Date('2026-11-22'), to: new Date('2026-11-23') },
      signal,
    },
    size: { objects: 1, bytes: 1 },
    filter: {},
    isDryRun: false,
    progress: createProgress({ silent: true }),
    signal,
    onSent: () => {},
    ...more,
  });
}

async function received() {
  const { Messages = [] } = await clients.sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ['All'],
    }),
  );
  return Messages.map(({ Body = '', Attributes }) => ({
    orderId: JSON.parse(Body).orderId,
    group: Attributes?.MessageGroupId,
  }));
}

const order = (orderId: string, customerId: string, more: Parameters<typeof archivedEvent>[1] = {}) =>
  archivedEvent(anOrder({ orderId, customerId }), more);

/** A client that answers some calls itself. */
function intercepted<C extends { send: (...args: never[]) => unknown }>(
  inner: C,
  answer: (command: string, call: number) => Error | object | undefined,
): C {
  const calls: Record<string, number> = {};
  return new Proxy(inner, {
    get(target, property) {
      if (property !== 'send') return Reflect.get(target, property, target);
      return async (command: object, ...rest: never[]) => {
        const { name } = command.constructor;
        calls[name] = (calls[name] ?? 0) + 1;
        const answered = answer(name, calls[name]);
        if (answered instanceof Error) throw answered;
        return answered ?? target.send(...([command, ...rest] as never[]));
      };
    },
  });
}

const awsError = (name: string, $fault: 'client' | 'server', httpStatusCode: number) =>
  Object.assign(new Error(`${name} it is`), { name, $fault, $metadata: { httpStatusCode } });

describe('to a FIFO queue', () => {
  test('a message has the group it had, and where it had none its customer', async () => {
    await archive.put(
      order('o-1', 'c-1', { groupId: 'group-1', sequenceNumber: '1' }),
      order('o-2', 'c-2', { sequenceNumber: '2' }),
    );

    await replayed();

    expect(await received()).toEqual([
      { orderId: 'o-1', group: 'group-1' },
      { orderId: 'o-2', group: 'c-2' },
    ]);
  });

  test('a second replay arrives as well, a copy in one replay does not', async () => {
    const message = order('o-1', 'c-1', { groupId: 'c-1', sequenceNumber: '1' });
    await archive.put(message);
    await archive.put(message, order('o-2', 'c-2', { groupId: 'c-2', sequenceNumber: '2' }));

    const first = await replayed();
    await replayed();

    expect(first.sent).toBe(3);
    const arrived = await received();
    expect(arrived.filter(({ orderId }) => orderId === 'o-1')).toHaveLength(2);
    expect(arrived.filter(({ orderId }) => orderId === 'o-2')).toHaveLength(2);
  });

  test('nothing of a group goes past what SQS does not take in all its tries, and all of it is for the next replay', async () => {
    const first = await archive.put(order('o-1', 'c-1', { groupId: 'c-1', sequenceNumber: '1' }));
    await archive.put(
      order('o-2', 'c-1', { groupId: 'c-1', sequenceNumber: '2', sentAt: '2026-11-22T18:00:00.000Z' }),
      order('o-3', 'c-1', { groupId: 'c-1', sequenceNumber: '3', sentAt: '2026-11-22T18:00:01.000Z' }),
    );
    const sqs = intercepted(clients.sqs, (command, call) =>
      command === 'SendMessageBatchCommand' && call > 1
        ? { Failed: [{ Id: '0', Code: 'InternalError', SenderFault: false }] }
        : undefined,
    );

    const result = await replayed({ sqs });

    expect(result).toMatchObject({ sent: 1, refused: [], after: first });
    expect(result.stopped).toBe('InternalError (tried 8 times)');
    expect(await received()).toEqual([{ orderId: 'o-1', group: 'c-1' }]);
  });
});

describe('what S3 answers', () => {
  const denied = awsError('AccessDenied', 'client', 403);

  test.each<
    [
      string,
      answer: (call: number) => Error | undefined,
      expected: { sent: number; skipped?: string; stopped?: string },
    ]
  >([
    [
      'an object that it refuses is skipped, once others can be read',
      (call) => (call === 2 ? denied : undefined),
      { sent: 2, skipped: 'lack the IAM action s3:GetObject' },
    ],
    [
      'that it refuses the first object ends the replay, since it will refuse the others',
      () => denied,
      { sent: 0, stopped: 'Access denied' },
    ],
    [
      'an object that does not come whole is got anew',
      (call) => (call < 3 ? awsError('InternalError', 'server', 500) : undefined),
      { sent: 3 },
    ],
    [
      'what lasts ends the replay',
      (call) => (call > 1 ? awsError('ExpiredToken', 'client', 400) : undefined),
      { sent: 1, stopped: 'The AWS credentials have expired' },
    ],
    [
      'an object that is gone by then is skipped',
      (call) => (call === 2 ? awsError('NoSuchKey', 'client', 404) : undefined),
      { sent: 2, skipped: 'it was deleted meanwhile' },
    ],
  ])('%s', async (_, answer, { sent, skipped, stopped }) => {
    const first = await archive.put(order('o-1', 'c-1'));
    const second = await archive.put(order('o-2', 'c-2', { sentAt: '2026-11-22T18:00:00.000Z' }));
    await archive.put(order('o-3', 'c-3', { sentAt: '2026-11-22T19:00:00.000Z' }));
    const s3 = intercepted(archive.s3, (command, call) =>
      command === 'GetObjectCommand' ? answer(call) : undefined,
    );

    const result = await replayed({ s3 });

    expect(result.sent).toBe(sent);
    expect(result.skipped).toEqual(
      skipped === undefined ? [] : [{ key: second, problem: expect.stringContaining(skipped) }],
    );
    expect(result.stopped ?? '').toContain(stopped ?? '');
    // Up to where all is sent.
    if (stopped !== undefined) expect(result.after).toBe(sent === 0 ? undefined : first);
    else expect(result.stopped).toBeUndefined();
  });
});

test('a queue that is gone ends the replay', async () => {
  await archive.put(order('o-1', 'c-1'));
  await archive.put(order('o-2', 'c-2', { sentAt: '2026-11-22T18:00:00.000Z' }));
  await clients.sqs.send(new DeleteQueueCommand({ QueueUrl: queueUrl }));

  const result = await replayed();

  expect(result).toMatchObject({ sent: 0, read: 1, refused: [] });
  expect(result.stopped).toMatch(/queue does not exist/i);
  expect(result.after).toBeUndefined();
});

test('an object of nobody’s is never where a replay goes on', async () => {
  const first = await archive.put(order('o-1', 'c-1'));
  await archive.putAs('orders/dt=2026-11-22/hh=18/notes.txt', Buffer.from('hello'));

  expect(await replayed()).toMatchObject({ after: first });
});
