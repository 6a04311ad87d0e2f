// Lambda's API over the SDK, for mappings of a queue that messages wait in.
import {
  GetAccountSettingsCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
  ListFunctionsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  bodiesOf,
  emulators,
  makeQueue,
  queueArn,
  receive,
  send,
  settings,
  useEmulators,
} from '../../fixtures/emulators.ts';
import { mappingOf, ok } from '../../fixtures/mapping.ts';
import { allow } from '../../fixtures/policies.ts';
import { denialOf, permit, WORKER } from '../../fixtures/worker.ts';

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:press';
const MAPPING = 'arn:aws:lambda:us-east-1:000000000000:event-source-mapping';
let lambda: LambdaClient;
useEmulators();
beforeAll(() => {
  lambda = new LambdaClient(settings());
});
afterAll(() => lambda.destroy());

/** A mapping that is called like its queue, and the bodies that it has handed over so far. */
async function map(name: string) {
  const queueUrl = await makeQueue({}, name);
  const bodies: string[] = [];
  let held = Promise.withResolvers<void>();
  held.resolve();
  const mapping = mappingOf(queueUrl, async ({ Records }) => {
    bodies.push(...Records.map(({ body }) => body));
    await held.promise;
    return ok();
  });
  await emulators.addMapping(
    {
      UUID: name,
      EventSourceMappingArn: `${MAPPING}:${name}`,
      FunctionArn: FUNCTION,
      EventSourceArn: queueArn(name),
      BatchSize: 10,
    },
    (wanted) => mapping.switchTo(wanted),
  );
  mapping.start();
  return {
    bodies,
    send: (body: string) => send(queueUrl, body),
    /** Bodies that anybody can receive, who leaves them there. */
    receive: async () => bodiesOf(await receive(queueUrl, { WaitTimeSeconds: 1, VisibilityTimeout: 0 })),
    /** Has invocations go on until `release`. */
    hold: () => {
      held = Promise.withResolvers();
    },
    release: () => held.resolve(),
  };
}

const update = (UUID: string, change: object) =>
  lambda.send(new UpdateEventSourceMappingCommand({ UUID, ...change }));
const stateOf = async (UUID: string) => (await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State;
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('a mapping that is turned off lets its invocation end, then leaves messages where they are until it is turned on', async () => {
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
  // It is on already.
  expect((await update('switched', { Enabled: true })).State).toBe('Enabled');
});

test('a mapping is described by its settings, its state, and when it took that', async () => {
  await map('described');

  const { LastModified, ...mapping } = await lambda.send(
    new GetEventSourceMappingCommand({ UUID: 'described' }),
  );

  expect(mapping).toMatchObject({
    EventSourceMappingArn: `${MAPPING}:described`,
    FunctionArn: FUNCTION,
    EventSourceArn: queueArn('described'),
    BatchSize: 10,
    State: 'Enabled',
    StateTransitionReason: 'USER_INITIATED',
  });
  expect(LastModified?.getTime()).toBeGreaterThan(Date.now() - 60_000);
});

test('an account has a thousand concurrent executions', async () => {
  const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));

  expect(AccountLimit).toMatchObject({
    ConcurrentExecutions: 1000,
    UnreservedConcurrentExecutions: 1000,
  });
});

const makeAndUpdate = async (name: string, change: object) => {
  await map(name);
  return update(name, change);
};
test.each<[what: string, call: () => Promise<unknown>, name: string, message: string]>([
  [
    'a mapping that is not there',
    () => stateOf('nowhere'),
    'ResourceNotFoundException',
    'The resource you requested does not exist.',
  ],
  [
    'another change',
    () => makeAndUpdate('unchanged', { BatchSize: 5, Enabled: false }),
    'InvalidParameterValueException',
    'a change of BatchSize',
  ],
  [
    'an update that changes nothing',
    () => makeAndUpdate('same', {}),
    'InvalidParameterValueException',
    'Enabled undefined',
  ],
  [
    'another operation',
    () => lambda.send(new ListFunctionsCommand({})),
    'UnknownOperationException',
    'GET /2015-03-31/functions',
  ],
])('%s is refused', async (_, call, name, message) => {
  await expect(call()).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
});

test('who may turn which mapping off is told by its ARN', async () => {
  for (const name of ['mine', 'not-mine']) await map(name);
  await permit([allow('lambda:UpdateEventSourceMapping', `${MAPPING}:mine`)]);
  const worker = new LambdaClient(settings(WORKER));
  const turnOff = (UUID: string) =>
    worker.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));

  const allowed = await turnOff('mine');
  const denied = await turnOff('not-mine').catch((error) => error);
  worker.destroy();

  expect(allowed.State).toBe('Disabling');
  expect(denied).toMatchObject({
    name: 'AccessDeniedException',
    message: denialOf('lambda:UpdateEventSourceMapping', `${MAPPING}:not-mine`),
  });
});
