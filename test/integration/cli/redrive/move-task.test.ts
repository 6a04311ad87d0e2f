/** What SQS says of a move on bad days; good ones are tested with the command. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createClients } from '../../../../cli/aws/clients.ts';
import { moveAll } from '../../../../cli/redrive/move-task.ts';
import { type Answer, type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

let aws: ScriptedAws;
beforeEach(async () => {
  aws = await scriptedAws();
  aws.script['sqs:GetQueueAttributes'] = ({ QueueUrl }) => ({
    json: { Attributes: { QueueArn: `arn:aws:sqs:us-east-1:1:${QueueUrl.split('/').at(-1)}` } },
  });
  aws.script['sqs:StartMessageMoveTask'] = () => ({ json: { TaskHandle: 'handle' } });
  aws.script['sqs:CancelMessageMoveTask'] = () => ({ json: {} });
  aws.script['sqs:ReceiveMessage'] = () => ({ json: {} });
});
afterEach(() => aws.close());

const move = (signal = new AbortController().signal) =>
  moveAll({
    sqs: createClients(aws.client).sqs,
    from: 'https://sqs/1/dead',
    to: 'https://sqs/1/queue',
    rate: 7,
    signal,
    onProgress: () => {},
  });
const task = (Status: string, moved: number, more: object = {}): Answer => ({
  json: {
    Results: [
      {
        Status,
        StartedTimestamp: 1000,
        ApproximateNumberOfMessagesMoved: moved,
        ApproximateNumberOfMessagesToMove: 9,
        ...(Status === 'RUNNING' && { TaskHandle: 'handle' }),
        ...more,
      },
    ],
  },
});
const refusal = (code: string, message: string): Answer => ({
  status: 400,
  json: { __type: `com.amazonaws.sqs#${code}`, message },
});
const asked = (action: string) =>
  aws.calls.filter((call) => call.action === action).map(({ input }) => input);

test('the destination and the rate are named', async () => {
  aws.script['sqs:ListMessageMoveTasks'] = () => task('COMPLETED', 9);

  expect(await move()).toEqual({ moved: 9, toMove: 9, startedAt: new Date(1000), cameBack: false });
  expect(asked('sqs:StartMessageMoveTask')).toEqual([
    {
      SourceArn: 'arn:aws:sqs:us-east-1:1:dead',
      DestinationArn: 'arn:aws:sqs:us-east-1:1:queue',
      MaxNumberOfMessagesPerSecond: 7,
    },
  ]);
});

test('a move that somebody else has begun is left alone', async () => {
  aws.script['sqs:StartMessageMoveTask'] = () =>
    refusal('InvalidParameterValue', 'There is already a task running. Only one active task is allowed');

  await expect(move()).rejects.toThrow('Somebody is moving these dead letters already');
});

const other = { Status: 'RUNNING', TaskHandle: 'other', StartedTimestamp: 2000 };
const listed = (...Results: object[]): Answer => ({ json: { Results } });

test.each<[string, states: Answer[], expected: object]>([
  [
    'that SQS gives up tells its reason',
    [task('FAILED', 4, { FailureReason: 'KmsAccessDenied' })],
    { moved: 4, stopped: 'SQS stopped: KmsAccessDenied' },
  ],
  [
    "does not take somebody else's task that began later for its own",
    [
      task('RUNNING', 3),
      listed(other, { Status: 'COMPLETED', StartedTimestamp: 1000, ApproximateNumberOfMessagesMoved: 9 }),
    ],
    { moved: 9, startedAt: new Date(1000) },
  ],
  [
    "does not take somebody else's task that began before the first look for its own",
    [
      listed(other, { Status: 'RUNNING', TaskHandle: 'handle', StartedTimestamp: 1000 }),
      task('COMPLETED', 9),
    ],
    { moved: 9, startedAt: new Date(1000) },
  ],
])('a move %s', async (_, states, expected) => {
  aws.script['sqs:ListMessageMoveTasks'] = () => states.shift();

  expect(await move()).toMatchObject(expected);
});

test('a letter that was sent after the beginning ends the move', async () => {
  const states = [task('RUNNING', 3), task('RUNNING', 4), task('CANCELLING', 4), task('CANCELLED', 5)];
  aws.script['sqs:ListMessageMoveTasks'] = () => (states.length > 1 ? states.shift() : states[0]);
  let looks = 0;
  aws.script['sqs:ReceiveMessage'] = ({ VisibilityTimeout }) => {
    expect(VisibilityTimeout).toBe(0);
    looks++;
    const SentTimestamp = looks <= 3 ? '999' : '1000';
    const MD5OfBody = '0cc175b9c0f1b6a831c399e269772661';
    return {
      json: {
        Messages: [
          { MessageId: 'm', ReceiptHandle: 'r', Body: 'a', MD5OfBody, Attributes: { SentTimestamp } },
        ],
      },
    };
  };

  expect(await move()).toMatchObject({ moved: 5, cameBack: true });
  expect(asked('sqs:CancelMessageMoveTask')).toEqual([{ TaskHandle: 'handle' }]);
  expect(looks).toBe(6);
});

test('a move that ends while it is cancelled has ended', async () => {
  const controller = new AbortController();
  controller.abort();
  const states = [task('RUNNING', 8), task('COMPLETED', 9)];
  aws.script['sqs:ListMessageMoveTasks'] = () => states.shift();
  aws.script['sqs:CancelMessageMoveTask'] = () => ({
    ...refusal('ResourceNotFoundException', 'Task does not exist.'),
    status: 404,
  });

  expect(await move(controller.signal)).toMatchObject({ moved: 9 });
  expect(asked('sqs:CancelMessageMoveTask')).toHaveLength(1);
});

test('a cancellation that SQS refuses is tried again', async () => {
  const controller = new AbortController();
  controller.abort();
  let refusals = 2;
  aws.script['sqs:CancelMessageMoveTask'] = () =>
    refusals-- > 0 ? refusal('AccessDenied', 'no') : { json: { ApproximateNumberOfMessagesMoved: 4 } };
  aws.script['sqs:ListMessageMoveTasks'] = () =>
    asked('sqs:CancelMessageMoveTask').length > 2 ? task('CANCELLED', 4) : task('RUNNING', 3);

  expect(await move(controller.signal)).toMatchObject({ moved: 4 });
  expect(asked('sqs:CancelMessageMoveTask')).toHaveLength(3);
});

test('when SQS stops answering it says that the move goes on', async () => {
  const states = [task('RUNNING', 3)];
  aws.script['sqs:ListMessageMoveTasks'] = () => states.shift() ?? refusal('AccessDenied', 'no');

  await expect(move()).rejects.toThrow('SQS goes on moving the letters without this command; it had moved 3');
  expect(asked('sqs:ListMessageMoveTasks')).toHaveLength(1 + 5);
});
