// Hostile messages through the real path: topic, filters, queues, the bundles that AWS would run, tables and dead letters.
import fs from 'node:fs';
import path from 'node:path';
import { type AttributeValue, paginateScan } from '@aws-sdk/client-dynamodb';
import { PublishCommand } from '@aws-sdk/client-sns';
import { type Message, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { lookAtDeadLetters } from '../../cli/dead-letters/look.ts';
import { recordsTable } from '../../contract/stack-outputs.ts';
import { orderEvents } from '../../domain/events.ts';
import { type Attributes, CONSUMERS, type Consumer, hostileMessages } from '../fixtures/hostile-messages.ts';
import { anOrder } from '../fixtures/order-fixtures.ts';
import { PROJECT } from '../fixtures/project.ts';
import { type RunningStack, startStack } from '../fixtures/running-stack.ts';

type Item = Record<string, AttributeValue>;

let running: RunningStack;
const letters: Record<Consumer, Message[]> = { billing: [], shipping: [], inventory: [] };
/** By orderId. */
const records: Record<Consumer, Map<string, Item>> = {
  billing: new Map(),
  shipping: new Map(),
  inventory: new Map(),
};

const goodId = (index: number) => `good-${index}`;

beforeAll(async () => {
  const assembly = path.join(temporaryFolder('hostile-'), 'cdk.out');
  await synthesize(PROJECT, assembly);
  running = await startStack(assembly);
  const { clients, stack, run } = running;

  // All of it before anybody consumes, a good order after each: every batch then holds both kinds.
  for (const [index, { body, attributes, into }] of hostileMessages.entries()) {
    if (into === 'topic') await publish(body, attributes);
    else {
      for (const { queueUrl: QueueUrl } of stack.consumers) {
        await clients.sqs.send(
          new SendMessageCommand({ QueueUrl, MessageBody: body, MessageAttributes: attributes }),
        );
      }
    }
    await publishGood(index);
  }
  run.consume();
  await drain();
  await Promise.all(
    CONSUMERS.map(async (consumer) => {
      const { deadLetterQueueUrl } = running.consumer(consumer);
      await lookAtDeadLetters(clients.sqs, deadLetterQueueUrl, (letter) => letters[consumer].push(letter));
      records[consumer] = await readRecords(consumer);
    }),
  );
});

afterAll(() => running.stop());

test.each(hostileMessages)('$name ends where it must', ({ body, orderId, outcome, says }) => {
  const seen = CONSUMERS.map((consumer) => {
    const letter = letterWith(consumer, body);
    const isRecorded = records[consumer].has(orderId);
    if (letter && isRecorded) return [consumer, 'processed and dead-lettered'];
    const reason = letter?.MessageAttributes?.DeadLetterError?.StringValue;
    return [consumer, reason ?? (isRecorded ? 'processed' : 'filtered')];
  });

  expect(Object.fromEntries(seen)).toEqual(outcome);
  for (const letter of CONSUMERS.map((consumer) => letterWith(consumer, body))) {
    if (letter) expect(letter.MessageAttributes?.DeadLetterMessage?.StringValue).toContain(says);
  }
});

describe.each(CONSUMERS)('%s', (consumer) => {
  const refused = hostileMessages.filter(
    ({ outcome }) => outcome[consumer] !== 'processed' && outcome[consumer] !== 'filtered',
  );

  test('dead-letters each message once, after one try, as it came', () => {
    // By name: bodies would make a failure unreadable.
    expect(letters[consumer].map(nameOf).sort()).toEqual(refused.map(({ name }) => name).sort());
    for (const { body, attributes } of refused) {
      const letter = letterWith(consumer, body);
      const { displaced, ...context } = contextOf(letter);
      const kept = letter?.MessageAttributes ?? {};

      expect(context).toMatchObject({ consumer, attempts: 1 });
      for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith('DeadLetter')) continue;
        const { DataType, StringValue, BinaryValue } = kept[name] ?? fromRecord(displaced?.[name]);
        expect({ name, DataType, StringValue, BinaryValue: bytes(BinaryValue) }).toEqual({
          name,
          DataType: value.DataType,
          StringValue: value.StringValue,
          BinaryValue: bytes(value.BinaryValue),
        });
      }
    }
  });

  test('takes the good orders out of the batches that hold bad ones', () => {
    const processed = logOf(consumer).filter(({ orderId = '' }) => orderId.startsWith('good-'));

    expect(processed.map(({ orderId }) => orderId).sort()).toEqual(
      hostileMessages.map((_, index) => goodId(index)).sort(),
    );
    const batches = new Set(processed.map(({ requestId }) => requestId));
    for (const letter of letters[consumer]) expect(batches).toContain(contextOf(letter).requestId);
    for (let index = 0; index < hostileMessages.length; index++) {
      expect([...records[consumer].keys()]).toContain(goodId(index));
    }
  });

  test('records nothing beyond the contract', () => {
    const clean = Object.keys(records[consumer].get(goodId(0)) ?? {}).sort();
    for (const { orderId, outcome } of hostileMessages) {
      if (outcome[consumer] !== 'processed') continue;
      const record = records[consumer].get(orderId);
      expect({ orderId, fields: Object.keys(record ?? {}).sort() }).toEqual({ orderId, fields: clean });
      expect(JSON.stringify(record).includes('polluted')).toBe(false);
    }
  });

  test('logs neither a crash nor a body', () => {
    const { functionName } = running.consumer(consumer);
    const log = fs.readFileSync(path.join(running.folder, 'logs', `${functionName}.log`), 'utf8');

    for (const word of ['Task timed out', 'Runtime.', 'will be tried again', 'Lovelace']) {
      expect(log.includes(word) && word).toBe(false);
    }
  });
});

test('a message of nothing is refused by SNS', async () => {
  await expect(publish('', orderEvents.attributesOf(anOrder()))).rejects.toThrow();
});

test('the run goes on, and has met no problem', async () => {
  await publishGood(hostileMessages.length);
  await drain();

  for (const consumer of CONSUMERS) {
    expect((await readRecords(consumer)).has(goodId(hostileMessages.length))).toBe(true);
  }
  expect(running.run.problems).toEqual([]);
});

async function publish(Message: string, MessageAttributes: Attributes): Promise<void> {
  const TopicArn = running.stack.topicArn;
  await running.clients.sns.send(new PublishCommand({ TopicArn, Message, MessageAttributes }));
}

async function publishGood(index: number): Promise<void> {
  const order = anOrder({ orderId: goodId(index) });
  await publish(JSON.stringify(order), orderEvents.attributesOf(order));
}

async function drain(): Promise<void> {
  if (!(await running.empty())) throw new Error('the queues did not become empty');
}

async function readRecords(consumer: Consumer): Promise<Map<string, Item>> {
  const found = new Map<string, Item>();
  const TableName = recordsTable(running.consumer(consumer))?.name;
  for await (const { Items = [] } of paginateScan({ client: running.clients.dynamodb }, { TableName })) {
    for (const item of Items) found.set(item.orderId?.S ?? '', item);
  }
  return found;
}

function letterWith(consumer: Consumer, body: string): Message | undefined {
  return letters[consumer].find(({ Body }) => Body === body);
}

function nameOf({ Body }: Message): string {
  return hostileMessages.find(({ body }) => body === Body)?.name ?? 'a message that is not among them';
}

function contextOf(letter: Message | undefined) {
  return JSON.parse(letter?.MessageAttributes?.DeadLetterContext?.StringValue ?? '{}');
}

/** An attribute that had to give way to the reason, as it was. */
function fromRecord(attribute: { dataType?: string; stringValue?: string; binaryValue?: string } = {}) {
  const { dataType, stringValue, binaryValue } = attribute;
  return {
    DataType: dataType,
    StringValue: stringValue,
    BinaryValue: binaryValue === undefined ? undefined : Buffer.from(binaryValue, 'base64'),
  };
}

function bytes(value: Uint8Array | undefined): number[] | undefined {
  return value && Array.from(value);
}

const logOf = (consumer: Consumer) =>
  running.logOf(consumer).filter(({ message }) => message === 'created' || message === 'backordered');
