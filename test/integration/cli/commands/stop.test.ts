// `stop` and `start` on a local stack whose mappings are turned on and off, and what other verbs make of it.
import fs from 'node:fs';
import path from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { command, useAwsEnvironment } from '../../../fixtures/command.ts';
import { type DeadLetterStack, startDeadLetterStack } from '../../../fixtures/dead-letter-stack.ts';
import { orderStack } from '../../../fixtures/order-stack.ts';
import { scriptedAws } from '../../../fixtures/scripted-aws.ts';

let stack: DeadLetterStack;
beforeAll(async () => {
  stack = await startDeadLetterStack(8);
});
afterAll(() => stack.stop());

/** What is on record of a consumer: the beginnings of stops and starts with their ends. */
const onRecord = (consumer: string) => {
  const file = path.join(stack.directory, 'operations.jsonl');
  const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  const entries = lines.map((line) => JSON.parse(line));
  return entries
    .filter((entry) => entry.consumer === consumer)
    .map((begun) => ({ ...begun, ...entries.find(({ id, event }) => event === 'ended' && id === begun.id) }));
};
const healthOf = async (consumer: string) => {
  const { consumers } = JSON.parse((await stack.orders('status', '--json')).stdout);
  return consumers.find(({ name }: { name: string }) => name === consumer);
};

test('a consumer is stopped and started again, on record with its reasons', async () => {
  const name = stack.next();
  await stack.sqs.send(new SendMessageCommand({ QueueUrl: stack.queues[name], MessageBody: 'waits' }));

  const stopped = await stack.orders('stop', name, '--reason', 'the bank is down');
  const { enabled: whileStopped } = await healthOf(name);
  const started = await stack.orders('start', name);
  const { enabled: afterwards } = await healthOf(name);
  const { stdout: history } = await stack.orders('redrive', name, '--history');

  expect(stopped).toEqual({
    code: 0,
    stdout: `${name} is stopped
Its messages wait in its queue, each for up to 4 days from when it was published
The queue holds 1 message
`,
    stderr: `Stopping ${name}
${name} is stopped

Next:
  npm run orders -- start ${name} --local
`,
  });
  expect(started).toEqual({
    code: 0,
    stdout: `${name} is started\nThe queue holds 1 message\n`,
    stderr: `Starting ${name}\n${name} is started\n\nNext:\n  npm run orders -- status --local\n`,
  });
  expect([whileStopped, afterwards]).toEqual([false, true]);
  expect(onRecord(name)).toMatchObject([
    { operation: 'stop', reason: 'the bank is down', who: 'local', outcome: 'done' },
    { operation: 'start', who: 'local', outcome: 'done' },
  ]);
  expect(history).toMatch(
    new RegExp(`^[\\d-]{10} [\\d:]{8}Z {2}${name}: stop \\(the bank is down\\)\n {2}done\n {2}by local\n`),
  );
});

test('what is so already is said, and neither done again nor recorded', async () => {
  const name = stack.next();

  const running = await stack.orders('start', name, '--json');
  await stack.orders('stop', name);
  const stopped = await stack.orders('stop', name);

  expect(JSON.parse(running.stdout)).toEqual({
    stack: 'OrderFanOut-dev',
    consumer: name,
    enabled: true,
    changed: false,
    waiting: 0,
    inFlight: 0,
    retentionSeconds: 345_600,
  });
  expect(stopped.stdout).toMatch(new RegExp(`^${name} was stopped already\nIts messages wait in its queue`));
  expect([running.code, stopped.code]).toEqual([0, 0]);
  expect(onRecord(name)).toHaveLength(1);
  await stack.orders('start', name);
});

describe('a stop that takes long', () => {
  test('is waited for no longer than --timeout, and is on record as not awaited', async () => {
    const name = stack.next();
    const release = stack.holdMapping(name);

    const { code, stdout, stderr } = await stack.orders('stop', name, '--timeout', '1');
    release();

    expect(stderr).toBe(
      `Stopping ${name}\n${name} is not stopped yet\nThe mapping is still Disabling after 1 s.\n\nNext:\n  npm run orders -- stop ${name} --local\n`,
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(onRecord(name)).toMatchObject([{ outcome: 'not awaited: the mapping was Disabling' }]);
  });

  test('is waited for by a second stop, and a start waits for its end', async () => {
    const name = stack.next();
    const release = stack.holdMapping(name);
    await stack.orders('stop', name, '--timeout', '1');

    const second = stack.orders('stop', name, '--timeout', '30');
    const start = stack.start('start', name, '--timeout', '30');
    release();
    await second;
    const { code } = await start.ended;

    expect(code).toBe(0);
    expect(onRecord(name)).toMatchObject([{ operation: 'stop' }, { operation: 'start', outcome: 'done' }]);
  });

  test('goes on by itself after Ctrl-C', async () => {
    const name = stack.next();
    const release = stack.holdMapping(name);
    const stopping = stack.start('stop', name);
    await stopping.says(`Stopping ${name}`);
    while ((await healthOf(name)).enabled) await new Promise(setImmediate);

    stopping.interrupt();
    const { code, stderr } = await stopping.ended;
    release();

    expect(code).toBe(130);
    expect(stderr).toContain('Stopped waiting: the mapping is Disabling.');
  });
});

test('status and watch show who is stopped, and what to type next', async () => {
  const name = stack.next();
  await stack.orders('stop', name);

  const { code, stdout } = await stack.orders('status');
  const watching = stack.start('watch', '--interval', '1');
  await watching.says(`${name} 0/0/0 stopped`);
  watching.interrupt();
  await watching.ended;
  await stack.orders('start', name);

  expect(stdout).toContain(`\n${name} (stopped)  `);
  expect(stdout).toMatch(/\nNext: npm run orders -- start \w+ --local\n$/);
  expect(code).toBe(1);
});

describe('on AWS', () => {
  const mapping = 'lambda:GET /2015-03-31/event-source-mappings/billing-mapping';
  const update = 'lambda:PUT /2015-03-31/event-source-mappings/billing-mapping';

  async function onAws(script: Parameters<typeof scriptedAws>[0] = {}) {
    const aws = await scriptedAws();
    await orderStack(aws);
    aws.script['sts:GetCallerIdentity'] = () => ({
      xml: '<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>ada</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>',
    });
    aws.script['logs:CreateLogStream'] = () => ({ json: {} });
    aws.script['logs:PutLogEvents'] = () => ({ json: {} });
    aws.script['monitoring:DescribeAlarms'] = () => ({ json: { MetricAlarms: [] } });
    aws.script['monitoring:GetMetricData'] = () => ({ json: { MetricDataResults: [] } });
    Object.assign(aws.script, script);
    useAwsEnvironment(aws.environment);
    return aws;
  }
  const failure = (code: string) => ({ status: 400, json: { __type: code, message: 'no' } });

  test('nothing is stopped that cannot be recorded', async () => {
    const aws = await onAws({
      [mapping]: () => ({ json: { State: 'Enabled' } }),
      'logs:PutLogEvents': () => failure('AccessDeniedException'),
    });

    const { code, stderr } = await command(['stop', 'billing', '--stack', 'Any']);
    const updates = aws.calls.filter(({ action }) => action === update);
    await aws.close();

    expect(stderr).toMatch(/^Access denied: /);
    expect(code).toBe(1);
    expect(updates).toEqual([]);
  });

  test('a stop that was made is no failure where nobody may look at the queue', async () => {
    const aws = await onAws({
      [mapping]: () => ({ json: { State: 'Disabled' } }),
      'sqs:GetQueueAttributes': () => failure('AccessDenied'),
    });

    const { code, stdout, stderr } = await command(['stop', 'billing', '--stack', 'Any']);
    const json = await command(['stop', 'billing', '--stack', 'Any', '--json']);
    await aws.close();

    expect(stdout).toBe(
      'billing was stopped already\nIts messages wait in its queue, each for up to the retention period of the queue from when it was published\n',
    );
    expect(stderr).toMatch(
      /^What the queue holds is not known: Access denied: these credentials lack the IAM action sqs:GetQueueAttributes\n/,
    );
    expect(JSON.parse(json.stdout)).toMatchObject({
      enabled: false,
      waiting: null,
      inFlight: null,
      retentionSeconds: null,
    });
    expect([code, json.code]).toEqual([0, 0]);
  });

  test('a stop that is refused is on record as failed', async () => {
    const aws = await onAws({
      [mapping]: () => ({ json: { State: 'Enabled' } }),
      [update]: () => failure('AccessDeniedException'),
    });

    const { code, stderr } = await command(['stop', 'billing', '--stack', 'Any']);
    const records = aws.calls
      .filter(({ action }) => action === 'logs:PutLogEvents')
      .map(({ input }) => JSON.parse(input.logEvents[0].message));
    await aws.close();

    expect(stderr).toMatch(/^Stopping billing\nCould not stop billing\nAccess denied: /);
    expect(code).toBe(1);
    expect(records).toMatchObject([
      { operation: 'stop', who: 'ada' },
      { outcome: expect.stringMatching(/^failed: Access denied/) },
    ]);
  });

  test('without its mapping nobody can be stopped', async () => {
    const aws = await onAws({ [mapping]: () => ({ ...failure('ResourceNotFoundException'), status: 404 }) });

    const { code, stdout, stderr } = await command(['stop', 'billing', '--stack', 'Any']);
    await aws.close();

    expect(stderr).toContain(
      'The event source mapping billing-mapping of billing does not exist: somebody has deleted it',
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  test('status goes without, where nobody may be asked who is stopped', async () => {
    const denied = () => failure('AccessDeniedException');
    const aws = await onAws({
      [mapping]: denied,
      'lambda:GET /2015-03-31/event-source-mappings/shipping-mapping': denied,
    });

    const { code, stdout } = await command(['status', '--stack', 'Any']);
    const json = JSON.parse((await command(['status', '--stack', 'Any', '--json'])).stdout);
    await aws.close();

    expect(stdout).toMatch(/\n\nUnknown whether stopped: billing, shipping \(these credentials/);
    expect(stdout).toMatch(/\nAll is well\.\n$/);
    expect(json.consumers).toMatchObject([{ enabled: null }, { enabled: null }]);
    expect(code).toBe(0);
  });
});

test.each([
  [['stop'], "missing required argument 'consumer'"],
  [['stop', 'nobody', '--local'], 'No consumer "nobody" in OrderFanOut-dev'],
  [['stop', 'billing', '--reason', ' '], 'It must be a text of 1 to 500 characters.'],
  [['start', 'billing', '--timeout', '0'], 'It must be a whole number from 1 to 3600.'],
])('%j is wrong usage', async (args, message) => {
  const { code, stdout, stderr } = await command(args);

  expect(stderr).toContain(message);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});
