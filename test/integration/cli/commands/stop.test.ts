// `stop` and `start` on a local stack whose mappings are turned on and off, and what other verbs make of it.
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { command, useAwsEnvironment } from '../../../fixtures/command.ts';
import { type DeadLetterStack, startDeadLetterStack } from '../../../fixtures/dead-letter-stack.ts';
import { orderStack } from '../../../fixtures/order-stack.ts';
import { type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

let stack: DeadLetterStack;
beforeAll(async () => {
  stack = await startDeadLetterStack();
});
afterEach(async () => {
  await stack.command('start', 'billing');
  await stack.clear();
});
afterAll(() => stack.stop());

const healthOf = async (consumer: string) => {
  const { consumers } = JSON.parse((await stack.command('status', '--json')).stdout);
  return consumers.find(({ name }: { name: string }) => name === consumer);
};

test('a consumer is stopped and started again, and both are recorded with the reason', async () => {
  await stack.sqs.send(new SendMessageCommand({ QueueUrl: stack.queues.billing, MessageBody: 'waits' }));

  const stopped = await stack.command('stop', 'billing', '--reason', 'the bank is down');
  const { enabled: whileStopped } = await healthOf('billing');
  const started = await stack.command('start', 'billing');
  const { enabled: afterwards } = await healthOf('billing');
  const { stdout: history } = await stack.command('redrive', 'billing', '--history');

  expect(stopped).toEqual({
    code: 0,
    stdout: `billing is stopped
Its messages wait in its queue, each for up to 4 days from when it was published
The queue holds 1 message
`,
    stderr: `Stopping billing
billing is stopped

Next:
  npm run orders -- start billing --local
`,
  });
  expect(started).toEqual({
    code: 0,
    stdout: `billing is started\nThe queue holds 1 message\n`,
    stderr: `Starting billing\nbilling is started\n\nNext:\n  npm run orders -- status --local\n`,
  });
  expect([whileStopped, afterwards]).toEqual([false, true]);
  expect(stack.operations()).toMatchObject([
    { operation: 'stop', reason: 'the bank is down', who: 'local', outcome: 'done' },
    { operation: 'start', who: 'local', outcome: 'done' },
  ]);
  expect(history).toMatch(
    /^[\d-]{10} [\d:]{8}Z {2}billing: stop \(the bank is down\)\n {2}done\n {2}by local\n/,
  );
});

test('a stop of a stopped consumer says so, and is neither repeated nor recorded', async () => {
  const running = await stack.command('start', 'billing', '--json');
  await stack.command('stop', 'billing');
  const stopped = await stack.command('stop', 'billing');

  expect(JSON.parse(running.stdout)).toEqual({
    stack: 'OrderFanOut-dev',
    consumer: 'billing',
    enabled: true,
    changed: false,
    waiting: 0,
    inFlight: 0,
    retentionSeconds: 345_600,
  });
  expect(stopped.stdout).toMatch(/^billing was stopped already\nIts messages wait in its queue/);
  expect([running.code, stopped.code]).toEqual([0, 0]);
  expect(stack.operations()).toHaveLength(1);
});

describe('a stop that takes long', () => {
  test('is abandoned at --timeout, and recorded as not awaited', async () => {
    const release = stack.holdMapping('billing');

    const { code, stdout, stderr } = await stack.command('stop', 'billing', '--timeout', '1');
    release();

    expect(stderr).toBe(
      `Stopping billing\nbilling is not stopped yet\nThe mapping is still Disabling after 1 s.\n\nNext:\n  npm run orders -- stop billing --local\n`,
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stack.operations()).toMatchObject([{ outcome: 'not awaited: the mapping was Disabling' }]);
  });

  test('is waited for by a second stop, and a start waits for its end', async () => {
    const release = stack.holdMapping('billing');
    await stack.command('stop', 'billing', '--timeout', '1');

    const second = stack.command('stop', 'billing', '--timeout', '30');
    const start = stack.start('start', 'billing', '--timeout', '30');
    release();
    await second;
    const { code } = await start.ended;

    expect(code).toBe(0);
    expect(stack.operations()).toMatchObject([
      { operation: 'stop' },
      { operation: 'start', outcome: 'done' },
    ]);
  });

  test('continues after Ctrl-C', async () => {
    const release = stack.holdMapping('billing');
    const stopping = stack.start('stop', 'billing');
    await stopping.says('Stopping billing');
    while ((await healthOf('billing')).enabled) await new Promise(setImmediate);

    stopping.interrupt();
    const { code, stderr } = await stopping.ended;
    release();

    expect(code).toBe(130);
    expect(stderr).toContain('Stopped waiting: the mapping is Disabling.');
  });
});

test('status and watch show who is stopped, and what to type next', async () => {
  await stack.command('stop', 'billing');

  const { code, stdout } = await stack.command('status');
  const watching = stack.start('watch', '--interval', '1');
  await watching.says('billing 0/0/0 stopped');
  watching.interrupt();
  await watching.ended;

  expect(stdout).toContain('\nbilling (stopped)  ');
  expect(stdout).toMatch(/\nNext: npm run orders -- start \w+ --local\n$/);
  expect(code).toBe(1);
});

describe('on AWS', () => {
  const mapping = 'lambda:GET /2015-03-31/event-source-mappings/billing-mapping';
  const update = 'lambda:PUT /2015-03-31/event-source-mappings/billing-mapping';

  let aws: ScriptedAws;
  beforeEach(async () => {
    aws = await scriptedAws();
    await orderStack(aws);
    Object.assign(aws.script, {
      'sts:GetCallerIdentity': () => ({
        xml: '<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>ada</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>',
      }),
      'logs:CreateLogStream': () => ({ json: {} }),
      'logs:PutLogEvents': () => ({ json: {} }),
      'monitoring:DescribeAlarms': () => ({ json: { MetricAlarms: [] } }),
      'monitoring:GetMetricData': () => ({ json: { MetricDataResults: [] } }),
    });
    useAwsEnvironment(aws.environment);
  });
  afterEach(() => aws.close());

  const inState = (State: string) => {
    aws.script[mapping] = () => ({ json: { State } });
  };
  const fail = (action: string, code: string, status = 400) => {
    aws.script[action] = () => ({ status, json: { __type: code, message: 'no' } });
  };
  const stop = (...args: string[]) => command(['stop', 'billing', '--stack', 'Any', ...args]);

  test('nothing is stopped that cannot be recorded', async () => {
    inState('Enabled');
    fail('logs:PutLogEvents', 'AccessDeniedException');

    const { code, stderr } = await stop();
    const updates = aws.calls.filter(({ action }) => action === update);

    expect(stderr).toMatch(/^Access denied: /);
    expect(code).toBe(1);
    expect(updates).toEqual([]);
  });

  test('a stop succeeds even without permission to read the queue', async () => {
    inState('Disabled');
    fail('sqs:GetQueueAttributes', 'AccessDenied');

    const { code, stdout, stderr } = await stop();
    const json = await stop('--json');

    expect(stdout).toBe(
      'billing was stopped already\nIts messages wait in its queue, each for up to the retention period of the queue from when it was published\n',
    );
    expect(stderr).toMatch(
      /^Cannot read what the queue holds: Access denied: these credentials lack the IAM action sqs:GetQueueAttributes\n/,
    );
    expect(JSON.parse(json.stdout)).toMatchObject({
      enabled: false,
      waiting: null,
      inFlight: null,
      retentionSeconds: null,
    });
    expect([code, json.code]).toEqual([0, 0]);
  });

  test('a stop that Lambda refuses is recorded as failed', async () => {
    inState('Enabled');
    fail(update, 'AccessDeniedException');

    const { code, stderr } = await stop();
    const records = aws.calls
      .filter(({ action }) => action === 'logs:PutLogEvents')
      .map(({ input }) => JSON.parse(input.logEvents[0].message));

    expect(stderr).toMatch(/^Stopping billing\nCould not stop billing\nAccess denied: /);
    expect(code).toBe(1);
    expect(records).toMatchObject([
      { operation: 'stop', who: 'ada' },
      { outcome: expect.stringMatching(/^failed: Access denied/) },
    ]);
  });

  test('a consumer whose mapping was deleted cannot be stopped', async () => {
    fail(mapping, 'ResourceNotFoundException', 404);

    const { code, stdout, stderr } = await stop();

    expect(stderr).toContain(
      'The event source mapping billing-mapping of billing does not exist: somebody has deleted it',
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  test('status works without permission to read the mappings', async () => {
    fail(mapping, 'AccessDeniedException');
    fail('lambda:GET /2015-03-31/event-source-mappings/shipping-mapping', 'AccessDeniedException');

    const { code, stdout } = await command(['status', '--stack', 'Any']);
    const json = JSON.parse((await command(['status', '--stack', 'Any', '--json'])).stdout);

    expect(stdout).toMatch(/\n\nUnknown whether stopped: billing, shipping \(these credentials/);
    expect(stdout).toMatch(/\nAll is well\.\n$/);
    expect(json.consumers).toMatchObject([{ enabled: null }, { enabled: null }]);
    expect(code).toBe(0);
  });
});
