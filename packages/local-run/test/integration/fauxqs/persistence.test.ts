// A local run whose process is killed, and what the next one finds.

import fs from 'node:fs';
import path from 'node:path';
import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { describe, expect, test } from '@jest/globals';
import { clientSettings } from '../../../src/client/client-settings.ts';
import { KillableRun } from '../../../src/run/killable-run.ts';
import { Emulators } from '../../../src/server/emulators.ts';
import { queueOf, runOf } from '../../fixtures/assembly.ts';
import { makeTable } from '../../fixtures/emulators.ts';
import { temporaryFolder } from '../../fixtures/temporary.ts';

const folder = temporaryFolder('kept-state-');

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
  const handle = ({ ReceiptHandle }: Message) => ({ QueueUrl: url('readings'), ReceiptHandle });
  return {
    send: (MessageBody: string) =>
      sqs.send(new SendMessageCommand({ QueueUrl: url('readings'), MessageBody })),
    /** One message, waiting for it. */
    async receive(name = 'readings', WaitTimeSeconds = 1): Promise<Message | undefined> {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: url(name),
          WaitTimeSeconds,
          MessageSystemAttributeNames: ['ApproximateReceiveCount'],
        }),
      );
      return Messages[0];
    },
    hide: (message: Message, VisibilityTimeout: number) =>
      sqs.send(new ChangeMessageVisibilityCommand({ ...handle(message), VisibilityTimeout })),
    delete: (message: Message) => sqs.send(new DeleteMessageCommand(handle(message))),
    destroy: () => sqs.destroy(),
  };
}

describe('a run that is killed', () => {
  /** Starts a run on the state, lets `work` use its queues, and kills it. */
  async function live<T>(
    state: string,
    work: (queues: ReturnType<typeof queuesAt>) => Promise<T>,
  ): Promise<T> {
    const run = await KillableRun.start({ ...options, stateDirectory: path.join(folder, state) });
    const queues = queuesAt(run.endpoint.endpoint);
    const result = await work(queues);
    queues.destroy();
    await run.kill();
    return result;
  }

  test('keeps what was sent and forgets what was deleted, also in its second life', async () => {
    await live('lives', async ({ send }) => {
      await send('first');
    });
    await live('lives', async ({ send, receive, delete: remove }) => {
      const first = await receive();
      expect(first?.Body).toBe('first');
      await remove(first as Message);
      await send('second');
    });

    const found = await live('lives', async ({ receive }) => [await receive(), await receive()]);

    expect(found.map((message) => message?.Body)).toEqual(['second', undefined]);
  });

  test('keeps a message that was given back at once, with its count', async () => {
    await live('given-back', async ({ send, receive, hide }) => {
      await send('again');
      await hide((await receive()) as Message, 0);
    });

    const again = await live('given-back', ({ receive }) => receive());

    expect(again).toMatchObject({ Body: 'again', Attributes: { ApproximateReceiveCount: '2' } });
  });

  test('keeps a dead letter in the dead-letter queue', async () => {
    await live('letters', async ({ send, receive, hide }) => {
      await send('poison');
      for (let count = 0; count < 2; count++) await hide((await receive()) as Message, 0);
      expect(await receive('readings', 0)).toBeUndefined();
    });

    const found = await live('letters', async ({ receive }) => [await receive(), await receive('letters')]);

    expect(found.map((message) => message?.Body)).toEqual([undefined, 'poison']);
  });
});

describe('a DynamoDB transaction', () => {
  const stateDirectory = path.join(folder, 'transactions');
  const journal = path.join(stateDirectory, 'dynamodb-transaction.json');
  const put = (id: string, value: string) => ({
    TableName: 'stock',
    Item: { id: { S: id }, value: { S: value } },
  });

  test('that was cut off in the middle did not happen, and one that ended did', async () => {
    const first = await Emulators.start({ port: 0, stateDirectory });
    const client = new DynamoDBClient(clientSettings(first.endpoint));
    await makeTable('stock', client);
    await client.send(
      new TransactWriteItemsCommand({ TransactItems: [{ Put: put('a', 'old') }, { Put: put('c', 'old') }] }),
    );
    expect(fs.existsSync(journal)).toBe(false);
    // As a process leaves them that is killed after two of three writes.
    await client.send(new PutItemCommand(put('a', 'new')));
    await client.send(new PutItemCommand(put('b', 'new')));
    client.destroy();
    await first.stop();
    fs.writeFileSync(
      journal,
      JSON.stringify([
        { data: put('a', 'new'), old: put('a', 'old').Item },
        { data: put('b', 'new') },
        { data: put('c', 'new'), old: put('c', 'old').Item },
      ]),
    );

    const second = await Emulators.start({ port: 0, stateDirectory });
    const later = new DynamoDBClient(clientSettings(second.endpoint));
    const values = await Promise.all(
      ['a', 'b', 'c'].map(async (id) => {
        const { Item } = await later.send(new GetItemCommand({ TableName: 'stock', Key: { id: { S: id } } }));
        return Item?.value?.S;
      }),
    );
    later.destroy();
    await second.stop();

    expect(values).toEqual(['old', undefined, 'old']);
    expect(fs.existsSync(journal)).toBe(false);
  });
});

describe('with a time scale', () => {
  test('a visibility timeout, a change of it and a delay pass that much faster', async () => {
    const run = await KillableRun.start({ ...options, timeScale: 600 });
    const { send, receive, hide, destroy } = queuesAt(run.endpoint.endpoint);
    await send('again');

    const first = await receive();
    const second = await receive('readings', 20);
    await hide(second as Message, 600);
    const letter = await receive('readings', 3).then(() => receive('letters', 20));
    destroy();
    await run.stop();

    const counts = [first, second].map((message) => message?.Attributes?.ApproximateReceiveCount);
    expect(counts).toEqual(['1', '2']);
    expect(letter?.Body).toBe('again');
  });
});
