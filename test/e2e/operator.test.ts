// The verbs as an operator runs them, against a whole local stack, with the permissions of the operator's policy and no others.

import fs from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { type MessageAttributeValue, PublishCommand } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { orderEvents } from '../../domain/events.ts';
import type { Order } from '../../domain/order.ts';
import { command, useAwsEnvironment } from '../fixtures/command.ts';
import { anItem, anOrder } from '../fixtures/order-fixtures.ts';
import { PROJECT } from '../fixtures/project.ts';
import { type Ended, Run } from '../fixtures/run.ts';
import { type RunningStack, startStack } from '../fixtures/running-stack.ts';
import { scriptedAws } from '../fixtures/scripted-aws.ts';

// The stage with a key of its own needs more permissions than the other.
const STACK = 'OrderFanOut-prod';
const folder = temporaryFolder('operator-');
const shipped = anOrder({ orderId: 'shipped' });
const digital = anOrder({ orderId: 'digital', items: [anItem({ requiresShipping: false })] });
const poison = { ...anOrder({ orderId: 'poison' }), total: 1 } as Order;
let running: RunningStack;
/** CloudWatch Logs, where operations are recorded, and which the local run does not have. */
let logs: Awaited<ReturnType<typeof scriptedAws>>;

beforeAll(async () => {
  const assembly = path.join(folder, 'cdk.out');
  // In the account of the local run, not in the one that the stage is pinned to.
  const here = { account: '000000000000', region: 'us-east-1' };
  await synthesize(PROJECT, assembly, { stage: 'prod', operatorPolicy: 'true', ...here });
  running = await startStack(assembly);
  running.run.consume();
  logs = await scriptedAws({
    'logs:CreateLogStream': () => ({ json: {} }),
    'logs:PutLogEvents': () => ({ json: {} }),
  });
});

afterAll(async () => {
  await logs.close();
  await running.stop();
});

const output = (key: string) =>
  running.run.stack.description.outputs.find((each) => each.key === key)?.value ?? '';

interface Statement {
  Action: string | string[];
}
/** A command, with the permissions of the operator's policy unless another access key is given. */
function orders(
  args: string[],
  accessKeyId = `policy:${output('OperatorPolicyArn').split('/').at(-1)}`,
): Promise<Ended> {
  useAwsEnvironment({
    AWS_ENDPOINT_URL: running.run.client.endpoint,
    AWS_REGION: running.run.client.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: 'any',
    AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: logs.endpoint,
  });
  return command(args);
}
/** On AWS, as far as the command line knows. */
const remote = (...args: string[]) => orders([...args, '--stack', STACK]);

const send = (Message: string, MessageAttributes: Record<string, MessageAttributeValue>) =>
  running.clients.sns.send(
    new PublishCommand({ TopicArn: running.stack.topicArn, Message, MessageAttributes }),
  );
const publish = (order: Order) => send(JSON.stringify(order), orderEvents.attributesOf(order));
/** An address is not broken. */
const fits = (text: string) =>
  text.split('\n').every((line) => stripVTControlCharacters(line).length <= 80 || /^ *https:\S+$/.test(line));

describe('before the first order', () => {
  test('status finds all well', async () => {
    const { code, stdout, stderr } = await remote('status');

    expect(stderr).toBe('');
    expect(stdout).toContain(`${STACK} in us-east-1`);
    expect(stdout).toMatch(/\nbilling +0 +0 +0 +- +0 +-\ninventory .*\nshipping .*\n\nAll is well\.\n$/);
    expect(code).toBe(0);
  });

  test('nobody has seen an order', async () => {
    const { code, stdout } = await remote('trace', 'shipped');

    expect(stdout).toContain('billing    never seen     not recorded, and its queue is empty\n');
    expect(stdout).toContain(`No consumer of ${STACK} has a record or a dead letter of it.`);
    expect(stdout).toContain(`Next: npm run orders -- status --stack ${STACK}`);
    expect(code).toBe(1);
  });

  test('stock is set from the command line and from a file, with what was there before, and listed', async () => {
    const file = path.join(folder, 'stock.csv');
    fs.writeFileSync(file, 'sku,available\nSKU-1,50\nSKU-2,0\n');

    const first = await remote('stock', 'set', 'SKU-1=5');
    const second = await remote('stock', 'set', '--file', file, 'SKU-3=1200', '--json');
    const list = await remote('stock', 'list');

    expect(first).toEqual({ code: 0, stdout: 'sku    before  now\nSKU-1     new    5\n', stderr: '' });
    expect(JSON.parse(second.stdout)).toEqual({
      stack: STACK,
      set: [
        { sku: 'SKU-1', available: 50, before: 5 },
        { sku: 'SKU-2', available: 0, before: null },
        { sku: 'SKU-3', available: 1200, before: null },
      ],
    });
    expect(list.stdout).toBe('sku    available\nSKU-1         50\nSKU-2          0\nSKU-3      1,200\n');
    expect(list.code).toBe(0);
  });

  test('stock is added to', async () => {
    expect(await remote('stock', 'add', 'SKU-1=+3')).toEqual({
      code: 0,
      stdout: 'sku    before  now\nSKU-1      50   53\n',
      stderr: '',
    });
  });
});

describe('after some orders', () => {
  beforeAll(async () => {
    for (const order of [shipped, digital, poison]) await publish(order);
    await running.empty();
    await running.run.cloudWatch.endMinute();
  });

  test('trace finds each record, and says what was filtered out and why', async () => {
    const done = await remote('trace', 'shipped');
    const filtered = await remote('trace', 'digital');

    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`;
    expect(done.stdout).toMatch(
      new RegExp(
        `^shipped, placed 2026-11-22 17:00:00Z
billing    done           in invoices since ${time} as ISSUED
inventory  done           in reservations since ${time} as RESERVED
shipping   done           in shipments since ${time} as READY
$`,
      ),
    );
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(filtered.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'shipping filtered out takes only orders with requiresShipping "true"; this one has "false"',
    );
    expect(filtered.code).toBe(0);
  });

  test('trace says why an order is dead-lettered, and leaves the letter for others', async () => {
    const { code, stdout } = await remote('trace', 'poison');
    const again = await remote('trace', 'poison', '--json');

    expect(fits(stdout)).toBe(true);
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /billing dead-lettered SchemaViolation: total must equal .* after 1 try, request [\da-f-]{36} inventory /,
    );
    expect(stdout).toContain(`  npm run orders -- redrive billing --order poison --stack ${STACK}\n`);
    expect(code).toBe(1);
    expect(JSON.parse(again.stdout)).toMatchObject({
      orderId: 'poison',
      ok: false,
      consumers: ['billing', 'inventory', 'shipping'].map((name) => ({
        name,
        state: 'dead-lettered',
        letters: [{ attempts: 1, reason: { error: 'SchemaViolation' } }],
      })),
    });
  });

  test('status counts, names the alarms and ends with what to type', async () => {
    const { code, stdout } = await remote('status');
    const { consumers, ...rest } = JSON.parse((await remote('status', '--json')).stdout);

    expect(fits(stdout)).toBe(true);
    expect(stdout).toMatch(/\nbilling +0 +0 +1 +- +2 +2\n/);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('ALARM billing: messages are in the dead-letter queue.');
    expect(stdout).toContain('docs/runbook.md#dead-letters');
    expect(stdout).toMatch(new RegExp(`\nNext: npm run orders -- failed billing --stack ${STACK}\n$`));
    expect(code).toBe(1);
    expect(rest).toMatchObject({
      stack: STACK,
      ok: false,
      next: `npm run orders -- failed billing --stack ${STACK}`,
    });
    expect(consumers[3]).toMatchObject({ name: 'shipping', waiting: 0, deadLetters: 1, processed: 1 });
  });

  test('watch prints a line a look in a pipe, and ends well with Ctrl-C', async () => {
    const watch = new Run('bin/operate.mjs', ['watch', '--local', '--interval', '1'], {
      LOCAL_RUN_DIRECTORY: running.folder,
    });
    await watch.says('\n20');
    await watch.says('alarms 6\n20');

    watch.interrupt();
    const { code, stdout, stderr } = await watch.ended;

    expect(stderr).toBe(`${STACK} in us-east-1: waiting/in flight/dead letters\n`);
    for (const line of stdout.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^[\d-]{10} [\d:]{8}Z {2}archive 0\/0\/0 {2}billing 0\/0\/1 {2}inventory 0\/0\/1 {2}shipping 0\/0\/1 {2}alarms 6$/,
      );
    }
    expect(code).toBe(0);
  });

  test('tail shows what a consumer said, of one order or from a level on', async () => {
    const ofOrder = await orders(['tail', 'billing', '--local', '--order', 'shipped']);
    const bad = await orders(['tail', 'billing', '--local', '--level', 'warn', '--json']);
    const none = await orders(['tail', 'billing', '--local', '--order', 'nowhere']);

    expect(ofOrder.stdout).toMatch(/^[\d-]{10} [\d:]{8}Z INFO {3}created, shipped\n$/);
    expect(ofOrder).toMatchObject({ code: 0, stderr: '' });
    const entries = bad.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(entries).toEqual([
      expect.objectContaining({ level: 'ERROR', message: 'dead-lettered', orderId: 'poison' }),
    ]);
    expect(none.stdout).toBe('');
    expect(none.stderr).toMatch(/^No log entries since /);
    expect(none.code).toBe(0);
  });

  test('tail --follow goes on until Ctrl-C', async () => {
    const tail = new Run('bin/operate.mjs', ['tail', 'billing', '--local', '--order', 'later', '--follow'], {
      LOCAL_RUN_DIRECTORY: running.folder,
    });
    await publish(anOrder({ orderId: 'later' }));

    await tail.says('created, later');
    tail.interrupt();

    expect(await tail.ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('trace --follow waits until the order is done everywhere', async () => {
    const following = remote('trace', 'to-come', '--follow', '--timeout', '60');
    await publish(anOrder({ orderId: 'to-come' }));

    const { code, stdout, stderr } = await following;

    expect(stdout).toMatch(/\nbilling +done .*\ninventory +done .*\nshipping +done .*\n$/);
    expect(stderr).toMatch(/Followed to its end\n$/);
    expect(code).toBe(0);
  });

  test('Ctrl-C ends trace --follow with what was found until then', async () => {
    const following = new Run('bin/operate.mjs', ['trace', 'never', '--follow', '--local'], {
      LOCAL_RUN_DIRECTORY: running.folder,
    });
    await following.says('Following: 0 of 3');

    following.interrupt();
    const { code, stdout, stderr } = await following.ended;

    expect(stdout).toContain('never seen');
    expect(stderr).toMatch(/Stopped following\n$/);
    expect(code).toBe(130);
  });

  test('trace --follow gives up after its time', async () => {
    const { code, stdout, stderr } = await remote('trace', 'never', '--follow', '--timeout', '1');

    expect(stdout).toContain('never seen');
    expect(stderr).toMatch(/Not ended within 1 s\n$/);
    expect(code).toBe(1);
  });

  test('the operator may publish and wait', async () => {
    const { code, stderr } = await remote('publish', '--count', '3', '--seed', '1', '--wait');

    expect(stderr).toMatch(/Followed all to their end\n$/);
    expect(code).toBe(0);
  });
});

test('the operator may list dead letters, send them back and take them away', async () => {
  const listed = await remote('failed', '--json');
  const moved = await remote('redrive', 'billing');
  const sent = await remote('redrive', 'inventory', '--order', 'poison');
  await running.empty();
  const purged = await remote('purge', 'billing', '--dead-letters', '--yes', '--no-export');
  const records = logs.calls
    .filter(({ action }) => action === 'logs:PutLogEvents')
    .map(({ input }) => JSON.parse(input.logEvents[0].message));

  expect(JSON.parse(listed.stdout).consumers).toMatchObject({ billing: { deadLetters: 1 } });
  // It still breaks the contract, so that it comes back.
  for (const { code, stdout, stderr } of [moved, sent]) {
    expect(stderr).not.toContain('Access denied');
    expect(stdout + stderr).toMatch(/came back/);
    expect(code).toBe(1);
  }
  expect(records).toMatchObject([
    { event: 'started', consumer: 'billing', what: 'all', letters: 1 },
    { event: 'ended', sent: 1, cameBack: 1 },
    { event: 'started', consumer: 'inventory', what: 'order poison', letters: 1 },
    { event: 'ended', sent: 1, cameBack: 1 },
  ]);
  expect(purged).toMatchObject({ code: 0, stdout: expect.stringContaining('Deleted 1 of 1 dead letter') });
});

test('a stopped consumer leaves its orders in the queue until it is started', async () => {
  const waiting = anOrder({ orderId: 'waiting' });

  const stopped = await remote('stop', 'billing', '--reason', 'a try');
  await publish(waiting);
  const during = await remote('trace', 'waiting');
  const status = JSON.parse((await remote('status', '--json')).stdout);
  const started = await remote('start', 'billing');
  await running.empty();

  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringContaining('each for up to 4 days') });
  expect(during.stdout).not.toMatch(/billing +done/);
  expect(status).toMatchObject({
    ok: false,
    consumers: [{ name: 'archive' }, { name: 'billing', enabled: false, waiting: 1 }, {}, {}],
  });
  expect(started).toMatchObject({ code: 0, stdout: expect.stringContaining('billing is started\n') });
  expect((await remote('trace', 'waiting')).stdout).toMatch(/billing +done/);
});

test('the operator may look at messages that nobody takes, send them on and take them away', async () => {
  const paid = { eventType: { DataType: 'String', StringValue: 'order.paid' } };
  const order = anOrder({ orderId: 'unrouted' });
  for (const message of [JSON.stringify(order), 'gibberish']) await send(message, paid);

  const listed = await remote('failed', 'unrouted');
  const sent = await remote('redrive', 'unrouted', '--order', 'unrouted', '--canary');
  const traced = await remote('trace', 'unrouted');
  const purged = await remote('purge', 'unrouted', '--dead-letters', '--yes', '--no-export');

  expect(listed.stdout).toMatch(/^unrouted: 2 messages\n {2}2 {2}eventType "order\.paid"\n/);
  expect(sent).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Sent 1 of 1 message to the topic'),
  });
  expect(traced).toMatchObject({ code: 0, stdout: expect.stringMatching(/billing +done/) });
  expect(purged).toMatchObject({ code: 0, stdout: expect.stringContaining('Deleted 1 of 1 message') });
});

test('the operator may look into the archive, and replay it', async () => {
  const order = anOrder({ orderId: 'archived' });
  const today = new Date().toISOString().slice(0, 10);
  await publish(order);
  await running.empty();

  const found = await remote('archive', 'get', 'archived', '--json');
  const replayed = await remote('replay', 'billing', '--from', today, '--order', 'archived');
  const again = await remote('replay', 'billing', '--from', today, '--order', 'archived', '--canary');

  expect(found.code).toBe(0);
  expect(JSON.parse(found.stdout).messages).toMatchObject([{ body: JSON.stringify(order) }]);
  expect(replayed).toMatchObject({ code: 0, stdout: expect.stringContaining('Sent 1 message to billing') });
  expect(again.stderr).toContain('Stopped: billing has all on record');
});

test('the operator may check all but the drift, and set alarms for a test', async () => {
  const { code, stdout } = await remote('check', '--fire', '--yes', '--json');
  const { findings } = JSON.parse(stdout) as {
    findings: { subject: string; ok: boolean; says: string; toDo: string }[];
  };
  const wrong = findings.filter(({ ok }) => !ok);

  expect(wrong.map(({ subject, says }) => [subject, says])).toEqual([
    ['pages topic', 'nobody is subscribed: no alarm of this kind reaches anybody'],
    ['notices topic', 'nobody is subscribed: no alarm of this kind reaches anybody'],
    [
      'drift',
      expect.stringMatching(
        /^could not be checked: .* lack the IAM action cloudformation:DetectStackDrift on arn:\S+$/,
      ),
    ],
  ]);
  expect(wrong.at(-1)?.toDo).toMatch(/, or leave it out with --no-drift$/);
  expect(findings.map(({ subject }) => subject)).toEqual(
    expect.arrayContaining(['keys', 'pages history', 'pages test', 'notices test']),
  );
  expect(code).toBe(1);
});

test('who has other permissions is told which action is lacking', async () => {
  const { code, stdout, stderr } = await orders(
    ['status', '--stack', STACK],
    `function:${output('BillingFunctionName')}`,
  );

  expect(stderr).toMatch(
    /^Access denied: these credentials lack the IAM action cloudformation:DescribeStacks on arn:\S+\n$/,
  );
  expect(stdout).toBe('');
  expect(code).toBe(1);
});

test('the policy allows what the verbs ask for, and beside that only logs and what is asked for when something goes wrong', async () => {
  const arn = output('OperatorPolicyArn');
  const asked = (await running.run.accesses())
    .filter(({ caller }) => caller.endsWith(`:user/${arn.split('/').at(-1)}`))
    .map(({ action }) => action);
  const file = path.join(folder, 'cdk.out', `${STACK}.template.json`);
  const { Resources } = JSON.parse(fs.readFileSync(file, 'utf8')) as {
    Resources: Record<string, { Type: string; Properties: { PolicyDocument: { Statement: Statement[] } } }>;
  };
  const policy = Object.values(Resources).find(({ Type }) => Type === 'AWS::IAM::ManagedPolicy');
  const granted = new Set(policy?.Properties.PolicyDocument.Statement.flatMap(({ Action }) => Action));

  // The one that `check` says to lack.
  expect(asked.filter((action) => !granted.has(action))).toEqual(['cloudformation:DetectStackDrift']);
  // Asked for only where letters come back while the move goes on, and where concurrency is short.
  asked.push('sqs:CancelMessageMoveTask', 'lambda:GetFunctionConcurrency');
  expect([...granted].filter((action) => !asked.includes(action)).sort()).toEqual([
    'logs:CreateLogStream',
    'logs:FilterLogEvents',
    'logs:PutLogEvents',
  ]);
});
