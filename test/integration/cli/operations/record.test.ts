import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { createClients } from '../../../../cli/aws/clients.ts';
import { isSwitch, OperationsLog } from '../../../../cli/operations/record.ts';
import { captureIo } from '../../../fixtures/command.ts';
import { type Input, type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';
import { stackHandles } from '../../../fixtures/stack-handles.ts';

let aws: ScriptedAws;
let events: string[];
beforeEach(async () => {
  aws = await scriptedAws();
  events = [];
  let hasStream = false;
  aws.script['logs:CreateLogStream'] = () => {
    if (hasStream)
      return { status: 400, json: { __type: 'ResourceAlreadyExistsException', message: 'it is there' } };
    hasStream = true;
    return { json: {} };
  };
  aws.script['logs:PutLogEvents'] = ({ logEvents }) => {
    events.push(...logEvents.map(({ message = '' }) => message));
    return { json: {} };
  };
  aws.script['logs:FilterLogEvents'] = ({ nextToken }: Input) => {
    const from = Number(nextToken ?? 0);
    if (from >= events.length) return { json: { events: [] } };
    return { json: { events: [{ message: events[from] }], nextToken: String(from + 1) } };
  };
  aws.script['sts:GetCallerIdentity'] = () => ({
    xml: '<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::1:assumed-role/Operator/ada</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>',
  });
});
afterEach(() => aws.close());

const stack = (name = 'OrderFanOut-prod') => stackHandles({ name });
const log = (name?: string) =>
  new OperationsLog(createClients({ ...aws.client }), stack(name), {}, captureIo().io);

test('a redrive is on record in the log group of the stack: who, when, what, how many', async () => {
  const end = await log().begin('billing', { operation: 'redrive', what: 'all', letters: 9 });
  const other = await log('OrderFanOut-dev').begin('billing', {
    operation: 'redrive',
    what: 'all',
    letters: 1,
  });
  await other({ sent: 1, cameBack: 0, outcome: 'done' });
  await end({ sent: 8, cameBack: 1, outcome: 'stopped: letters came back' });
  await log().begin('shipping', { operation: 'redrive', what: 'order 1', letters: 1 });

  expect(await log().read()).toEqual([
    {
      id: expect.any(String),
      at: expect.any(String),
      endedAt: expect.any(String),
      who: 'arn:aws:sts::1:assumed-role/Operator/ada',
      stack: 'OrderFanOut-prod',
      consumer: 'billing',
      operation: 'redrive',
      what: 'all',
      letters: 9,
      sent: 8,
      cameBack: 1,
      outcome: 'stopped: letters came back',
    },
    expect.objectContaining({ consumer: 'shipping', what: 'order 1', letters: 1 }),
  ]);
  expect(log().place).toBe('the log group operations');
  const puts = aws.calls.filter(({ action }) => action === 'logs:PutLogEvents').map(({ input }) => input);
  expect(puts[0]).toMatchObject({ logGroupName: 'operations', logStreamName: 'operations' });
});

test('a stop is on record with its reason, and told apart from a redrive', async () => {
  await log().begin('billing', { operation: 'redrive', what: 'all', letters: 2 });
  const end = await log().begin('shipping', { operation: 'stop', reason: 'carrier down' });
  await end({ outcome: 'done' });

  const operations = await log().read();
  expect(operations[1]).toMatchObject({
    consumer: 'shipping',
    operation: 'stop',
    reason: 'carrier down',
    outcome: 'done',
  });
  expect(operations.map(isSwitch)).toEqual([false, true]);
});

test('the operations on a local stack are in a file', async () => {
  const folder = temporaryFolder('record-');
  process.env.LOCAL_RUN_DIRECTORY = folder;
  const local = new OperationsLog(createClients(aws.client), stack(), { local: true }, captureIo().io);
  expect(await local.read()).toEqual([]);

  await local.begin('shipping', { operation: 'stop' });

  expect((await local.read()).map(({ consumer }) => consumer)).toEqual(['shipping']);
  expect(local.place).toBe(path.join(folder, 'operations.jsonl'));
});

test('a line that somebody else wrote is no record', async () => {
  events.push('not JSON', '{"event":"ended","id":"of nothing"}', '{}');

  expect(await log().read()).toEqual([]);
});

test('an end that cannot be recorded is said, and is no error: by then it has happened', async () => {
  const { io, stderr } = captureIo();
  const end = await new OperationsLog(createClients(aws.client), stack(), {}, io).begin('billing', {
    operation: 'redrive',
    what: 'all',
    letters: 9,
  });
  aws.script['logs:PutLogEvents'] = () => ({
    status: 400,
    json: { __type: 'AccessDeniedException', message: 'no' },
  });

  await end({ sent: 9, cameBack: 0, outcome: 'done' });

  expect(stderr.text).toMatch(/^The end of the redrive could not be recorded: Access denied: /);
});

test('a redrive that may not be recorded does not begin', async () => {
  aws.script['logs:PutLogEvents'] = () => ({
    status: 400,
    json: {
      __type: 'AccessDeniedException',
      message: 'User: me is not authorized to perform: logs:PutLogEvents',
    },
  });

  await expect(log().begin('billing', { operation: 'redrive', what: 'all', letters: 9 })).rejects.toThrow(
    'logs:PutLogEvents',
  );
});
