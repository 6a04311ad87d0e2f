import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import fc from 'fast-check';
import { batchHandler, type Queue, recordsHandler } from '../../../lambda/batch.ts';
import { PermanentError } from '../../../lambda/permanent-error.ts';
import { captureLogs } from '../../fixtures/captured-logs.ts';
import { lambdaContext, sqsRecord, startQueues } from '../../fixtures/test-queues.ts';

// Sensor readings, not orders: the batch knows nothing of what it carries.
type Reading = { sensor: string; celsius: number };

let servers: Awaited<ReturnType<typeof startQueues>>;
let queue: Awaited<ReturnType<typeof servers.newPair>>;
let sqs: SQSClient;
let output: ReturnType<typeof captureLogs>;
let handled: Reading[];
let handle: (reading: Reading, signal: AbortSignal) => Promise<string>;

beforeAll(async () => {
  servers = await startQueues();
  sqs = new SQSClient({
    endpoint: servers.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    useQueueUrlAsEndpoint: false,
    maxAttempts: 1,
  });
  output = captureLogs();
});

afterAll(async () => {
  output.restore();
  sqs.destroy();
  await servers.close();
});

beforeEach(async () => {
  queue = await servers.newPair();
  output.clear();
  handled = [];
  handle = async (reading) => {
    handled.push(reading);
    return 'stored';
  };
});

afterEach(() => servers.failing.clear());

function parse(value: unknown): Reading {
  if (typeof (value as Reading | null)?.celsius === 'number') return value as Reading;
  throw new PermanentError('NoReading', 'celsius must be a number');
}

function identify(value: unknown): Record<string, string> {
  return { sensor: String((value as Reading | null)?.sensor) };
}

const settings = (): Queue => ({
  sqs,
  consumer: 'telemetry',
  url: queue.url,
  deadLetterUrl: queue.deadLetterUrl,
  maxReceiveCount: 5,
  logger: new Logger({ serviceName: 'telemetry' }),
  metrics: new Metrics({ namespace: 'Test', serviceName: 'telemetry' }),
});

function consume(event: SQSEvent, context = lambdaContext(), more: Partial<Queue> = {}) {
  const handler = batchHandler(
    { parse, identify, handle: (reading: Reading, signal) => handle(reading, signal) },
    { ...settings(), ...more },
  );
  return handler(event, context);
}

const storeDown = () => Promise.reject(new Error('store is down'));
/** Bodies of the records that were reported as failed. */
const failedOf = ({ Records }: SQSEvent, { batchItemFailures }: SQSBatchResponse): string[] => {
  const failed = batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  return Records.filter(({ messageId }) => failed.includes(messageId)).map(({ body }) => body);
};

function reading(sensor: string) {
  return JSON.stringify({ sensor, celsius: 20 });
}

function calls(operation: string) {
  return servers.calls.filter((call) => call.operation === operation);
}

describe('a batch', () => {
  test('has its messages handled at the same time', async () => {
    const sensors = ['a', 'b', 'c'];
    for (const sensor of sensors) await queue.send(reading(sensor));
    const { promise: allStarted, resolve } = Promise.withResolvers<void>();
    handle = async (value) => {
      if (handled.push(value) === sensors.length) resolve();
      await allStarted;
      return 'stored';
    };

    const answer = await consume(await queue.receive());

    expect(answer).toEqual({ batchItemFailures: [] });
  });

  test('that runs out of time reports what is unfinished and keeps what is done', async () => {
    for (const sensor of ['quick', 'endless']) await queue.send(reading(sensor));
    const event = await queue.receive();
    handle = ({ sensor }) => (sensor === 'quick' ? Promise.resolve('stored') : new Promise(() => {}));

    const answer = await consume(event, lambdaContext(100));

    expect(failedOf(event, answer)).toEqual([reading('endless')]);
    expect(await queue.deadLetters()).toEqual([]);
    expect(output.logs()).toContainEqual(
      expect.objectContaining({
        level: 'ERROR',
        message: 'out of time, unfinished messages stay in the queue',
        requestId: 'request-1',
      }),
    );
  });

  test('that runs out of time answers before its time is over', async () => {
    await queue.send(reading('endless'));
    const event = await queue.receive();
    handle = () => new Promise(() => {});

    const answer = consume(event, lambdaContext(200)).then(() => 'answered');
    // Timers that are late pass in their order all the same.
    const killed = new Promise((resolve) => setTimeout(resolve, 200, 'killed'));

    expect(await Promise.race([answer, killed])).toBe('answered');
  });

  test.each<[string, () => Promise<unknown>]>([
    ['that is done in time', async () => consume(await queue.receive(), lambdaContext(300))],
    [
      'that could not even begin, and fails as a whole,',
      async () => {
        const handler = recordsHandler(() => {
          throw new Error('no place to write to');
        }, settings());
        const event = await queue.receive();
        await expect(handler(event, lambdaContext(300))).rejects.toThrow('no place to write to');
      },
    ],
  ])('%s has its time counted no longer', async (_, end) => {
    await queue.send(reading('quick'));
    const [set, clear] = [jest.spyOn(globalThis, 'setTimeout'), jest.spyOn(globalThis, 'clearTimeout')];

    await end();

    const limit = set.mock.results[set.mock.calls.findIndex(([, ms]) => ms === 0.95 * 300)]?.value;
    const cleared = clear.mock.calls.map(([timer]) => timer);
    set.mockRestore();
    clear.mockRestore();
    expect(limit).toBeDefined();
    expect(cleared).toContain(limit);
  });

  test('stops what it has reported as unfinished: nothing of it is dead-lettered or put off afterwards', async () => {
    for (const sensor of ['permanent', 'passing', 'told']) await queue.send(reading(sensor));
    const event = await queue.receive();
    const late = Promise.withResolvers<void>();
    let told = false;
    handle = async ({ sensor }, signal) => {
      signal.addEventListener('abort', () => {
        told = sensor === 'told' || told;
      });
      await late.promise;
      throw sensor === 'permanent' ? new PermanentError('Refused', 'too late') : new Error('too late');
    };
    const send = jest.fn();

    const answer = await consume(event, lambdaContext(100), { sqs: { send } as unknown as SQSClient });
    late.resolve();
    await new Promise(setImmediate);

    expect(answer.batchItemFailures).toHaveLength(3);
    expect(told).toBe(true);
    expect(send).not.toHaveBeenCalled();
  });

  test('of any size has no more records under way than sockets, and begins none after its time', async () => {
    const Records = Array.from({ length: 3_000 }, (_, index) =>
      sqsRecord({ MessageId: `m-${index}`, Body: reading('many') }),
    );
    let [running, most, begun] = [0, 0, 0];
    handle = async () => {
      begun++;
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return 'stored';
    };

    const whole = await consume({ Records });
    const all = begun;
    handle = async (_, signal) => {
      begun++;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return 'too late';
    };
    const cut = await consume({ Records }, lambdaContext(50));
    await new Promise(setImmediate);

    expect(whole).toEqual({ batchItemFailures: [] });
    expect(all).toBe(3_000);
    expect(most).toBeGreaterThan(10);
    expect(most).toBeLessThanOrEqual(50);
    expect(cut.batchItemFailures).toHaveLength(3_000);
    expect(begun - all).toBeLessThanOrEqual(50);
  });
});

describe('a body', () => {
  test('is taken out of the SNS envelope', async () => {
    await queue.send(JSON.stringify({ Type: 'Notification', TopicArn: 'arn', Message: reading('wrapped') }));

    await consume(await queue.receive());

    expect(handled).toEqual([{ sensor: 'wrapped', celsius: 20 }]);
  });

  const envelope = (Message: unknown) => JSON.stringify({ Type: 'Notification', Message });

  test.each([
    ['that is not JSON', '{"sensor":', 'NotJson'],
    ['of blanks', ' ', 'NotJson'],
    ['with broken UTF-8', '{"celsius":\ufffd}', 'NotJson'],
    ['that is null', 'null', 'NoReading'],
    ['that is a number beyond doubles', '1e400', 'NoReading'],
    ['nested 100,000 deep', '['.repeat(100_000) + ']'.repeat(100_000), 'NoReading'],
    ['with a __proto__ key', '{"__proto__":{"celsius":20}}', 'NoReading'],
    ['in an envelope, that is not JSON', envelope('nope'), 'NotJson'],
    ['in an envelope in an envelope', envelope(envelope(reading('a'))), 'NestedEnvelope'],
    ['of an envelope without text', envelope({ celsius: 'x' }), 'NoReading'],
  ])('%s is dead-lettered at once, with its reason', async (_name, body, reason) => {
    await queue.send(body, { trace: { DataType: 'String', StringValue: 't-1' } });
    await queue.send(reading('good'));

    const answer = await consume(await queue.receive());

    expect(answer).toEqual({ batchItemFailures: [] });
    expect(handled).toEqual([{ sensor: 'good', celsius: 20 }]);
    const [letter, ...others] = await queue.deadLetters();
    expect(others).toEqual([]);
    expect(letter?.Body).toBe(body);
    expect(letter?.MessageAttributes?.trace?.StringValue).toBe('t-1');
    expect(letter?.MessageAttributes?.DeadLetterError?.StringValue).toBe(reason);
    expect(calls('ChangeMessageVisibility')).toEqual([]);
  });
});

describe('an error that may pass', () => {
  test.each([
    [1, 20],
    [4, 160],
  ])('makes the message wait, after receive %i for %i s or half of it', async (receives, most) => {
    await queue.send(reading('a'));
    const event = await queue.receive(receives);
    handle = storeDown;

    const answer = await consume(event);

    expect(answer.batchItemFailures).toEqual([{ itemIdentifier: event.Records[0]?.messageId }]);
    expect(await queue.deadLetters()).toEqual([]);
    expect(output.metrics()).toEqual([expect.objectContaining({ Retried: 1, service: 'telemetry' })]);
    expect(output.logs()).toEqual([expect.objectContaining({ message: 'failed, will be tried again' })]);
    expect(output.logs()[0]).not.toHaveProperty('heldUp');
    const [call] = calls('ChangeMessageVisibility');
    expect(call?.input).toMatchObject({
      QueueUrl: queue.url,
      ReceiptHandle: event.Records[0]?.receiptHandle,
    });
    expect(call?.input.VisibilityTimeout).toBeGreaterThanOrEqual(most / 2);
    expect(call?.input.VisibilityTimeout).toBeLessThanOrEqual(most);
  });

  test('dead-letters the message on its last receive, with the number of attempts', async () => {
    await queue.send(reading('a'));
    handle = storeDown;

    const answer = await consume(await queue.receive(5));

    expect(answer).toEqual({ batchItemFailures: [] });
    const [letter] = await queue.deadLetters();
    expect(letter?.Body).toBe(reading('a'));
    expect(letter?.MessageAttributes?.DeadLetterError?.StringValue).toBe('Error');
    expect(JSON.parse(letter?.MessageAttributes?.DeadLetterContext?.StringValue ?? '')).toMatchObject({
      consumer: 'telemetry',
      attempts: 5,
      requestId: 'request-1',
    });
  });

  test('is tried again even where the visibility cannot be changed', async () => {
    await queue.send(reading('a'));
    const event = await queue.receive();
    handle = storeDown;
    servers.failing.add('ChangeMessageVisibility');

    const answer = await consume(event);

    expect(answer.batchItemFailures).toEqual([{ itemIdentifier: event.Records[0]?.messageId }]);
    expect(output.logs()).toContainEqual(
      expect.objectContaining({ message: 'could not set the time of the next try' }),
    );
  });

  test('may be something other than an Error', async () => {
    await queue.send(reading('a'));
    handle = async () => {
      throw 'a string';
    };

    expect((await consume(await queue.receive())).batchItemFailures).toHaveLength(1);
  });
});

describe('a dead letter that cannot be sent', () => {
  test.each([
    ['a permanent error', '"no reading"', 1],
    ['the last attempt', reading('a'), 5],
  ])('leaves the message in the queue: %s', async (_name, body, receives) => {
    await queue.send(body);
    const event = await queue.receive(receives);
    handle = storeDown;
    servers.failing.add('SendMessage');

    const answer = await consume(event);

    expect(answer.batchItemFailures).toEqual([{ itemIdentifier: event.Records[0]?.messageId }]);
    expect(calls('ChangeMessageVisibility')).toHaveLength(1);
    expect(output.metrics()).toEqual([expect.objectContaining({ Retried: 1 })]);
    expect(output.metrics()[0]).not.toHaveProperty('DeadLettered');
    expect(output.logs()).toContainEqual(
      expect.objectContaining({
        message: 'could not be dead-lettered, stays in the queue',
        messageId: event.Records[0]?.messageId,
        sendError: expect.objectContaining({ name: 'RequestThrottled' }),
      }),
    );
  });

  test('and is still under way when the time is over is given up, and nothing more is asked of SQS', async () => {
    await queue.send('"no reading"');
    const event = await queue.receive();
    const send = jest.fn(
      (_command: unknown, { abortSignal }: { abortSignal: AbortSignal }) =>
        new Promise((_, reject) => abortSignal.addEventListener('abort', reject)),
    );

    const answer = await consume(event, lambdaContext(100), { sqs: { send } as unknown as SQSClient });
    await new Promise(setImmediate);

    expect(answer.batchItemFailures).toHaveLength(1);
    expect(send).toHaveBeenCalledTimes(1);
  });
});

describe('the log', () => {
  test('has one line a message, with what identifies it', async () => {
    await queue.send(reading('a'));
    const event = await queue.receive(2);

    await consume(event);

    expect(output.logs()).toEqual([
      expect.objectContaining({
        level: 'INFO',
        message: 'stored',
        service: 'telemetry',
        sensor: 'a',
        messageId: event.Records[0]?.messageId,
        attempt: 2,
        requestId: 'request-1',
      }),
    ]);
  });

  test('shows no more of an error than name, message and stack', async () => {
    await queue.send(reading('a'));
    handle = () =>
      Promise.reject(Object.assign(new Error('store is down'), { Item: { name: 'Ada Lovelace' } }));

    await consume(await queue.receive());

    expect(output.text()).toContain('store is down');
    expect(output.text()).not.toContain('Ada Lovelace');
  });

  test('quotes nothing of a body that is not JSON', async () => {
    await queue.send('Ada Lovelace, 12 St James Square');

    await consume(await queue.receive());

    expect(output.text()).toContain('NotJson');
    expect(output.text()).not.toMatch(/Ada|James/);
  });
});

test('dead letters are counted once a batch, and nothing is published where there is nothing to count', async () => {
  for (const body of ['x', 'y', reading('good')]) await queue.send(body);
  await consume(await queue.receive());

  await queue.send(reading('good'));
  await consume(await queue.receive());

  expect(output.metrics()).toEqual([expect.objectContaining({ DeadLettered: [1, 1], service: 'telemetry' })]);
});

describe('any batch', () => {
  const kinds = ['good', 'transient', 'permanent'] as const;
  const record = fc.record({ kind: fc.constantFrom(...kinds), receives: fc.integer({ min: 1, max: 6 }) });

  test('ends with each message acknowledged once it is handled or dead-lettered, and reported otherwise', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 10 }),
        fc.constantFrom('none', 'ChangeMessageVisibility', 'SendMessage'),
        async (records, broken) => {
          const sent: { operation: string; input: Record<string, unknown> }[] = [];
          const send = async (command: { input: Record<string, unknown>; constructor: { name: string } }) => {
            const operation = command.constructor.name.replace(/Command$/, '');
            if (operation === broken) throw new Error(`${operation} is down`);
            sent.push({ operation, input: command.input });
          };
          const event = {
            Records: records.map(({ receives }, index) =>
              sqsRecord({
                MessageId: `message-${index}`,
                ReceiptHandle: `receipt-${index}`,
                Body: reading(String(index)),
                Attributes: { ApproximateReceiveCount: String(receives) },
              }),
            ),
          };
          handle = async ({ sensor }) => {
            const { kind } = records[Number(sensor)] ?? {};
            if (kind === 'transient') throw new Error('store is down');
            if (kind === 'permanent') throw new PermanentError('NoSensor', 'there is no such sensor');
            return 'stored';
          };

          const { batchItemFailures } = await consume(event, lambdaContext(), {
            sqs: { send } as unknown as SQSClient,
          });

          const ended = records.map(
            ({ kind, receives }) => kind === 'permanent' || (kind === 'transient' && receives >= 5),
          );
          const failed = records.flatMap(({ kind }, index) =>
            (kind === 'transient' && !ended[index]) || (ended[index] && broken === 'SendMessage')
              ? [index]
              : [],
          );
          const of = (operation: string, member: string) =>
            sent.filter((each) => each.operation === operation).map(({ input }) => input[member]);
          const indices = (yes: (index: number) => boolean) => records.map((_, index) => index).filter(yes);
          const dead = indices((index) => ended[index] === true && broken !== 'SendMessage');
          const later = broken === 'ChangeMessageVisibility' ? [] : failed;
          expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier).sort()).toEqual(
            failed.map((index) => `message-${index}`).sort(),
          );
          expect(of('SendMessage', 'MessageBody').sort()).toEqual(
            dead.map((index) => reading(String(index))).sort(),
          );
          expect(of('ChangeMessageVisibility', 'ReceiptHandle').sort()).toEqual(
            later.map((index) => `receipt-${index}`).sort(),
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('of a FIFO queue', () => {
  beforeEach(async () => {
    queue = await servers.newPair({ isFifo: true });
    handle = async (value) => {
      handled.push(value);
      return 'stored';
    };
  });

  /** Messages in their order; the first letter is the group. */
  const received = (...sensors: string[]): SQSEvent => ({
    Records: sensors.map((sensor) => ({
      ...sqsRecord({
        MessageId: sensor,
        ReceiptHandle: `receipt-${sensor}`,
        Body: reading(sensor),
        Attributes: { MessageGroupId: sensor.slice(0, 1) },
      }),
      eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:queue.fifo',
    })),
  });
  const failAt = (error: Error, ...sensors: string[]) => {
    handle = async (value) => {
      handled.push(value);
      if (sensors.includes(value.sensor)) throw error;
      return 'stored';
    };
  };
  const down = new Error('store is down');
  const never = new PermanentError('NoReading', 'never');
  const begun = () => handled.map(({ sensor }) => sensor).sort();

  test('the messages of a group are handled one after the other, groups side by side', async () => {
    const event = received('a1', 'a2', 'b1', 'b2');
    const running: string[] = [];
    const together: string[][] = [];
    handle = async ({ sensor }) => {
      running.push(sensor);
      together.push([...running]);
      await new Promise(setImmediate);
      running.splice(running.indexOf(sensor), 1);
      return 'stored';
    };

    expect(failedOf(event, await consume(event))).toEqual([]);
    expect(together.filter((each) => each.filter((sensor) => sensor.startsWith('a')).length > 1)).toEqual([]);
    expect(together.some((each) => each.length === 2)).toBe(true);
  });

  test('behind one that failed the rest of its group comes back untried, at the same time, and the log counts it', async () => {
    const event = received('a1', 'a2', 'a3', 'b1');
    failAt(down, 'a1');

    expect(failedOf(event, await consume(event))).toEqual(['a1', 'a2', 'a3'].map(reading));
    expect(begun()).toEqual(['a1', 'b1']);
    const hidden = calls('ChangeMessageVisibility').map(({ input }) => input);
    expect(hidden.map(({ ReceiptHandle }) => ReceiptHandle).sort()).toEqual([
      'receipt-a1',
      'receipt-a2',
      'receipt-a3',
    ]);
    expect(new Set(hidden.map(({ VisibilityTimeout }) => VisibilityTimeout)).size).toBe(1);
    expect(output.logs().filter(({ heldUp }) => heldUp !== undefined)).toMatchObject([{ heldUp: 2 }]);
  });

  test('a group goes on past its dead letter, which keeps the group and has the message ID for deduplication', async () => {
    const event = received('a1', 'a2');
    failAt(never, 'a1');

    expect(failedOf(event, await consume(event))).toEqual([]);
    expect(begun()).toEqual(['a1', 'a2']);
    expect(await queue.deadLetters()).toMatchObject([
      { Attributes: { MessageGroupId: 'a', MessageDeduplicationId: 'a1' } },
    ]);
  });

  test.each([
    ['holds up its group, without a dead letter', 5, ['a1', 'a2'], 0],
    ['lets the group go on once all tries are used up', 1, [], 1],
  ])('with onPermanentError block a permanent error %s', async (_, maxReceiveCount, failed, letters) => {
    const event = received('a1', 'a2', 'b1');
    failAt(never, 'a1');

    const answer = await consume(event, lambdaContext(), { onPermanentError: 'block', maxReceiveCount });

    expect(failedOf(event, answer)).toEqual(failed.map(reading));
    expect(await queue.deadLetters()).toHaveLength(letters);
  });

  test('groups of a standard queue, which make it fair, order nothing', async () => {
    const { Records } = received('a1', 'a2');
    const event = {
      Records: Records.map((record) => ({
        ...record,
        eventSourceARN: record.eventSourceARN.replace('.fifo', ''),
      })),
    };
    failAt(down, 'a1');

    const answer = await consume(event, lambdaContext(), { onPermanentError: 'block' });

    expect(failedOf(event, answer)).toEqual([reading('a1')]);
    expect(begun()).toEqual(['a1', 'a2']);
  });

  test('whatever fails, no message of a group is handled after a failure in it, nor before an earlier one', async () => {
    const message = fc.record({ group: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 10 }), async (messages) => {
        handled = [];
        const names = messages.map(({ group }, index) => `${group}${index}`);
        failAt(down, ...names.filter((_, index) => messages[index]?.fails));
        const event = received(...names);
        const send = async () => ({});

        const answer = await consume(event, lambdaContext(), { sqs: { send } as unknown as SQSClient });

        for (const group of ['a', 'b', 'c']) {
          const ofGroup = names.filter((name) => name.startsWith(group));
          const first = ofGroup.findIndex((name) => messages[names.indexOf(name)]?.fails);
          const [tried, failed] =
            first < 0 ? [ofGroup, []] : [ofGroup.slice(0, first + 1), ofGroup.slice(first)];
          expect(handled.map(({ sensor }) => sensor).filter((name) => name.startsWith(group))).toEqual(tried);
          expect(failedOf(event, answer).filter((body) => failed.map(reading).includes(body))).toEqual(
            failed.map(reading),
          );
        }
      }),
      { numRuns: 50 },
    );
  });
});
