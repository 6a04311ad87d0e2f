// A local run whose process is killed, and what the next one finds.
import fs from 'node:fs';
import path from 'node:path';
import { GetItemCommand, PutItemCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { expect, test } from '@jest/globals';
import { clientSettings } from '../../../src/client/client-settings.ts';
import { KillableRun } from '../../../src/run/killable-run.ts';
import { queueOf, runOf } from '../../fixtures/assembly.ts';
import {
  dynamodb,
  makeTable,
  receive as receiveFrom,
  send as sendTo,
  startEmulators,
  stopEmulators,
} from '../../fixtures/emulators.ts';
import { temporaryFolder } from '../../fixtures/temporary.ts';

const options = runOf({
  Letters: queueOf({ QueueName: 'letters' }),
  Readings: queueOf({
    QueueName: 'readings',
    VisibilityTimeout: 60,
    RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Letters', 'Arn'] }, maxReceiveCount: 2 },
  }),
});

/** The queues of a run at this address. */
function queuesAt(endpoint: string) {
  const sqs = new SQSClient(clientSettings(endpoint));
  const url = (name: string) => `${endpoint}/000000000000/${name}`;
  const handle = (message?: Message) => ({
    QueueUrl: url('readings'),
    ReceiptHandle: message?.ReceiptHandle,
  });
  return {
    send: (body: string) => sendTo(url('readings'), body, {}, sqs),
    /** One message, waiting for it. */
    async receive(name = 'readings', WaitTimeSeconds = 1): Promise<Message | undefined> {
      const [message] = await receiveFrom(url(name), { MaxNumberOfMessages: 1, WaitTimeSeconds }, sqs);
      return message;
    },
    hide: (message: Message | undefined, VisibilityTimeout: number) =>
      sqs.send(new ChangeMessageVisibilityCommand({ ...handle(message), VisibilityTimeout })),
    delete: (message?: Message) => sqs.send(new DeleteMessageCommand(handle(message))),
    destroy: () => sqs.destroy(),
  };
}

test('a run that is killed keeps messages with their counts, forgets those that were deleted, and keeps dead letters', async () => {
  const stateDirectory = temporaryFolder('killed-');
  /** Starts a run on the state, uses its queues, and kills it. */
  async function live<T>(work: (queues: ReturnType<typeof queuesAt>) => Promise<T>): Promise<T> {
    const run = await KillableRun.start({ ...options, stateDirectory });
    const queues = queuesAt(run.endpoint.endpoint);
    const result = await work(queues);
    queues.destroy();
    await run.kill();
    return result;
  }

  await live(async ({ send }) => {
    await send('deleted');
    await send('poison');
  });
  const second = await live(async ({ receive, hide, delete: remove }) => {
    const messages = [await receive(), await receive()];
    await remove(messages[0]);
    await hide(messages[1], 0);
    return messages;
  });
  const third = await live(async ({ send, receive, hide }) => {
    const poison = await receive();
    await hide(poison, 0);
    await send('later');
    return [poison, await receive()];
  });
  const fourth = await live(async ({ receive }) => [await receive('readings', 0), await receive('letters')]);

  const triesOf = (messages: (Message | undefined)[]) =>
    messages.map((message) => [message?.Body, message?.Attributes?.ApproximateReceiveCount]);
  expect(triesOf(second)).toEqual([
    ['deleted', '1'],
    ['poison', '1'],
  ]);
  expect(triesOf(third)).toEqual([
    ['poison', '2'],
    ['later', '1'],
  ]);
  // What was in flight stays hidden for the minute of its visibility timeout.
  expect(fourth.map((message) => message?.Body)).toEqual([undefined, 'poison']);
});

test('a DynamoDB transaction that was cut off in the middle did not happen, and one that ended did', async () => {
  const stateDirectory = temporaryFolder('transactions-');
  const journal = path.join(stateDirectory, 'dynamodb-transaction.json');
  const put = (id: string, value: string) => ({
    TableName: 'stock',
    Item: { id: { S: id }, value: { S: value } },
  });
  await startEmulators({ stateDirectory });
  await makeTable('stock');
  await dynamodb.send(
    new TransactWriteItemsCommand({ TransactItems: [{ Put: put('a', 'old') }, { Put: put('c', 'old') }] }),
  );
  expect(fs.existsSync(journal)).toBe(false);
  // As a process leaves them that is killed after two of three writes.
  for (const id of ['a', 'b']) await dynamodb.send(new PutItemCommand(put(id, 'new')));
  await stopEmulators();
  fs.writeFileSync(
    journal,
    JSON.stringify([
      { data: put('a', 'new'), old: put('a', 'old').Item },
      { data: put('b', 'new') },
      { data: put('c', 'new'), old: put('c', 'old').Item },
    ]),
  );

  await startEmulators({ stateDirectory });
  const values: (string | undefined)[] = [];
  for (const id of ['a', 'b', 'c']) {
    const { Item } = await dynamodb.send(new GetItemCommand({ TableName: 'stock', Key: { id: { S: id } } }));
    values.push(Item?.value?.S);
  }
  await stopEmulators();

  expect(values).toEqual(['old', undefined, 'old']);
  expect(fs.existsSync(journal)).toBe(false);
});

test('with a time scale a visibility timeout, a change of it and a delay pass that much faster', async () => {
  const run = await KillableRun.start({ ...options, timeScale: 600 });
  const { send, receive, hide, destroy } = queuesAt(run.endpoint.endpoint);
  await send('again');

  const first = await receive();
  const second = await receive('readings', 20);
  await hide(second, 600);
  const letter = await receive('readings', 3).then(() => receive('letters', 20));
  destroy();
  await run.stop();

  const counts = [first, second].map((message) => message?.Attributes?.ApproximateReceiveCount);
  expect(counts).toEqual(['1', '2']);
  expect(letter?.Body).toBe('again');
});
