import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { generateEvents } from '../../../../cli/publishing/test-events.ts';
import { orderEvents } from '../../../../domain/events.ts';
import { command, RunningCommand, useAwsEnvironment } from '../../../fixtures/command.ts';
import { type OrderStack, orderStack } from '../../../fixtures/order-stack.ts';
import { killRuns, Run } from '../../../fixtures/run.ts';
import { batchAnswer, batchEntries, type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

const folder = temporaryFolder('orders-');
let aws: ScriptedAws;
let stack: OrderStack;
beforeEach(async () => {
  aws = await scriptedAws();
  stack = await orderStack(aws);
  useAwsEnvironment({ ...aws.environment, AWS_MAX_ATTEMPTS: '1' });
});
afterEach(async () => {
  killRuns();
  await aws.close();
});

const publish = (...args: string[]) => command(['publish', ...args]);
/** A file of orders, a line each. */
function file(...orders: unknown[]): string {
  const target = path.join(folder, 'orders.jsonl');
  fs.writeFileSync(target, orders.map((order) => `${JSON.stringify(order)}\n`).join(''));
  return target;
}
const parsed = (orders: { body: string }[]) => orders.map(({ body }) => JSON.parse(body));
const calls = (action: string) => aws.calls.filter((call) => call.action === action);
const publishedBodies = () =>
  calls('sns:PublishBatch').flatMap(({ input }) => batchEntries(input).map(({ body }) => body));
/** Has `consume` get what is published, at once. */
function onPublish(consume: (body: string) => void): void {
  aws.script['sns:PublishBatch'] = (input) => {
    for (const { body } of batchEntries(input)) consume(body);
    return undefined;
  };
}
const record = (body: string) => {
  for (const consumer of ['billing', 'shipping']) stack.record(consumer, body);
};

describe('test orders', () => {
  test('are as many as asked for, and the same for the same seed and time', async () => {
    const placedAt = '2026-11-22T17:00:00Z';
    const extras = { seed: 7, duplicates: 2, cancellations: 0, poison: 3 };

    const { code, stdout, stderr } = await publish(
      ...['--count', '20', '--seed', '7', '--duplicates', '10%', '--poison', '3', '--placed-at', placedAt],
    );

    const expected = generateEvents({ count: 20, ...extras, now: new Date(placedAt) });
    expect(publishedBodies().sort()).toEqual(expected.map(({ body }) => body).sort());
    expect(stdout).toMatch(
      /^Published 20 orders, 2 duplicates, 3 poison messages \(seed 7\) to OrderFanOut-dev in \d+\.\d s\n$/,
    );
    expect(stderr).toBe('Publishing\nPublished 25\n');
    expect(code).toBe(0);
  });

  test('with --json are reported as one JSON object and nothing else', async () => {
    const { code, stdout } = await publish('--count', '3', '--seed', '8', '--json');

    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    const none = { duplicates: 0, cancellations: 0, poison: 0, failed: [], interrupted: false };
    expect(JSON.parse(stdout)).toEqual({
      stack: 'OrderFanOut-dev',
      topicArn: stack.handles.topicArn,
      seed: 8,
      orders: 3,
      published: 3,
      seconds: expect.any(Number),
      ...none,
    });
    expect(code).toBe(0);
  });

  test('go to a topic without looking for a stack, in the region of its ARN', async () => {
    useAwsEnvironment({ ...aws.environment, AWS_REGION: undefined });

    const { code } = await publish('--topic-arn', stack.handles.topicArn, '--count', '2');

    expect(code).toBe(0);
    const actions = aws.calls
      .map(({ action }) => action)
      .filter((action) => !/Create|Subscribe/.test(action));
    expect(actions).toEqual(['sns:PublishBatch']);
  });

  test('for a topic that does not exist end with one line', async () => {
    const arn = 'arn:aws:sns:us-east-1:000000000000:nowhere';

    const { code, stdout, stderr } = await publish('--topic-arn', arn, '--count', '25');

    expect(stderr).toContain(
      `There is no topic ${arn}: check the stack, --topic-arn and --region (25 messages not published)`,
    );
    expect(stderr).not.toContain('    at ');
    expect(stdout).toMatch(/^Published 0 of 25 messages/);
    expect(code).toBe(1);
  });

  test('that could not be published are listed', async () => {
    aws.script['sns:PublishBatch'] = (input) => {
      const [{ id } = { id: '' }] = batchEntries(input);
      return batchAnswer([], [{ id, code: 'InvalidParameter', message: 'not this one', senderFault: true }]);
    };
    const args = ['--count', '1', '--seed', '9'];

    const text = await publish(...args);
    const json = await publish(...args, '--json');

    expect(text.stderr).toContain(
      'Not published: 1 message: test-9-o000001 (InvalidParameter: not this one)',
    );
    expect(text.stdout).toMatch(/^Published 0 of 1 message to/);
    expect(JSON.parse(json.stdout)).toMatchObject({
      published: 0,
      failed: [{ index: 0, orderId: 'test-9-o000001', reason: 'InvalidParameter: not this one' }],
    });
    expect([text.code, json.code]).toEqual([1, 1]);
  });

  test('with --dry-run are printed as --file takes them, and nobody is called', async () => {
    const before = aws.calls.length;

    const dry = await publish('--dry-run', '--count', '5', '--seed', '1');
    const again = await command(['publish', '--dry-run', '--file', '-'], { input: dry.stdout });
    const json = JSON.parse((await publish('--dry-run', '--count', '5', '--seed', '1', '--json')).stdout);

    expect(dry.stdout.trimEnd().split('\n')).toHaveLength(5);
    expect(dry.stderr).toBe('5 orders (seed 1): nothing was published\n');
    expect(again).toMatchObject({ code: 0, stdout: dry.stdout });
    expect(json).toMatchObject({
      dryRun: true,
      orders: 5,
      duplicates: 0,
      cancellations: 0,
      poison: 0,
      seed: 1,
    });
    expect(json.messages).toHaveLength(5);
    expect(aws.calls).toHaveLength(before);
  });
});

describe('a file', () => {
  const orders = parsed(generateEvents({ count: 3, seed: 11 }));

  test('is published', async () => {
    const { code, stdout } = await publish('--file', file(...orders, orders[0]));

    expect(publishedBodies()).toHaveLength(4);
    expect(stdout).toMatch(/^Published 3 orders, 1 duplicate to/);
    expect(code).toBe(0);
  });

  test('with an invalid order is reported by line and field, and nothing of it is published', async () => {
    const bad = file(orders[0], { ...orders[1], total: orders[1].total + 1 }, orders[2]);

    const text = await publish('--file', bad);
    const json = await publish('--file', bad, '--json');

    const message = 'must equal the sum of quantity × unitPrice over the items';
    expect(text).toEqual({
      code: 1,
      stdout: '',
      stderr: `${bad}:2: total ${message}\nNothing was published.\n`,
    });
    expect(JSON.parse(json.stdout)).toEqual({
      published: 0,
      problems: [{ line: 2, field: 'total', message }],
    });
    expect(json.code).toBe(1);
    expect(publishedBodies()).toEqual([]);
  });
});

describe('--wait', () => {
  test('expects poison to be refused', async () => {
    const recorded = new Set<string>();
    onPublish((body) => {
      const orderId = orderEvents.eventIn(body)?.orderId;
      if (orderId !== undefined && !recorded.has(orderId)) {
        recorded.add(orderId);
        record(body);
      } else for (const consumer of ['billing', 'shipping']) void stack.refuse(consumer, body);
    });

    const { code, stdout, stderr } = await publish(
      '--count',
      '12',
      '--seed',
      '21',
      '--poison',
      '6',
      '--wait',
    );

    expect(stdout.split('\n').slice(1)).toEqual([
      '          processed  refused  missing',
      'billing          12        6        0',
      expect.stringMatching(/^shipping +\d+ +\d+ +0$/),
      '',
    ]);
    expect(stderr).toMatch(/\nFollowed all to their end\n$/);
    expect(code).toBe(0);
  });

  test('exits with 1 and names orders that are missing, or refused without being poison', async () => {
    const orders = generateEvents({ count: 6, seed: 31 });
    const [lost, refused] = orders as [(typeof orders)[0], (typeof orders)[0]];
    onPublish((body) => {
      if (body === refused.body) {
        void stack.refuse('billing', body, { error: 'SchemaViolation', message: 'too new' });
      } else if (body !== lost.body) record(body);
    });
    const args = ['--file', file(...parsed(orders)), '--wait', '--timeout', '0.5'];

    const text = await publish(...args);
    const json = await publish(...args, '--json');

    expect(text.stderr).toContain(`billing refused 1 message: ${refused.id} (SchemaViolation: too new)\n`);
    expect(text.stderr).toContain(`billing misses 1 message: ${lost.id}\n`);
    expect(text.stderr).toContain('Not all ended within 0.5 s');
    expect(JSON.parse(json.stdout).consumers.billing).toEqual({
      processed: 4,
      refused: 1,
      unexpectedlyRefused: [{ orderId: refused.id, reason: 'SchemaViolation: too new' }],
      missing: [lost.id],
    });
    expect([text.code, json.code]).toEqual([1, 1]);
  });

  const outage = { status: 500, json: { __type: 'InternalServerError' } };

  test('rides out an outage', async () => {
    const answer = aws.script['dynamodb:BatchGetItem'];
    let errors = 0;
    aws.script['dynamodb:BatchGetItem'] = (input) => (errors++ < 4 ? outage : answer?.(input));
    onPublish(record);

    const { code, stdout } = await publish('--count', '3', '--seed', '5', '--wait', '--json');

    expect(JSON.parse(stdout)).toMatchObject({ published: 3, consumers: { billing: { processed: 3 } } });
    expect(code).toBe(0);
  });

  test.each([
    [['--json'], /^{.*"seed":5,.*"published":3/],
    [[], /^Published 3 orders \(seed 5\) to /],
  ])('%j says what was published even if it cannot be followed', async (more, said) => {
    const message = 'User: me is not authorized to perform: dynamodb:BatchGetItem';
    aws.script['dynamodb:BatchGetItem'] = () => ({
      status: 400,
      json: { __type: 'AccessDeniedException', message },
    });

    const { code, stdout, stderr } = await publish('--count', '3', '--seed', '5', '--wait', ...more);

    expect(stdout).toMatch(said);
    expect(stderr).toContain('lack the IAM action dynamodb:BatchGetItem\n');
    expect(code).toBe(1);
  });

  test('after Ctrl-C says what was published, even during an outage', async () => {
    aws.script['dynamodb:BatchGetItem'] = () => outage;

    const running = new RunningCommand(['publish', '--count', '2', '--wait', '--json']);
    await running.says('Following');
    running.interrupt();
    const { code, stdout } = await running.ended;

    expect(JSON.parse(stdout)).toMatchObject({ published: 2 });
    expect(code).toBe(130);
  });
});

test('Ctrl-C stops sending, says what was done and exits with 130', async () => {
  const run = new Run(
    'bin/operate.mjs',
    ['publish', '--count', '500', '--rate', '20', '--json'],
    aws.environment,
  );
  // Once: the second Ctrl-C ends the process before it has said what was done.
  let isInterrupted = false;
  onPublish(() => {
    if (!isInterrupted) run.interrupt();
    isInterrupted = true;
  });

  const { code, stdout } = await run.ended;

  const { interrupted, published, failed, stopped } = JSON.parse(stdout);
  expect({ interrupted, stopped }).toEqual({ interrupted: true, stopped: 'stopped before it was sent' });
  expect(published).toBeGreaterThan(0);
  expect(published + failed.length).toBe(500);
  expect(code).toBe(130);
});
