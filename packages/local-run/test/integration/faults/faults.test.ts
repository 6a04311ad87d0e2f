import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  FAULT_KINDS,
  type FaultKind,
  type FaultPlan,
  type InvocationFault,
} from '../../../src/faults/fault-plan.ts';
import { Faults } from '../../../src/faults/faults.ts';
import { LocalFunction } from '../../../src/lambda/local-function.ts';
import { Emulators } from '../../../src/server/emulators.ts';
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
    expect(faults.request('Scan', '{"id":"order-7"}')).toBeUndefined();
  });

  test('always kills an invocation whose event holds one of the texts', () => {
    const faults = new Faults(planOf({}, { killOn: ['order-7'] }), 'functions');

    const kinds = Array.from({ length: 30 }, () => faults.invocation({ body: '"order-7"' })?.kind);

    expect(new Set(kinds)).toEqual(new Set(['killed-before-write', 'killed-after-write']));
    expect(faults.invocation({ body: '"order-8"' })).toBeUndefined();
  });
});

describe('services', () => {
  let emulators: Emulators | undefined;
  let clients: { s3: S3Client; sns: SNSClient; sqs: SQSClient; dynamodb: DynamoDBClient };
  let plan: FaultPlan;

  /** Emulators that suffer one kind of fault at every chance. */
  async function suffering(kind: FaultKind): Promise<typeof clients> {
    plan = planOf({ [kind]: { share: 1 } });
    emulators = await Emulators.start({ port: 0, faults: plan });
    const client = {
      endpoint: emulators.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
    };
    clients = {
      s3: new S3Client({ ...client, forcePathStyle: true }),
      sns: new SNSClient(client),
      sqs: new SQSClient(client),
      dynamodb: new DynamoDBClient(client),
    };
    return clients;
  }

  afterEach(async () => {
    for (const client of Object.values(clients)) client.destroy();
    await emulators?.stop();
  });

  async function table(): Promise<void> {
    await clients.dynamodb.send(
      new CreateTableCommand({
        TableName: 'orders',
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
  }
  const item = (id: string) => ({ TableName: 'orders', Item: { id: { S: id } } });
  const put = (id: string) => clients.dynamodb.send(new PutItemCommand(item(id)));
  const isThere = async (id: string) =>
    (await clients.dynamodb.send(new GetItemCommand({ TableName: 'orders', Key: { id: { S: id } } })))
      .Item !== undefined;
  const queue = async (name: string, attributes: Record<string, string> = {}) =>
    (await clients.sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }))).QueueUrl ??
    '';
  const send = (QueueUrl: string, MessageBody: string) =>
    clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  const size = async (QueueUrl: string) => {
    const { Attributes = {} } = await clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    return (
      Number(Attributes.ApproximateNumberOfMessages) +
      Number(Attributes.ApproximateNumberOfMessagesNotVisible)
    );
  };
  const names = async (calls: Promise<unknown>[]) =>
    (await Promise.allSettled(calls)).map((call) =>
      call.status === 'rejected' ? (call.reason as Error).name : 'fine',
    );
  const many = Array.from({ length: 12 }, (_, index) => `id-${index}`);

  test('throttle DynamoDB: nothing is written', async () => {
    await suffering('dynamodb-throttled');
    await table();

    expect(await names(many.map(put))).toEqual(many.map(() => 'ThrottlingException'));
    expect(await Promise.all(many.map(isThere))).toEqual(many.map(() => false));
  });

  test('answer a conflict in the terms of the operation', async () => {
    const { dynamodb } = await suffering('dynamodb-conflict');
    await table();

    const single = await put('a').catch((error: Error) => error);
    const transaction = await dynamodb
      .send(new TransactWriteItemsCommand({ TransactItems: [{ Put: item('a') }, { Put: item('b') }] }))
      .catch((error: Error) => error);

    expect(single).toMatchObject({ name: 'TransactionConflictException' });
    expect(transaction).toMatchObject({
      name: 'TransactionCanceledException',
      CancellationReasons: [{ Code: 'TransactionConflict' }, { Code: 'None' }],
    });
    expect(await isThere('a')).toBe(false);
  });

  test('answer 500, sometimes with nothing done and sometimes with all of it', async () => {
    await suffering('dynamodb-error');
    await table();

    expect(await names(many.map(put))).toEqual(many.map(() => 'InternalServerError'));
    const written = (await Promise.all(many.map(isThere))).filter(Boolean).length;
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(many.length);
  });

  test('are slow, but do what they were asked', async () => {
    await suffering('slow-call');
    await table();

    expect(await names(many.map(put))).toEqual(many.map(() => 'fine'));
    expect(await Promise.all(many.map(isThere))).toEqual(many.map(() => true));
    expect(injected(plan)).toEqual(many.map(() => 'slow-call'));
  });

  test('refuse or lose the answer of a send', async () => {
    await suffering('sqs-error');
    const url = await queue('letters');

    expect(await names(many.map((body) => send(url, body)))).toEqual(many.map(() => 'InternalError'));
    expect(await size(url)).toBeGreaterThan(0);
    expect(await size(url)).toBeLessThan(many.length);
  });

  test('do not delete a message, whatever they say', async () => {
    const { sqs } = await suffering('delete-failed');
    const url = await queue('readings');
    await send(url, 'a');
    await send(url, 'b');
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }),
    );

    const answer = await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl: url,
        Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
      }),
    );

    expect(answer.Failed?.map(({ Id }) => Id)).toEqual(['0']);
    expect(answer.Successful?.map(({ Id }) => Id)).toEqual(['1']);
    expect(await size(url)).toBe(2);
  });

  test('refuse a publish, or lose its answer', async () => {
    const { sns } = await suffering('sns-error');
    const Statement = { Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage', Resource: '*' };
    const url = await queue('orders', { Policy: JSON.stringify({ Statement }) });
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'orders' }));
    const arn = 'arn:aws:sqs:us-east-1:000000000000:orders';
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: arn }));

    const answers = await names(many.map((Message) => sns.send(new PublishCommand({ TopicArn, Message }))));

    expect(answers).toEqual(many.map(() => 'InternalErrorException'));
    expect(await size(url)).toBeGreaterThan(0);
    expect(await size(url)).toBeLessThan(many.length);
  });

  test('let S3 ask for fewer requests and write nothing, or lose the answer of a write', async () => {
    const { s3 } = await suffering('s3-error');
    await s3.send(new CreateBucketCommand({ Bucket: 'archive' }));

    const answers = await names(
      many.map((Key) => s3.send(new PutObjectCommand({ Bucket: 'archive', Key, Body: 'text' }))),
    );

    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'archive' }));
    const written = Contents.map(({ Key }) => Key ?? '');
    expect(answers).toEqual(many.map((key) => (written.includes(key) ? 'InternalError' : 'SlowDown')));
    expect(new Set(answers).size).toBe(2);
  });

  test('put a message into a queue twice, but a dead letter once', async () => {
    await suffering('duplicate-delivery');
    const letters = await queue('letters');
    const url = await queue('readings', {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:letters',
        maxReceiveCount: 5,
      }),
    });

    await send(url, 'a');
    await send(letters, 'b');

    expect(await size(url)).toBe(2);
    expect(await size(letters)).toBe(1);
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
    const { target: sound, lines } = localFunction(
      `import http from 'node:http';
       const ask = () => new Promise((done, fail) =>
         http.get('http://127.0.0.1:${port}', (answer) => answer.resume().on('end', done)).on('error', fail));
       export const handler = async () => {
         for (let call = 0; call < 3; call++) await ask();
         console.log('done');
         return 'done';
       }`,
      { timeoutSeconds },
    );
    const struck: string[] = [];
    const faults = {
      invocation: () => fault,
      recordInjected: ({ kind }: InvocationFault) => struck.push(kind),
    };
    const events = { log: (_: string, line: string) => lines.push(line), refused() {}, measured() {} };
    const target = new LocalFunction(sound.definition, events, faults as unknown as Faults);

    const result = await target.invoke({});
    await target.stop();
    return { result, struck, isDone: lines.includes('done') };
  }

  test.each<[string, InvocationFault, { errorType: string; answered: number; isDone: boolean }]>([
    [
      'throws before its work',
      { kind: 'handler-exception', when: 'before' },
      { errorType: 'Error', answered: 0, isDone: false },
    ],
    [
      'throws after its work',
      { kind: 'handler-exception', when: 'after' },
      { errorType: 'Error', answered: 3, isDone: true },
    ],
    [
      'is killed before its second request leaves it',
      { kind: 'killed-before-write', count: 2 },
      { errorType: 'Runtime.ExitError', answered: 1, isDone: false },
    ],
    [
      'is killed after the second answer',
      { kind: 'killed-after-write', count: 2 },
      { errorType: 'Runtime.ExitError', answered: 2, isDone: false },
    ],
    [
      'is killed after its work at the latest',
      { kind: 'killed-after-write', count: 4 },
      { errorType: 'Runtime.ExitError', answered: 3, isDone: true },
    ],
  ])('%s', async (_, fault, expected) => {
    const { result, struck, isDone } = await invoke(fault);

    expect(result).toMatchObject({ ok: false, errorType: expected.errorType });
    expect({ answered, isDone }).toEqual({ answered: expected.answered, isDone: expected.isDone });
    expect(struck).toEqual([fault.kind]);
  });

  test('hangs until its timeout', async () => {
    const { result, isDone } = await invoke({ kind: 'function-timeout', count: 1 }, 1);

    expect(result).toMatchObject({ ok: false, errorType: 'Sandbox.Timedout' });
    expect({ answered, isDone }).toEqual({ answered: 1, isDone: false });
  });
});
