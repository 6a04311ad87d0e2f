/** The command line as a whole: what it prints where, and how it exits. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { generateOrders } from '../../../cli/orders/test-orders.ts';
import { checkOrder } from '../../../contract/order.ts';
import { command, useAwsEnvironment } from '../../fixtures/command.ts';
import { type OrderStack, orderStack } from '../../fixtures/order-stack.ts';
import { type Ended, Run } from '../../fixtures/run.ts';
import { batchEntries, queryError, type ScriptedAws, scriptedAws } from '../../fixtures/scripted-aws.ts';

const script = fileURLToPath(new URL('../../../bin/orders.mjs', import.meta.url));
const folder = temporaryFolder('orders-');
let aws: ScriptedAws;
let stack: OrderStack;

beforeAll(async () => {
  aws = await scriptedAws();
  stack = await orderStack(aws);
});
afterAll(() => aws.close());

interface Settings {
  environment?: Record<string, string>;
  input?: string;
}

const run = (
  args: string[],
  { environment = aws.environment, ...options }: Settings = {},
): Promise<Ended> => {
  useAwsEnvironment({ AWS_MAX_ATTEMPTS: '1', ...environment });
  return command(args, options);
};

function file(name: string, ...orders: unknown[]): string {
  const target = path.join(folder, name);
  fs.writeFileSync(target, orders.map((order) => `${JSON.stringify(order)}\n`).join(''));
  return target;
}

const publishedBodies = (from: number) =>
  aws.calls
    .slice(from)
    .filter(({ action }) => action === 'sns:PublishBatch')
    .flatMap(({ input }) => batchEntries(input).map(({ body }) => body));

/** The consumers of the stack, as fast as it goes: a record of each good order, a dead letter of each bad one. */
function consumeAtOnce(): void {
  const recorded = new Set<string>();
  aws.script['sns:PublishBatch'] = (input) => {
    for (const { body } of batchEntries(input)) {
      let result: ReturnType<typeof checkOrder> = { problems: [] };
      try {
        result = checkOrder(JSON.parse(body));
      } catch {}
      for (const consumer of ['billing', 'shipping']) {
        if ('order' in result && !recorded.has(`${consumer} ${result.order.orderId}`)) {
          recorded.add(`${consumer} ${result.order.orderId}`);
          stack.record(consumer, body);
        } else void stack.refuse(consumer, body);
      }
    }
    return undefined;
  };
}

describe('help', () => {
  test('is printed on standard output with examples', async () => {
    const { code, stdout, stderr } = await run(['publish', '--help']);

    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain('Usage: npm run orders -- publish [options]');
    expect(stdout).toContain('npm run orders -- publish --local --count 100 --wait');
    for (const option of [
      '--count',
      '--seed',
      '--rate',
      '--duplicates',
      '--poison',
      '--file',
      '--stack',
      '--topic-arn',
    ]) {
      expect(stdout).toContain(`${option} <`);
    }
  });

  test.concurrent.each([
    'check',
    'status',
    'watch',
    'trace',
    'stop',
    'start',
    'stock add',
    'stock list',
    'tail',
  ])('of %s has examples, and the options that say where', async (verb) => {
    const { code, stdout, stderr } = await run([...verb.split(' '), '--help']);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`\nExamples:\n  npm run orders -- ${verb}`);
    for (const option of ['--stack', '--local', '--region', '--profile', '--json']) {
      expect(stdout).toContain(option);
    }
  });
});

describe('wrong usage exits with 2 and says what is wrong', () => {
  const arn = 'arn:aws:sns:us-east-1:000000000000:orders';

  test.concurrent.each([
    [[], 'Usage:'],
    [['publsh'], 'Did you mean publish?'],
    [['publish', '--cuont', '3'], "unknown option '--cuont'"],
    [['publish', '--count', '0'], "'0' is invalid. It must be a whole number from 1 to 200000."],
    [['publish', '--count', '1e3'], 'whole number'],
    [['publish', '--seed', '4294967296'], 'whole number from 0 to 4294967295'],
    [['publish', '--rate', '0'], 'It must be a number above 0.'],
    [['publish', '--duplicates', '101%'], 'a share from 0% to 100%'],
    [['publish', '--poison', '1.5'], 'a share from 0% to 100%'],
    [['publish', '--placed-at', 'yesterday'], 'It must be a time like'],
    [['publish', '--topic-arn', 'orders'], 'It must be the ARN of a topic'],
    [['publish', '--topic-arn', `${arn}.other`], 'It must be the ARN of a topic'],
    [['publish', '--topic-arn', arn, '--local'], 'cannot be used with'],
    [['publish', '--topic-arn', arn, '--wait'], 'cannot be used with'],
    [['publish', '--local', '--region', 'eu-west-1'], 'cannot be used with'],
    [['publish', '--file', 'x', '--count', '1'], 'cannot be used with'],
    [['publish', '--file', 'none.jsonl'], 'Cannot read none.jsonl: there is no such file'],
    [['publish', 'orders.jsonl'], 'too many arguments'],
    [['trace', 'a b'], 'It must be an orderId'],
    [['trace'], "missing required argument 'orderId'"],
    [['trace', 'a', '--timeout', '0', '--follow'], 'It must be a whole number from 1 to 86400.'],
    [['watch', '--interval', '0'], 'It must be a whole number from 1 to 3600.'],
    [['tail', 'billing', '--level', 'loud'], 'It must be one of TRACE, DEBUG, INFO'],
    [['stock', 'set', 'COFFEE'], 'it must be SKU=pieces'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await run(args);

    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});

describe('an expected fault exits with 1 and one line without a stack', () => {
  const only = (environment: Record<string, string>) => ({ environment });

  test.each<[string, () => [string[], { environment?: Record<string, string> }?], RegExp]>([
    ['no region', () => [['publish'], only({})], /^No AWS region: give --region/],
    [
      'no credentials',
      () => [['publish'], only({ AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: aws.endpoint })],
      /^No AWS credentials: run `aws configure`/,
    ],
    [
      'no such profile',
      () => [
        ['publish', '--profile', 'nope'],
        only({ AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: aws.endpoint }),
      ],
      /^No AWS credentials: .* check the profile in --profile/,
    ],
  ])('%s', async (_, make, message) => {
    const { code, stdout, stderr } = await run(...make());

    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });

  // A process of its own: in Jest, the SDK does not take the network's errors for errors.
  test('nobody at the endpoint', async () => {
    const environment = { ...aws.environment, AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_MAX_ATTEMPTS: '1' };

    const { code, stdout, stderr } = await new Run('bin/orders.mjs', ['publish'], environment).ended;

    expect(stderr).toMatch(/^Cannot reach http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\).*\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  test.each([
    [
      'no such stack',
      queryError('ValidationError', 'Stack with id Nope does not exist'),
      /^No stack "Nope" in us-east-1/,
    ],
    [
      'expired credentials',
      queryError('ExpiredToken', 'The security token is expired', 403),
      /^The AWS credentials have expired/,
    ],
    [
      'access denied',
      queryError(
        'AccessDenied',
        'User: arn:aws:iam::1:user/me is not authorized to perform: cloudformation:DescribeStacks',
        403,
      ),
      /^Access denied: these credentials lack the IAM action cloudformation:DescribeStacks/,
    ],
  ])('%s', async (_, answer, message) => {
    const describeStacks = aws.script['cloudformation:DescribeStacks'];
    aws.script['cloudformation:DescribeStacks'] = () => answer;

    const { code, stdout, stderr } = await run(['publish', '--stack', 'Nope']);
    if (describeStacks) aws.script['cloudformation:DescribeStacks'] = describeStacks;

    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });

  test('no such topic', async () => {
    const arn = 'arn:aws:sns:us-east-1:000000000000:nowhere';

    const { code, stdout, stderr } = await run(['publish', '--topic-arn', arn, '--count', '25']);

    expect(stderr).toContain(
      `There is no topic ${arn}: check the stack, --topic-arn and --region (25 messages not published)`,
    );
    expect(stderr).not.toContain('    at ');
    expect(stdout).toMatch(/^Published 0 of 25 messages/);
    expect(code).toBe(1);
  });
});

describe('publish', () => {
  test('sends as many messages as asked for, the same for the same seed and time', async () => {
    const before = aws.calls.length;
    const placedAt = '2026-11-22T17:00:00Z';
    const args = [
      'publish',
      '--count',
      '20',
      '--seed',
      '7',
      '--duplicates',
      '10%',
      '--poison',
      '3',
      '--placed-at',
      placedAt,
    ];

    const { code, stdout, stderr } = await run(args);

    const expected = generateOrders({
      count: 20,
      seed: 7,
      duplicates: 2,
      cancellations: 0,
      poison: 3,
      now: new Date(placedAt),
    });
    expect(publishedBodies(before).sort()).toEqual(expected.map(({ body }) => body).sort());
    expect(stdout).toMatch(
      /^Published 20 orders, 2 duplicates, 3 poison messages \(seed 7\) to OrderFanOut-dev in \d+\.\d s\n$/,
    );
    expect(stderr).toBe('Publishing\nPublished 25\n');
    expect(code).toBe(0);
  });

  test('prints nothing but one JSON object on standard output with --json', async () => {
    const { code, stdout } = await run(['publish', '--count', '3', '--seed', '8', '--json']);

    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual({
      stack: 'OrderFanOut-dev',
      topicArn: stack.handles.topicArn,
      seed: 8,
      orders: 3,
      duplicates: 0,
      cancellations: 0,
      poison: 0,
      published: 3,
      failed: [],
      seconds: expect.any(Number),
      interrupted: false,
    });
    expect(code).toBe(0);
  });

  test('goes to a topic without looking for a stack', async () => {
    const before = aws.calls.length;
    const { AWS_REGION: _, ...environment } = aws.environment;

    const { code } = await run(['publish', '--topic-arn', stack.handles.topicArn, '--count', '2'], {
      environment,
    });

    expect(code).toBe(0);
    expect(new Set(aws.calls.slice(before).map(({ action }) => action))).toEqual(
      new Set(['sns:PublishBatch']),
    );
  });

  test('lists what could not be published and exits with 1', async () => {
    aws.script['sns:PublishBatch'] = (input) => {
      const id = batchEntries(input)[0]?.id ?? '';
      return {
        xml: `<PublishBatchResponse><PublishBatchResult><Failed><member><Id>${id}</Id><Code>InvalidParameter</Code><Message>not this one</Message><SenderFault>true</SenderFault></member></Failed></PublishBatchResult></PublishBatchResponse>`,
      };
    };
    const args = ['publish', '--count', '1', '--seed', '9'];

    const forPeople = await run(args);
    const forPrograms = await run([...args, '--json']);
    delete aws.script['sns:PublishBatch'];

    expect(forPeople.stderr).toContain(
      'Not published: 1 message: test-9-o000001 (InvalidParameter: not this one)',
    );
    expect(forPeople.stdout).toMatch(/^Published 0 of 1 message to/);
    expect(forPeople.code).toBe(1);
    expect(JSON.parse(forPrograms.stdout)).toMatchObject({
      published: 0,
      failed: [{ index: 0, orderId: 'test-9-o000001', reason: 'InvalidParameter: not this one' }],
    });
    expect(forPrograms.code).toBe(1);
  });
});

describe('a dry run', () => {
  test('prints bodies that publish --file takes, and calls nobody', async () => {
    const before = aws.calls.length;

    const dry = await run(['publish', '--dry-run', '--count', '5', '--seed', '1']);
    const again = await run(['publish', '--dry-run', '--file', '-'], { input: dry.stdout });

    expect(dry.stdout.trimEnd().split('\n')).toHaveLength(5);
    expect(dry.stderr).toBe('5 orders (seed 1): nothing was published\n');
    expect(again.stdout).toBe(dry.stdout);
    expect(again.code).toBe(0);
    expect(aws.calls).toHaveLength(before);
  });

  test('prints one JSON object with --json', async () => {
    const { stdout } = await run(['publish', '--dry-run', '--count', '2', '--seed', '1', '--json']);

    const { messages, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({ dryRun: true, orders: 2, duplicates: 0, cancellations: 0, poison: 0, seed: 1 });
    expect(messages).toHaveLength(2);
  });
});

describe('a file', () => {
  const orders = generateOrders({ count: 3, seed: 11 }).map(({ body }) => JSON.parse(body));

  test('is published', async () => {
    const before = aws.calls.length;

    const { code, stdout } = await run(['publish', '--file', file('good.jsonl', ...orders, orders[0])]);

    expect(publishedBodies(before)).toHaveLength(4);
    expect(stdout).toMatch(/^Published 3 orders, 1 duplicate to/);
    expect(code).toBe(0);
  });

  test('with an invalid order is reported by line and field, and nothing of it is published', async () => {
    const before = aws.calls.length;
    const bad = file('bad.jsonl', orders[0], { ...orders[1], total: orders[1].total + 1 }, orders[2]);

    const forPeople = await run(['publish', '--file', bad]);
    const forPrograms = await run(['publish', '--file', bad, '--json']);

    const message = 'must equal the sum of quantity × unitPrice over the items';
    expect(forPeople.stderr).toBe(`${bad}:2: total ${message}\nNothing was published.\n`);
    expect(forPeople.stdout).toBe('');
    expect(forPeople.code).toBe(1);
    expect(JSON.parse(forPrograms.stdout)).toEqual({
      published: 0,
      problems: [{ line: 2, field: 'total', message }],
    });
    expect(forPrograms.code).toBe(1);
    expect(aws.calls).toHaveLength(before);
  });
});

describe('--wait', () => {
  test('takes refused poison for what was to be expected', async () => {
    consumeAtOnce();

    const { code, stdout, stderr } = await run([
      'publish',
      '--count',
      '12',
      '--seed',
      '21',
      '--poison',
      '6',
      '--wait',
    ]);

    expect(stdout.split('\n').slice(1)).toEqual([
      '          processed  refused  missing',
      'billing          12        6        0',
      expect.stringMatching(/^shipping +\d+ +\d+ +0$/),
      '',
    ]);
    expect(stderr).toMatch(/\nFollowed all to their end\n$/);
    expect(code).toBe(0);
  });

  test('exits with 1 and names an order that is missing or refused without being poison', async () => {
    const [lost, refused, ...others] = generateOrders({ count: 6, seed: 31 });
    const all = file(
      'all.jsonl',
      ...[lost, refused, ...others].map((message) => JSON.parse(message?.body ?? '')),
    );
    aws.script['sns:PublishBatch'] = () => {
      for (const consumer of ['billing', 'shipping'])
        for (const { body } of others) stack.record(consumer, body);
      void stack.refuse('billing', refused?.body ?? '', { error: 'SchemaViolation', message: 'too new' });
      return undefined;
    };
    const args = ['publish', '--file', all, '--wait', '--timeout', '0.5'];

    const forPeople = await run(args);
    const forPrograms = await run([...args, '--json']);

    expect(forPeople.stderr).toContain(
      `billing refused 1 message: ${refused?.orderId} (SchemaViolation: too new)\n`,
    );
    expect(forPeople.stderr).toContain(`billing misses 1 message: ${lost?.orderId}\n`);
    expect(forPeople.stderr).toContain('Not all ended within 0.5 s');
    expect(forPeople.code).toBe(1);
    expect(JSON.parse(forPrograms.stdout).consumers.billing).toEqual({
      processed: 4,
      refused: 1,
      unexpectedlyRefused: [{ orderId: refused?.orderId, reason: 'SchemaViolation: too new' }],
      missing: [lost?.orderId],
    });
    expect(forPrograms.code).toBe(1);
  });
});

test('Ctrl-C stops sending, says what was done and exits with 130', async () => {
  const environment = { PATH: process.env.PATH, ...aws.environment };
  const args = ['publish', '--count', '500', '--rate', '20', '--json'];
  aws.script['sns:PublishBatch'] = () => {
    child.kill('SIGINT');
    return undefined;
  };

  let child!: ReturnType<typeof execFile>;
  const { code, stdout } = await new Promise<{ code: number | null; stdout: string }>((resolve) => {
    let stdout = '';
    child = execFile(process.execPath, [script, ...args], { env: environment });
    child.stdout?.on('data', (text) => {
      stdout += text;
    });
    child.on('close', (exitCode) => resolve({ code: exitCode, stdout }));
  });

  const { interrupted, published, failed, stopped } = JSON.parse(stdout);
  expect(interrupted).toBe(true);
  expect(stopped).toBe('stopped before it was sent');
  expect(published).toBeGreaterThan(0);
  expect(published + failed.length).toBe(500);
  expect(code).toBe(130);
});

test('a wrong Node version is told in one line', async () => {
  const check = fileURLToPath(new URL('../../../bin/check-node.mjs', import.meta.url));
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '20.19.0' }); await import(${JSON.stringify(check)});`;

  const old = await new Promise<Ended>((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', pretend], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
  const current = await new Promise<Ended>((resolve) => {
    execFile(process.execPath, [check], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });

  expect(old.stderr).toMatch(/^This needs Node 24 and got 20\.19\.0 .*npm rebuild node`\.\n$/);
  expect(old.code).toBe(1);
  expect(current).toEqual({ code: 0, stdout: '', stderr: '' });
});
