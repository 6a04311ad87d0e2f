import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import {
  CreateQueueCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Emulators } from '@order-fan-out/local-run/server/emulators';
import type { SQSRecord } from 'aws-lambda';
import fc from 'fast-check';
import { batchHandler } from '../../../lambda/batch.ts';
import { PermanentError } from '../../../lambda/permanent-error.ts';
import { captureLogs } from '../../fixtures/order-logs.ts';
import { lambdaContext, sqsRecord } from '../../fixtures/order-queue.ts';

let emulators: Emulators;
let sqs: SQSClient;
let output: ReturnType<typeof captureLogs>;
let made = 0;
let queue: string;
let letters: string;
let begun: string[];
let handle: (reading: string) => Promise<string>;

beforeAll(async () => {
  emulators = await Emulators.start({ port: 0 });
  sqs = new SQSClient({
    endpoint: emulators.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  output = captureLogs();
});

afterAll(async () => {
  output.restore();
  sqs.destroy();
  await emulators.stop();
});

beforeEach(async () => {
  made += 1;
  const create = async (QueueName: string) =>
    (await sqs.send(new CreateQueueCommand({ QueueName, Attributes: { FifoQueue: 'true' } }))).QueueUrl ?? '';
  queue = await create(`readings-${made}.fifo`);
  letters = await create(`letters-${made}.fifo`);
  output.clear();
  begun = [];
  handle = async (reading) => reading;
});

/** The first letter is the group. */
const send = async (...readings: string[]) => {
  for (const reading of readings) {
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: queue,
        MessageBody: JSON.stringify(reading),
        MessageGroupId: reading.slice(0, 1),
        MessageDeduplicationId: reading,
      }),
    );
  }
};
const receive = async (QueueUrl = queue): Promise<Message[]> => {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['All'],
    }),
  );
  return Messages;
};
const ARN = 'arn:aws:sqs:us-east-1:000000000000:readings.fifo';
const asRecord = (message: Message, eventSourceARN = ARN): SQSRecord => ({
  ...sqsRecord(message),
  eventSourceARN,
});

async function consume(
  Records: SQSRecord[],
  {
    onPermanentError,
    maxReceiveCount = 5,
  }: { onPermanentError?: 'skip' | 'block'; maxReceiveCount?: number } = {},
): Promise<string[]> {
  const handler = batchHandler(
    {
      parse: String,
      identify: () => ({}),
      handle: (reading) => {
        begun.push(reading);
        return handle(reading);
      },
    },
    {
      sqs,
      consumer: 'telemetry',
      url: queue,
      deadLetterUrl: letters,
      maxReceiveCount,
      onPermanentError,
      logger: new Logger({ serviceName: 'telemetry' }),
      metrics: new Metrics({ namespace: 'Test', serviceName: 'telemetry' }),
    },
  );
  const { batchItemFailures } = await handler({ Records }, lambdaContext());
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  return Records.filter(({ messageId }) => failed.has(messageId)).map(({ body }) => JSON.parse(body));
}

const failAt = (...those: string[]) => {
  handle = async (reading) => {
    if (those.includes(reading)) throw new Error('store is down');
    return reading;
  };
};

test('the messages of a group are handled one after the other, groups side by side', async () => {
  await send('a1', 'a2', 'b1', 'b2');
  const running: string[] = [];
  const together: string[][] = [];
  handle = async (reading) => {
    running.push(reading);
    together.push([...running]);
    await new Promise(setImmediate);
    running.splice(running.indexOf(reading), 1);
    return reading;
  };

  const failed = await consume((await receive()).map((message) => asRecord(message)));

  expect(failed).toEqual([]);
  expect(together.filter((each) => each.filter((reading) => reading.startsWith('a')).length > 1)).toEqual([]);
  expect(together.some((each) => each.length === 2)).toBe(true);
});

test('behind one that failed the rest of its group comes back untried, and other groups go on', async () => {
  await send('a1', 'a2', 'a3', 'b1', 'b2');
  failAt('a2');

  const failed = await consume((await receive()).map((message) => asRecord(message)));

  expect(failed).toEqual(['a2', 'a3']);
  expect(begun.sort()).toEqual(['a1', 'a2', 'b1', 'b2']);
});

test('the rest of the group comes back together with the one that failed', async () => {
  await send('a1', 'a2', 'a3');
  failAt('a1');
  await consume((await receive()).map((message) => asRecord(message)));

  // The longest delay after a first try: contract/retries.ts.
  await emulators.api.passTime(20);

  expect((await receive()).map(({ Body }) => JSON.parse(Body ?? ''))).toEqual(['a1', 'a2', 'a3']);
});

test('the log says how many messages the failed one holds up', async () => {
  await send('a1', 'a2', 'a3');
  failAt('a1');

  await consume((await receive()).map((message) => asRecord(message)));

  expect(output.logs().filter(({ heldUp }) => heldUp !== undefined)).toMatchObject([{ heldUp: 2 }]);
});

test('a group goes on past its dead letter, which keeps the group and has the message ID for deduplication', async () => {
  await send('a1', 'a2');
  handle = async (reading) => {
    if (reading === 'a1') throw new PermanentError('NoReading', 'never');
    return reading;
  };
  const messages = await receive();

  const failed = await consume(messages.map((message) => asRecord(message)));

  expect(failed).toEqual([]);
  expect(begun).toEqual(['a1', 'a2']);
  expect(await receive(letters)).toMatchObject([
    { Attributes: { MessageGroupId: 'a', MessageDeduplicationId: messages[0]?.MessageId } },
  ]);
});

test('with onPermanentError block a permanent error holds up its group, without a dead letter', async () => {
  await send('a1', 'a2', 'b1');
  handle = async (reading) => {
    if (reading === 'a1') throw new PermanentError('NoReading', 'never');
    return reading;
  };

  const failed = await consume(
    (await receive()).map((message) => asRecord(message)),
    { onPermanentError: 'block' },
  );

  expect(failed).toEqual(['a1', 'a2']);
  expect(await receive(letters)).toEqual([]);
});

test('with onPermanentError block the group goes on once all tries are used up', async () => {
  await send('a1', 'a2');
  handle = async (reading) => {
    if (reading === 'a1') throw new PermanentError('NoReading', 'never');
    return reading;
  };

  const failed = await consume(
    (await receive()).map((message) => asRecord(message)),
    { onPermanentError: 'block', maxReceiveCount: 1 },
  );

  expect(failed).toEqual([]);
  expect(await receive(letters)).toHaveLength(1);
});

test('groups of a standard queue, which make it fair, order nothing', async () => {
  await send('a1', 'a2');
  failAt('a1');
  const records = (await receive()).map((message) => asRecord(message, ARN.replace('.fifo', '')));

  expect(await consume(records, { onPermanentError: 'block' })).toEqual(['a1']);
  expect(begun).toEqual(['a1', 'a2']);
});

test('whatever fails, no message of a group is handled after a failure in it, nor before an earlier one', async () => {
  const reading = fc.record({ group: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(reading, { maxLength: 10 }), async (readings) => {
      begun = [];
      const names = readings.map(({ group }, index) => `${group}${index}`);
      failAt(...names.filter((_, index) => readings[index]?.fails));
      const records = names.map((name, index) =>
        asRecord({
          MessageId: name,
          ReceiptHandle: String(index),
          Body: JSON.stringify(name),
          Attributes: { MessageGroupId: name.slice(0, 1) },
        }),
      );

      const failed = await consume(records);

      for (const group of ['a', 'b', 'c']) {
        const ofGroup = names.filter((name) => name.startsWith(group));
        const first = ofGroup.findIndex((name) => readings[names.indexOf(name)]?.fails);
        const tried = first < 0 ? ofGroup : ofGroup.slice(0, first + 1);
        expect(begun.filter((name) => name.startsWith(group))).toEqual(tried);
        expect(failed.filter((name) => name.startsWith(group))).toEqual(
          first < 0 ? [] : ofGroup.slice(first),
        );
      }
    }),
    { numRuns: 50 },
  );
});
