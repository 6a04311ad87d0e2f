import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { PutItemCommand, ScanCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DeleteMessageBatchCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  FAULT_KINDS,
  type FaultKind,
  type FaultPlan,
  type InvocationFault,
} from '../../../src/faults/fault-plan.ts';
import { Faults } from '../../../src/faults/faults.ts';
import {
  dynamodb,
  letTopicIn,
  makeQueue,
  makeTable,
  makeTopic,
  publish,
  receive,
  redrivePolicy,
  send,
  settings,
  sizeOf,
  sqs,
  startEmulators,
  stopEmulators,
  subscribe,
} from '../../fixtures/emulators.ts';
import { localFunction } from '../../fixtures/local-function.ts';
import { temporaryFolder } from '../../fixtures/temporary.ts';

const folder = temporaryFolder('faults-');
let logs = 0;

function planOf(faults: FaultPlan['faults'], more: Partial<FaultPlan> = {}): FaultPlan {
  const logFile = path.join(folder, `faults-${logs++}.log`);
  return { seed: 1, faults, slowMs: 1, killOn: [], failOn: [], logFile, ...more };
}
const injected = ({ logFile }: FaultPlan) => fs.readFileSync(logFile, 'utf8').trim().split('\n');

describe('the choice of faults', () => {
  const everything = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, { share: 0.2, most: 3 }]));
  const choices = (plan: FaultPlan, place: string) => {
    const faults = new Faults(plan, place);
    return Array.from({ length: 40 }, (_, index) => [
      faults.request(index % 2 ? 'PutItem' : 'SendMessage', ''),
      faults.invocation({}),
      faults.duplicates(),
    ]);
  };

  test('is the same for the same seed and place, and another for others', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 2 }), (seed) => {
        const plan = planOf(everything, { seed });
        const first = choices(plan, 'functions');

        expect(choices(plan, 'functions')).toEqual(first);
        expect(choices(plan, 'services')).not.toEqual(first);
        expect(choices({ ...plan, seed: seed + 1 }, 'functions')).not.toEqual(first);
      }),
      { numRuns: 20 },
    );
  });

  test('has each fault begin once within its first five chances, and without a share never again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
        const faults = new Faults(planOf({ 'duplicate-delivery': { share: 0 } }, { seed }), 'services');

        const struck = Array.from({ length: 50 }, () => faults.duplicates());

        expect(struck.slice(0, 5).filter(Boolean)).toHaveLength(1);
        expect(struck.slice(5)).not.toContain(true);
      }),
      { numRuns: 50 },
    );
  });

  test('strikes at about the share of the chances, and is written down each time', () => {
    const plan = planOf({ 'duplicate-delivery': { share: 0.25 } });
    const faults = new Faults(plan, 'services');

    const struck = Array.from({ length: 2000 }, () => faults.duplicates()).filter(Boolean).length;

    expect(struck).toBeGreaterThan(400);
    expect(struck).toBeLessThan(600);
    expect(injected(plan)).toEqual(Array(struck).fill('duplicate-delivery'));
  });

  test('goes on for a while where a fault is an outage', () => {
    const faults = new Faults(planOf({ 'dynamodb-throttled': { share: 0.01, most: 100 } }), 'services');

    const struck = Array.from({ length: 2000 }, () => faults.request('PutItem', '') !== undefined);

    const inARow = struck
      .join('')
      .split('false')
      .map((row) => row.length / 'true'.length);
    expect(Math.max(...inARow)).toBeGreaterThan(20);
  });

  test('always fails a write that holds one of the texts, and leaves reads alone', () => {
    const faults = new Faults(planOf({}, { failOn: ['order-7'] }), 'services');

    expect(faults.request('PutItem', '{"id":"order-7"}')).toEqual({ kind: 'dynamodb-error', when: 'before' });
    expect(faults.request('PutItem', '{"id":"order-8"}')).toBeUndefined();
    expect(faults.request('PutObject', '{"Key":"order-7"}')).toEqual({ kind: 's3-error', when: 'before' });
    expect(faults.request('PutObject', '{"Key":"order-8"}')).toBeUndefined();
    expect(faults.request('Scan', '{"id":"order-7"}')).toBeUndefined();
    expect(faults.request('GetObject', '{"Key":"order-7"}')).toBeUndefined();
  });

  test('fails the first writes that hold one of the texts, at each table and each bucket', () => {
    const plan = planOf({}, { failFirst: { texts: ['order-7'], times: 2 } });
    const faults = new Faults(plan, 'services');
    const writes = [
      ['PutItem', '{"TableName":"one","id":"order-7"}'],
      ['PutItem', '{"TableName":"two","id":"order-7"}'],
      ['PutObject', '{"Bucket":"one","Key":"order-7"}'],
      ['PutObject', '{"Bucket":"two","Key":"order-7"}'],
    ] as const;

    const refused = writes.map(([operation, input]) =>
      [1, 2, 3].map(() => faults.request(operation, input) !== undefined),
    );

    expect(refused).toEqual(writes.map(() => [true, true, false]));
  });

  test('always kills an invocation whose event holds one of the texts', () => {
    const faults = new Faults(planOf({}, { killOn: ['order-7'] }), 'functions');

    const kinds = Array.from({ length: 30 }, () => faults.invocation({ body: '"order-7"' })?.kind);

    expect(new Set(kinds)).toEqual(new Set(['killed-before-write', 'killed-after-write']));
    expect(faults.invocation({ body: '"order-8"' })).toBeUndefined();
  });
});

describe('services', () => {
  const many = Array.from({ length: 12 }, (_, index) => `id-${index}`);
  let plan: FaultPlan;

  /** Starts emulators that suffer one kind of fault at every chance. */
  function suffer(kind: FaultKind): Promise<void> {
    plan = planOf({ [kind]: { share: 1 } });
    return startEmulators({ faults: plan });
  }
  afterEach(stopEmulators);

  const item = (id: string) => ({ TableName: 'orders', Item: { id: { S: id } } });
  const put = (id: string) => dynamodb.send(new PutItemCommand(item(id)));
  const items = async () =>
    (await dynamodb.send(new ScanCommand({ TableName: 'orders', ConsistentRead: true }))).Count ?? 0;
  const names = async (calls: Promise<unknown>[]) =>
    (await Promise.allSettled(calls)).map((call) =>
      call.status === 'rejected' ? (call.reason as Error).name : 'fine',
    );

  interface Service {
    write: (id: string) => Promise<unknown>;
    written: () => Promise<number>;
  }
  const table = async (): Promise<Service> => {
    await makeTable('orders');
    return { write: put, written: items };
  };
  const queue = async (): Promise<Service> => {
    const url = await makeQueue();
    return { write: (id) => send(url, id), written: () => sizeOf(url) };
  };
  const topic = async (): Promise<Service> => {
    const [url, topicArn] = [await makeQueue(), await makeTopic()];
    await letTopicIn(url, topicArn);
    await subscribe(topicArn, url);
    return { write: (id) => publish(topicArn, id), written: () => sizeOf(url) };
  };
  test.each<[what: string, FaultKind, make: () => Promise<Service>, answer: string, done: string]>([
    ['throttle DynamoDB', 'dynamodb-throttled', table, 'ThrottlingException', 'none'],
    ['have DynamoDB answer 500', 'dynamodb-error', table, 'InternalServerError', 'some'],
    ['are slow', 'slow-call', table, 'fine', 'all'],
    ['refuse a send, or lose its answer', 'sqs-error', queue, 'InternalError', 'some'],
    ['refuse a publish, or lose its answer', 'sns-error', topic, 'InternalErrorException', 'some'],
  ])('%s: %s', async (_, kind, make, answer, done) => {
    await suffer(kind);
    const { write, written } = await make();

    const answers = await names(many.map(write));

    const count = await written();
    expect(answers).toEqual(many.map(() => answer));
    expect(count === 0 ? 'none' : count === many.length ? 'all' : 'some').toBe(done);
    expect(injected(plan)).toEqual(many.map(() => kind));
  });

  test('answer a conflict in the terms of the operation', async () => {
    await suffer('dynamodb-conflict');
    await makeTable('orders');

    const single = await put('a').catch((error: Error) => error);
    const transaction = await dynamodb
      .send(new TransactWriteItemsCommand({ TransactItems: [{ Put: item('a') }, { Put: item('b') }] }))
      .catch((error: Error) => error);

    expect(single).toMatchObject({ name: 'TransactionConflictException' });
    expect(transaction).toMatchObject({
      name: 'TransactionCanceledException',
      CancellationReasons: [{ Code: 'TransactionConflict' }, { Code: 'None' }],
    });
    expect(await items()).toBe(0);
  });

  test('do not delete a message, whatever they say', async () => {
    await suffer('delete-failed');
    const url = await makeQueue();
    for (const body of ['a', 'b']) await send(url, body);
    const messages = await receive(url);

    const answer = await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl: url,
        Entries: messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
      }),
    );

    expect(answer.Failed?.map(({ Id }) => Id)).toEqual(['0']);
    expect(answer.Successful?.map(({ Id }) => Id)).toEqual(['1']);
    expect(await sizeOf(url)).toBe(2);
  });

  test('let S3 ask for fewer requests and write nothing, or lose the answer of a write', async () => {
    await suffer('s3-error');
    const s3 = new S3Client(settings());
    await s3.send(new CreateBucketCommand({ Bucket: 'archive' }));

    const answers = await names(
      many.map((Key) => s3.send(new PutObjectCommand({ Bucket: 'archive', Key, Body: 'text' }))),
    );

    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'archive' }));
    s3.destroy();
    const written = Contents.map(({ Key }) => Key ?? '');
    expect(answers).toEqual(many.map((key) => (written.includes(key) ? 'InternalError' : 'SlowDown')));
    expect(new Set(answers).size).toBe(2);
  });

  test('let S3 refuse an object whose key holds a text of the plan', async () => {
    plan = planOf({}, { failOn: ['order-7'] });
    await startEmulators({ faults: plan });
    const s3 = new S3Client(settings());
    await s3.send(new CreateBucketCommand({ Bucket: 'images' }));

    const answers = await names(
      ['small/order-7', 'small/order-8'].map((Key) =>
        s3.send(new PutObjectCommand({ Bucket: 'images', Key, Body: 'text' })),
      ),
    );
    s3.destroy();

    expect(answers).toEqual(['SlowDown', 'fine']);
  });

  test('put a message into a queue twice, but a dead letter once', async () => {
    await suffer('duplicate-delivery');
    const letters = await makeQueue();
    const url = await makeQueue(redrivePolicy(letters, 5));

    await send(url, 'a');
    await send(letters, 'b');

    expect(await sizeOf(url)).toBe(2);
    expect(await sizeOf(letters)).toBe(1);
  });
});

describe('an invocation', () => {
  let server: http.Server;
  let answered: number;

  beforeAll(async () => {
    server = http.createServer((_, response) => {
      answered += 1;
      response.end('fine');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  /** Invokes a function that makes three requests, one after the other, under the fault. */
  async function invoke(fault: InvocationFault, timeoutSeconds = 30) {
    answered = 0;
    const { port } = server.address() as AddressInfo;
    const struck: string[] = [];
    const faults = { invocation: () => fault, record: (kind: FaultKind) => struck.push(kind) };
    const { target, lines } = localFunction(
      `import http from 'node:http';
       const ask = () => new Promise((done, fail) =>
         http.get('http://127.0.0.1:${port}', (answer) => answer.resume().on('end', done)).on('error', fail));
       export const handler = async () => {
         for (let call = 0; call < 3; call++) await ask();
         console.log('done');
         return 'done';
       }`,
      { timeoutSeconds },
      faults as unknown as Faults,
    );

    const result = await target.invoke({});
    return { result, struck, isDone: lines.includes('done') };
  }

  const [exit, exception] = ['Runtime.ExitError', 'Error'];
  test.each<[what: string, InvocationFault, errorType: string, answered: number, isDone: boolean]>([
    ['throws before its work', { kind: 'handler-exception', when: 'before' }, exception, 0, false],
    ['throws after its work', { kind: 'handler-exception', when: 'after' }, exception, 3, true],
    [
      'is killed before its second request leaves it',
      { kind: 'killed-before-write', count: 2 },
      exit,
      1,
      false,
    ],
    ['is killed after the second answer', { kind: 'killed-after-write', count: 2 }, exit, 2, false],
    ['is killed after its work at the latest', { kind: 'killed-after-write', count: 4 }, exit, 3, true],
    ['hangs until its timeout', { kind: 'function-timeout', count: 1 }, 'Sandbox.Timedout', 1, false],
  ])('%s', async (_, fault, errorType, requests, isDone) => {
    const outcome = await invoke(fault, fault.kind === 'function-timeout' ? 1 : 30);

    expect(outcome.result).toMatchObject({ ok: false, errorType });
    expect({ answered, isDone: outcome.isDone }).toEqual({ answered: requests, isDone });
    expect(outcome.struck).toEqual([fault.kind]);
  });
});
