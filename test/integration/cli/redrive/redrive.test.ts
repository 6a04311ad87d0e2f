/** What a canary and what follows it come to together; the whole way is tested with the command. */
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClients } from '../../../../cli/aws/clients.ts';
import { sentAt } from '../../../../cli/dead-letters/letter.ts';
import { generateEvents } from '../../../../cli/publishing/test-events.ts';
import { planRedrive } from '../../../../cli/redrive/plan.ts';
import { type Redrive, redrive } from '../../../../cli/redrive/redrive.ts';
import { backToConsumer } from '../../../../cli/redrive/route.ts';
import { createProgress } from '../../../../cli/terminal/progress.ts';
import type { ConsumerHandles } from '../../../../contract/stack-outputs.ts';
import { captureIo } from '../../../fixtures/command.ts';
import { type OrderStack, orderStack } from '../../../fixtures/order-stack.ts';
import { type Answer, type Input, type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

const bodies = generateEvents({ count: 3, seed: 4 }).map(({ body }) => body);
const [first = ''] = bodies;
let aws: ScriptedAws;
let stack: OrderStack;
let sent: number[];
let stderr: ReturnType<typeof captureIo>['stderr'];

beforeEach(async () => {
  aws = await scriptedAws();
  stack = await orderStack(aws);
  sent = [];
  ({ stderr } = captureIo());
});
afterEach(() => aws.close());

/** Of these letters, the first one as the canary where there is to be one. */
async function redriveAll(
  those: readonly string[],
  options: Partial<Redrive> = {},
  meanwhile = async () => {},
) {
  for (const body of those) await stack.refuse('billing', body, { error: 'Throttling', message: 'slow' });
  const clients = createClients(aws.client);
  const consumer = stack.handles.consumers[0] as ConsumerHandles;
  const route = backToConsumer(clients, consumer);
  const plan = await planRedrive(clients, route.from, { filter: {}, consumers: route.consumers }, {});
  await meanwhile();
  const task: Redrive = {
    clients,
    stack: stack.handles,
    route,
    isSelection: true,
    progress: createProgress({ stream: stderr }),
    signal: new AbortController().signal,
    onSent: (soFar) => sent.push(soFar),
    ...options,
  };
  return redrive(task, plan, those.length);
}

/** SQS says it has moved all but the canary. */
function scriptMove(moved: number, StartedTimestamp = Date.now() + 60_000) {
  const task = { Status: 'COMPLETED', StartedTimestamp, ApproximateNumberOfMessagesMoved: moved };
  aws.script['sqs:StartMessageMoveTask'] = () => ({ json: { TaskHandle: 'handle' } });
  aws.script['sqs:ListMessageMoveTasks'] = () => ({ json: { Results: [task] } });
}
const asked = (action: string) => aws.calls.filter((call) => call.action === action).length;
const CANARY = { canarySeconds: 10 };

describe('a canary', () => {
  test('that was processed counts with the letters that are moved after it', async () => {
    stack.record('billing', first);
    scriptMove(2);

    const result = await redriveAll(bodies, { ...CANARY, isSelection: false });

    expect(result).toMatchObject({ wanted: 3, sent: 3 });
    expect(sent).toEqual([1, 3]);
  });

  test('that is the only letter has nothing moved after it', async () => {
    stack.record('billing', first);
    scriptMove(0);

    const result = await redriveAll([first], { ...CANARY, isSelection: false });

    expect(result).toMatchObject({ wanted: 1, sent: 1, isProcessed: true });
    expect(asked('sqs:StartMessageMoveTask')).toBe(0);
  });

  test('during which the operator stops has nothing sent after it', async () => {
    stack.record('billing', first);
    const controller = new AbortController();

    const result = await redriveAll(bodies, {
      ...CANARY,
      signal: controller.signal,
      onSent: () => controller.abort(),
    });

    expect(result).toMatchObject({ wanted: 3, sent: 1 });
    expect(asked('sqs:SendMessageBatch')).toBe(1);
  });

  test('is no longer waited for once the operator stops', async () => {
    const controller = new AbortController();
    const { orderId } = JSON.parse(first);
    aws.script['dynamodb:BatchGetItem'] = () => {
      controller.abort();
      return { json: {} };
    };

    const result = await redriveAll(bodies, { ...CANARY, signal: controller.signal });

    expect(result).toMatchObject({ wanted: 3, sent: 1, isProcessed: false });
    expect(result.stopped).toBeUndefined();
    expect(stderr.text).toBe(
      `Waiting for the end of order ${orderId}\nStopped waiting for order ${orderId}\n`,
    );
  });

  test('to a consumer that keeps no records is refused before it is sent: nothing would prove anything', async () => {
    const consumers = stack.handles.consumers.map((each) => ({ ...each, tables: {} }));
    stack = { ...stack, handles: { ...stack.handles, consumers } };

    await expect(redriveAll(bodies, CANARY)).rejects.toThrow('billing: it keeps no records of orders');

    expect(asked('sqs:SendMessageBatch')).toBe(0);
  });

  test('that cannot be followed is the error, after it was said', async () => {
    aws.script['dynamodb:BatchGetItem'] = () => refusal('AccessDeniedException', 'not you');

    await expect(redriveAll(bodies, CANARY)).rejects.toThrow('not you');

    expect(stderr.text).toMatch(/Could not follow order \S+\n$/);
  });

  test('that SQS does not take is not waited for', async () => {
    const meanwhile = async () => {
      aws.script['sqs:SendMessageBatch'] = () => refusal('InvalidMessageContents', 'no');
    };

    const result = await redriveAll(bodies, CANARY, meanwhile);

    expect(result).toMatchObject({ wanted: 3, sent: 0, isProcessed: false });
    expect(stderr.text).toBe('');
  });

  test('that comes back although its order is recorded ends what follows it', async () => {
    stack.record('billing', first);
    let isBack = false;
    aws.script['sqs:DeleteMessageBatch'] = () => {
      if (!isBack) void stack.refuse('billing', first);
      isBack = true;
      return undefined;
    };

    const { cameBack, stopped } = await redriveAll(bodies, { ...CANARY, rate: 2 });

    expect(cameBack.total).toBe(1);
    expect(stopped).toBeUndefined();
  });
});

describe('a selection', () => {
  test('says how many went, and nothing more where all is well', async () => {
    const result = await redriveAll(bodies);

    expect(result).toEqual({ wanted: 3, sent: 3, cameBack: expect.anything(), notes: [] });
    expect(stderr.text).toMatch(/^Sending back\n(Sending back: .*\n)*Sent 3 back\n$/);
  });

  test('says which letters SQS does not take, and why, up to five of them', async () => {
    const many = generateEvents({ count: 7, seed: 5 }).map(({ body }) => body);
    const meanwhile = async () => {
      aws.script['sqs:SendMessageBatch'] = ({ Entries }: Input) => ({
        json: {
          Failed: Entries.map(({ Id = '' }) => ({ Id, Code: 'InvalidMessageContents', SenderFault: true })),
        },
      });
    };

    const { sent, notes } = await redriveAll(many, {}, meanwhile);

    expect(sent).toBe(0);
    expect(notes).toHaveLength(6);
    expect(notes[0]).toMatch(/^\S+-o\d+ stays: InvalidMessageContents$/);
    expect(notes[5]).toBe('… and 2 more');
  });

  test('says how many letters are in both queues', async () => {
    aws.script['sqs:DeleteMessageBatch'] = ({ Entries: [{ Id }] }: Input) => ({
      json: { Successful: [{ Id }], Failed: [] },
    });

    const { sent, notes } = await redriveAll(bodies);

    expect(sent).toBe(3);
    expect(notes).toEqual(['2 letters sent, but still in the dead-letter queue as well.']);
  });

  test('says how many letters had gone, and does not want them any more', async () => {
    const taken = async () => {
      const { sqs } = createClients(aws.client);
      const QueueUrl = stack.handles.consumers[0]?.deadLetterQueueUrl;
      const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages?.[0]?.ReceiptHandle }));
    };

    const result = await redriveAll(bodies, {}, taken);

    expect(result).toMatchObject({ wanted: 2, sent: 2, notes: ['1 letter had gone meanwhile.'] });
  });

  test('ends with the permission that is missing', async () => {
    const broken = async () => {
      aws.script['sqs:GetQueueAttributes'] = () => refusal('AccessDenied', 'no');
    };

    const { stopped, sent } = await redriveAll(bodies, {}, broken);

    expect(sent).toBe(0);
    expect(stopped).toContain('Access denied');
  });
});

test('letters that were sent in the millisecond in which the move began came back', async () => {
  const meanwhile = async () => {
    const { sqs } = createClients(aws.client);
    const QueueUrl = stack.handles.consumers[0]?.deadLetterQueueUrl;
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 0,
        MessageSystemAttributeNames: ['SentTimestamp'],
      }),
    );
    scriptMove(0, Math.max(...Messages.map((message) => sentAt(message).getTime())));
  };

  const { cameBack } = await redriveAll(bodies, { isSelection: false }, meanwhile);

  expect(cameBack.total).toBeGreaterThanOrEqual(1);
});

test('a move that fails is the error, after it was said', async () => {
  aws.script['sqs:StartMessageMoveTask'] = () => refusal('AccessDenied', 'no');

  await expect(redriveAll(bodies, { isSelection: false })).rejects.toThrow('no');

  expect(stderr.text).toBe('Moving\nThe move failed\n');
});

function refusal(code: string, message: string): Answer {
  return { status: 400, json: { __type: `com.amazonaws.sqs#${code}`, message } };
}
