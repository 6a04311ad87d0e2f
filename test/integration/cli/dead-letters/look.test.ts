import { CreateQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { clientSettings } from '@order-fan-out/local-run/client-settings';
import { Emulators } from '@order-fan-out/local-run/server/emulators';
import { createClients } from '../../../../cli/aws/clients.ts';
import { queueDepth } from '../../../../cli/aws/queue-depth.ts';
import { forEachBatch, type LookOptions, lookAtDeadLetters } from '../../../../cli/dead-letters/look.ts';
import { deleteLetters } from '../../../../cli/redrive/send-back.ts';
import { type OrderStack, orderStack } from '../../../fixtures/order-stack.ts';
import { type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

let aws: ScriptedAws;
let stack: OrderStack;
beforeEach(async () => {
  aws = await scriptedAws();
  stack = await orderStack(aws);
});
afterEach(() => aws.close());

describe('a look into a dead-letter queue', () => {
  const bodies = Array.from({ length: 25 }, (_, index) => `letter ${index}`).sort();
  const look = (visit: (body: string) => void) => {
    const { sqs } = createClients(aws.client);
    const url = stack.handles.consumers[0]?.deadLetterQueueUrl ?? '';
    return lookAtDeadLetters(sqs, url, ({ Body = '' }) => visit(Body));
  };
  beforeEach(async () => {
    for (const body of bodies) await stack.refuse('billing', body);
  });

  test('shows each letter once and leaves all of them there for others', async () => {
    const seen: string[] = [];

    await look((body) => seen.push(body));

    expect(seen.sort()).toEqual(bodies);
    expect((await stack.visibleLetters('billing')).sort()).toEqual(bodies);
  });

  test('leaves all of them there when it fails', async () => {
    await expect(
      look(() => {
        throw new Error('full');
      }),
    ).rejects.toThrow('full');

    expect((await stack.visibleLetters('billing')).sort()).toEqual(bodies);
  });
});

describe('a look into a queue on many servers', () => {
  beforeEach(async () => {
    for (const body of ['a', 'b', 'c']) await stack.refuse('billing', body);
  });

  const look = async (options: LookOptions = {}) => {
    const bodies: string[] = [];
    const { sqs } = createClients(aws.client);
    const url = stack.handles.consumers[0]?.deadLetterQueueUrl ?? '';
    const result = await lookAtDeadLetters(sqs, url, ({ Body = '' }) => bodies.push(Body), options);
    return { bodies: bodies.sort(), ...result };
  };
  const counted = (visible: number, hidden = 0) => ({
    json: {
      Attributes: {
        ApproximateNumberOfMessages: String(visible),
        ApproximateNumberOfMessagesNotVisible: String(hidden),
      },
    },
  });

  test('goes on after empty answers while SQS counts letters', async () => {
    let empty = 12;
    aws.script['sqs:ReceiveMessage'] = () => (empty-- > 0 ? { json: {} } : undefined);

    expect(await look()).toEqual({ bodies: ['a', 'b', 'c'], seen: 3, unseen: 0 });
  });

  test('shows a letter that SQS hands out twice once, and gives it back by its last receipt', async () => {
    let times = 0;
    aws.script['sqs:ReceiveMessage'] = () => {
      times++;
      const letter = {
        MessageId: 'twice',
        ReceiptHandle: `receipt-${times}`,
        Body: 'd',
        MD5OfBody: '8277e0910d750195b448797616e091ad',
      };
      return times <= 2 ? { json: { Messages: [letter] } } : undefined;
    };

    expect(await look()).toMatchObject({ bodies: ['a', 'b', 'c', 'd'], seen: 4 });
    const given = aws.calls
      .filter(({ action }) => action === 'sqs:ChangeMessageVisibilityBatch')
      .flatMap(({ input }) => input.Entries.map(({ ReceiptHandle = '' }) => ReceiptHandle));
    expect(given).toContain('receipt-2');
    expect(given).not.toContain('receipt-1');
  });

  test.each<[string, visible: number, hidden: number, LookOptions, seconds: number]>([
    ['as long as their number takes', 9_000, 1_000, {}, 260],
    ['no longer than SQS lets anybody', 0, 3_000_000, {}, 43_200],
    ['as long as it takes to handle them, too', 50, 0, { handlingSeconds: 30.5 }, 92],
  ])(
    'hides letters for %s, and says how many it did not get',
    async (_, visible, hidden, options, seconds) => {
      aws.script['sqs:ReceiveMessage'] = () => ({ json: {} });
      aws.script['sqs:GetQueueAttributes'] = () => counted(visible, hidden);

      expect(await look(options)).toEqual({ bodies: [], seen: 0, unseen: visible + hidden });
      const { input } = aws.calls.find(({ action }) => action === 'sqs:ReceiveMessage') ?? {};
      expect(input?.VisibilityTimeout).toBe(seconds);
    },
  );

  test('gives each letter back once, in calls of at most ten', async () => {
    for (let index = 0; index < 60; index++) await stack.refuse('billing', `more ${index}`);

    const { seen } = await look();

    const calls = aws.calls.filter(({ action }) => action === 'sqs:ChangeMessageVisibilityBatch');
    const entries = calls.flatMap(({ input }) => input.Entries as { ReceiptHandle: string }[]);
    expect(seen).toBe(63);
    expect(entries).toHaveLength(63);
    expect(new Set(entries.map(({ ReceiptHandle }) => ReceiptHandle)).size).toBe(63);
    expect(Math.max(...calls.map(({ input }) => input.Entries.length))).toBeLessThanOrEqual(10);
  });

  test('tells how far it is, and ends early on its signal', async () => {
    for (let index = 0; index < 30; index++) await stack.refuse('billing', `more ${index}`);
    const controller = new AbortController();
    const progress: number[] = [];

    const { seen } = await look({
      pollers: 1,
      signal: controller.signal,
      onProgress: (at) => {
        expect(at.expected).toBe(33);
        if (progress.push(at.seen) === 2) controller.abort();
      },
    });

    expect(progress).toEqual([10, 20]);
    expect(seen).toBe(20);
    expect(await stack.visibleLetters('billing')).toHaveLength(33);
  });

  test('ends without an error where SQS has as many letters in flight as it can', async () => {
    aws.script['sqs:ReceiveMessage'] = () => ({
      status: 403,
      json: { __type: 'com.amazonaws.sqs#OverLimit' },
    });

    expect(await look()).toEqual({ bodies: [], seen: 0, unseen: 3 });
  });

  test('gives back what it can where giving back fails, and says so', async () => {
    let failures = 1;
    aws.script['sqs:ChangeMessageVisibilityBatch'] = () =>
      failures-- > 0
        ? { status: 400, json: { __type: 'com.amazonaws.sqs#AccessDenied', message: 'no' } }
        : undefined;
    for (let index = 0; index < 20; index++) await stack.refuse('billing', `more ${index}`);

    await expect(look()).rejects.toThrow('no');

    expect((await stack.visibleLetters('billing')).length).toBeGreaterThanOrEqual(13);
  });
});

describe('a look into a FIFO dead-letter queue', () => {
  let emulators: Emulators;
  let made = 0;
  beforeAll(async () => {
    emulators = await Emulators.start({ port: 0 });
  });
  afterAll(() => emulators.stop());

  /** Letters `a1`, `b1`, `a2`, …, of which the first letter is the group. */
  async function look(letters: readonly string[], isDone = (_: string) => false) {
    const { sqs } = createClients(clientSettings(emulators.endpoint));
    made += 1;
    const { QueueUrl: url = '' } = await sqs.send(
      new CreateQueueCommand({ QueueName: `dead-${made}.fifo`, Attributes: { FifoQueue: 'true' } }),
    );
    for (const MessageBody of letters) {
      const ids = { MessageGroupId: MessageBody.slice(0, 1), MessageDeduplicationId: MessageBody };
      await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody, ...ids }));
    }
    const seen: string[] = [];
    const result = await forEachBatch(sqs, url, async (messages) => {
      seen.push(...messages.map(({ Body = '' }) => Body));
      const done = messages.filter(({ Body = '' }) => isDone(Body));
      return done.length === 0 ? [] : deleteLetters(sqs, url, done);
    });
    const { waiting, inFlight } = await queueDepth(sqs, url);
    return { seen: seen.sort(), unseen: result.unseen, waiting, inFlight };
  }
  const group = (name: string, size: number) =>
    Array.from({ length: size }, (_, index) => `${name}${String(index + 1).padStart(2, '0')}`);

  test('shows all of a group that an answer has cut, and leaves all of them there', async () => {
    const letters = ['a', 'b', 'c', 'd', 'e', 'f'].flatMap((name) => group(name, 4));

    expect(await look(letters)).toEqual({ seen: letters, unseen: 0, waiting: 24, inFlight: 0 });
  });

  test('shows ten of a group, and says how many lie behind them', async () => {
    const letters = group('a', 12);

    expect(await look(letters)).toEqual({
      ...{ seen: letters.slice(0, 10), unseen: 2, waiting: 12, inFlight: 0 },
    });
  });

  test('gets to those behind letters that stay, as others are deleted', async () => {
    const letters = [...group('a', 3), ...group('b', 12)];

    const found = await look(letters, (body) => body > 'b01');

    expect(found).toEqual({ seen: letters, unseen: 0, waiting: 4, inFlight: 0 });
  });
});
