// Lambda's API over the SDK, for mappings of a queue that messages wait in.
import {
  GetAccountSettingsCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EventSourceMapping } from '../../../src/lambda/event-source-mapping.ts';
import type { LocalFunction } from '../../../src/lambda/local-function.ts';
import { emulators, makeQueue, queueArn, settings, sqs, useEmulators } from '../../fixtures/emulators.ts';

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:press';
const MAPPING = 'arn:aws:lambda:us-east-1:000000000000:event-source-mapping';
let lambda: LambdaClient;
const mappings: EventSourceMapping[] = [];
useEmulators();
beforeAll(() => {
  lambda = new LambdaClient(settings());
});
afterAll(async () => {
  lambda.destroy();
  await Promise.all(mappings.map((each) => each.stop()));
});

/** A mapping that is called like its queue, and the bodies that it has handed over so far. */
async function map(name: string, { qualifier = '', isEnabled = true } = {}) {
  const queueUrl = await makeQueue({}, name);
  const bodies: string[] = [];
  let isHeld = false;
  let release = () => {};
  const invoke = async ({ Records }: { Records: { body: string }[] }) => {
    bodies.push(...Records.map(({ body }) => body));
    if (isHeld) await new Promise<void>((resolve) => (release = resolve));
    return { ok: true, payload: null };
  };
  const mapping = new EventSourceMapping(
    {
      queueUrl,
      queueArn: queueArn(name),
      isEnabled,
      batchSize: 10,
      windowSeconds: 0,
      reportsBatchItemFailures: true,
    },
    { invoke } as unknown as LocalFunction,
    sqs,
    () => {},
  );
  mappings.push(mapping);
  await emulators.addMapping(
    {
      UUID: name,
      EventSourceMappingArn: `${MAPPING}:${name}`,
      FunctionArn: `${FUNCTION}${qualifier}`,
      EventSourceArn: queueArn(name),
      BatchSize: 10,
    },
    isEnabled,
    (wanted) => mapping.switchTo(wanted),
  );
  mapping.start();
  return {
    bodies,
    send: (MessageBody: string) => sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody })),
    /** Bodies that anybody can receive, who leaves them there. */
    receive: async () => {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 1, VisibilityTimeout: 0 }),
      );
      return Messages.map(({ Body }) => Body);
    },
    /** Has invocations go on until `release`. */
    hold: () => {
      isHeld = true;
    },
    release: () => {
      isHeld = false;
      release();
    },
  };
}

const update = (UUID: string, change: object) =>
  lambda.send(new UpdateEventSourceMappingCommand({ UUID, ...change }));
const stateOf = async (UUID: string) => (await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State;
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10));
}
const names = async (filter: object) =>
  (await lambda.send(new ListEventSourceMappingsCommand(filter))).EventSourceMappings?.map(
    ({ UUID }) => UUID,
  );

describe('a mapping that is turned off', () => {
  test('lets its invocation end, then leaves messages where they are until it is turned on', async () => {
    const { bodies, send, receive, hold, release } = await map('switched');
    hold();
    await send('before');
    await until(() => bodies.length === 1);

    const { State: first } = await update('switched', { Enabled: false });
    const during = await stateOf('switched');
    const again = update('switched', { Enabled: true });
    await expect(again).rejects.toMatchObject({ name: 'ResourceInUseException' });
    release();
    await until(async () => (await stateOf('switched')) === 'Disabled');
    await send('meanwhile');
    const mine = await receive();
    const { State: third } = await update('switched', { Enabled: true });
    await until(() => bodies.length === 2);

    expect([first, during, third]).toEqual(['Disabling', 'Disabling', 'Enabling']);
    // A poll of the mapping would have been there before this one.
    expect(mine).toEqual(['meanwhile']);
    expect(bodies).toEqual(['before', 'meanwhile']);
    expect(await stateOf('switched')).toBe('Enabled');
  });

  test('stays off when it is turned off again', async () => {
    await map('off-already', { isEnabled: false });

    expect(await update('off-already', { Enabled: false })).toMatchObject({ State: 'Disabled' });
  });
});

test('a mapping that the template turns off polls once it is turned on', async () => {
  const { bodies, send } = await map('off', { isEnabled: false });
  await send('waiting');
  const before = await stateOf('off');

  await update('off', { Enabled: true });
  await until(() => bodies.length === 1);

  expect(before).toBe('Disabled');
});

test('mappings are listed by queue and by function, version or alias, page by page', async () => {
  await map('one', { qualifier: ':live' });
  await map('two', { qualifier: ':live' });
  await map('three', { qualifier: ':1' });

  expect(await names({ EventSourceArn: queueArn('two') })).toEqual(['two']);
  expect(await names({ EventSourceArn: queueArn('two'), FunctionName: 'press:1' })).toEqual([]);
  expect(await names({ FunctionName: 'press:live' })).toEqual(['one', 'two']);
  expect(await names({ FunctionName: `${FUNCTION}:1` })).toEqual(['three']);
  expect(await names({ FunctionName: '000000000000:function:press:1' })).toEqual(['three']);
  expect(await names({ FunctionName: 'ess:1' })).toEqual([]);
  const page = new ListEventSourceMappingsCommand({ FunctionName: 'press:live', MaxItems: 1 });
  const { EventSourceMappings, NextMarker } = await lambda.send(page);
  expect(EventSourceMappings).toMatchObject([
    { UUID: 'one', State: 'Enabled', StateTransitionReason: 'USER_INITIATED', BatchSize: 10 },
  ]);
  expect(EventSourceMappings?.[0]?.LastModified?.getTime()).toBeGreaterThan(Date.now() - 60_000);
  expect(await names({ FunctionName: 'press:live', MaxItems: 1, Marker: NextMarker })).toEqual(['two']);
});

test('an account has a thousand concurrent executions', async () => {
  const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));

  expect(AccountLimit).toMatchObject({
    ConcurrentExecutions: 1000,
    UnreservedConcurrentExecutions: 1000,
  });
});

test.each<[string, () => Promise<unknown>, object]>([
  [
    'a mapping that is not there',
    () => stateOf('nowhere'),
    { name: 'ResourceNotFoundException', message: 'The resource you requested does not exist.' },
  ],
  [
    'another change',
    async () => {
      await map('unchanged');
      return update('unchanged', { BatchSize: 5, Enabled: false });
    },
    { name: 'InvalidParameterValueException', message: expect.stringContaining('a change of BatchSize') },
  ],
  [
    'an update that changes nothing',
    async () => {
      await map('same');
      return update('same', {});
    },
    { name: 'InvalidParameterValueException', message: expect.stringContaining('Enabled undefined') },
  ],
  [
    'another operation',
    () => lambda.send(new ListFunctionsCommand({})),
    { name: 'UnknownOperationException', message: expect.stringContaining('GET /2015-03-31/functions') },
  ],
])('%s is refused', async (_, call, error) => {
  await expect(call()).rejects.toMatchObject(error);
});

describe('who may turn mappings off', () => {
  test.each<[string, object]>([
    ['by their ARN', { Resource: `${MAPPING}:by-arn` }],
    [
      'by their function',
      { Resource: '*', Condition: { ArnEquals: { 'lambda:FunctionArn': `${FUNCTION}:by-function` } } },
    ],
  ])('can be told %s', async (how, statement) => {
    const mine = how === 'by their ARN' ? 'by-arn' : 'by-function';
    const accessKeyId = `operator-${mine}`;
    await map(mine, { qualifier: ':by-function' });
    await map(`${mine}-not`);
    const statements = [{ Effect: 'Allow', Action: 'lambda:UpdateEventSourceMapping', ...statement }];
    const user = 'arn:aws:iam::000000000000:user/operator';
    await emulators.api.permit({
      callers: [{ accessKeyId, arn: user, roleArn: user, policies: [{ Statement: statements }] }],
      keyPolicies: {},
      buckets: {},
    });
    const limited = new LambdaClient(settings(accessKeyId));
    const turnOff = (UUID: string) =>
      limited.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));

    const allowed = await turnOff(mine);
    const denied = await turnOff(`${mine}-not`).catch((error) => error);
    limited.destroy();

    expect(allowed.State).toBe('Disabling');
    expect(denied).toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining(`lambda:UpdateEventSourceMapping on resource: ${MAPPING}:${mine}-not`),
    });
  });
});
