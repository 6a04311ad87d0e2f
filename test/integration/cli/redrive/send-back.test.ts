import {
  CreateQueueCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClients } from '../../../../cli/aws/clients.ts';
import { lookAtDeadLetters } from '../../../../cli/dead-letters/look.ts';
import { backToConsumer } from '../../../../cli/redrive/route.ts';
import { type SendBackOptions, sendBack } from '../../../../cli/redrive/send-back.ts';
import { anOrder } from '../../../fixtures/order-fixtures.ts';
import { type Answer, type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';
import { consumerHandles } from '../../../fixtures/stack-handles.ts';

let aws: ScriptedAws;
let sqs: SQSClient;
beforeEach(async () => {
  aws = await scriptedAws();
  sqs = createClients(aws.client).sqs;
});
afterEach(() => aws.close());

const consumer = (deadLetterQueueUrl: string, queueUrl: string) =>
  consumerHandles('billing', { queueUrl, deadLetterQueueUrl });

async function queues(suffix = '', ...bodies: string[]) {
  const create = async (name: string) => {
    const { QueueUrl = '' } = await sqs.send(
      new CreateQueueCommand({
        QueueName: `${name}${suffix}`,
        ...(suffix && { Attributes: { FifoQueue: 'true' } }),
      }),
    );
    return QueueUrl;
  };
  const from = await create('dead');
  const to = await create('queue');
  for (const MessageBody of bodies) {
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: from,
        MessageBody,
        ...(suffix && {
          MessageGroupId: `group-${MessageBody}`,
          MessageDeduplicationId: `id-${MessageBody}`,
        }),
      }),
    );
  }
  const ids = new Set<string>();
  await lookAtDeadLetters(sqs, from, ({ MessageId = '' }) => ids.add(MessageId));
  const send = (options: Partial<SendBackOptions> = {}) =>
    sendBack(ids, {
      sqs,
      route: backToConsumer({ sqs }, consumer(from, to)),
      present: ids,
      sentBodies: new Set(),
      edit: () => undefined,
      signal: new AbortController().signal,
      onProgress: () => {},
      ...options,
    });
  const held = async (QueueUrl: string) => {
    const all: Message[] = [];
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: 10,
          MessageSystemAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) return all;
      all.push(...Messages);
    }
  };
  return {
    from,
    to,
    send,
    held,
    bodies: async (url: string) => (await held(url)).map(({ Body }) => Body).sort(),
  };
}

/** Letters a second that go one by one. */
const ONE_A_BATCH = 10;
const refusal = (code: string): Answer => ({
  status: 400,
  json: { __type: `com.amazonaws.sqs#${code}`, message: `${code} it is` },
});

test('a letter stays where it is when SQS does not take it, and the others go', async () => {
  const { from, to, send, bodies } = await queues('', 'a', 'b', 'c');
  const failure = { Id: '0', Code: 'InvalidMessageContents', Message: 'as it is', SenderFault: true };
  aws.script['sqs:SendMessageBatch'] = ({ Entries: [only] }) =>
    only.MessageBody === 'b' ? { json: { Successful: [], Failed: [failure] } } : undefined;

  const { sent, refused, stopped } = await send({ rate: ONE_A_BATCH });

  expect({ sent, stopped }).toEqual({ sent: 2, stopped: undefined });
  expect(refused).toEqual([
    { letter: expect.objectContaining({ body: 'b' }), reason: 'InvalidMessageContents: as it is' },
  ]);
  expect(await bodies(from)).toEqual(['b']);
  expect(await bodies(to)).toEqual(['a', 'c']);
});

test.each([
  ['sqs:SendMessageBatch', 0],
  ['sqs:DeleteMessageBatch', 2],
])('a refused %s ends it with the permission that is missing, and loses nothing', async (action, sent) => {
  const { from, send, bodies } = await queues('', 'a', 'b');
  aws.script[action] = () => refusal('AccessDenied');

  const result = await send();

  expect(result.stopped).toMatch(
    /^Access denied: these credentials lack the IAM action sqs:(Send|Delete)Message$/,
  );
  expect(result.sent).toBe(sent);
  expect(await bodies(from)).toEqual(['a', 'b']);
});

test('letters go at the rate, from the first one on', async () => {
  const { send } = await queues('', ...Array.from({ length: 11 }, (_, index) => `letter ${index}`));
  const times: number[] = [];
  aws.script['sqs:SendMessageBatch'] = ({ Entries }) => {
    times.push(...Entries.map(() => performance.now()));
    return undefined;
  };

  await send({ rate: 50 });

  const [first = 0] = times;
  // A batch of up to a tenth of a second's letters goes at once, and timers may be a millisecond early.
  expect((times.at(-1) ?? 0) - first).toBeGreaterThanOrEqual((11 - 5) * 20 - 15);
  expect(times).toHaveLength(11);
});

test('letters that lay there before are none that came back, whatever they say', async () => {
  const { send } = await queues('', ...Array.from({ length: 25 }, () => 'the same'));

  const { sent, cameBack } = await send();

  expect({ sent, cameBack }).toEqual({ sent: 25, cameBack: [] });
});

test('what a part before this one has sent, and is here again, ends it as well; what is merely new does not', async () => {
  const sentBodies = new Set<string>();
  await (await queues('', 'a')).send({ sentBodies });
  const { from, send } = await queues('', 'b', 'c');
  const add = (MessageBody: string) => sqs.send(new SendMessageCommand({ QueueUrl: from, MessageBody }));
  await add('new');

  const beside = await send({ sentBodies });
  await add('a');
  const { cameBack } = await send({ sentBodies, rate: 2 });

  expect(beside).toMatchObject({ sent: 2, cameBack: [] });
  expect(cameBack.map(({ body }) => body)).toEqual(['a']);
});

describe('on a FIFO queue', () => {
  const MINUTE = 60_000;

  test('letters keep their group, their deduplication ID and their order, corrected or not', async () => {
    const event = anOrder();
    const { from, to, send, held } = await queues('.fifo', 'a', 'b', 'c');

    const { sent } = await send({
      edit: ({ body }) => (body === 'b' ? { body: JSON.stringify(event), event } : undefined),
      now: () => Date.now() + 7 * MINUTE,
    });

    const arrived = await held(to);
    const attributes = arrived.map(({ Attributes }) => Attributes);
    expect(sent).toBe(3);
    expect(arrived.map(({ Body }) => Body)).toEqual(['a', JSON.stringify(event), 'c']);
    expect(attributes.map((each) => each?.MessageGroupId)).toEqual(['group-a', 'group-b', 'group-c']);
    expect(attributes.map((each) => each?.MessageDeduplicationId)).toEqual(['id-a', 'id-b', 'id-c']);
    expect(await held(from)).toEqual([]);
  });

  test('a letter that SQS would drop as a duplicate of itself stays', async () => {
    const { from, to, send, bodies } = await queues('.fifo', 'a', 'b');

    const { sent, tooRecent } = await send({ now: () => Date.now() + 5 * MINUTE });

    expect({ sent, tooRecent }).toEqual({ sent: 0, tooRecent: 2 });
    expect(await bodies(from)).toEqual(['a', 'b']);
    expect(await bodies(to)).toEqual([]);
  });
});
