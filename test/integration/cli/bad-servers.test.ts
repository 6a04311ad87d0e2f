// Servers that hang, break off, speak something else or name other hosts: one line each, and nothing of what was done is lost.
import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClients } from '../../../cli/aws/clients.ts';
import { generateOrders } from '../../../cli/orders/test-orders.ts';
import { command, RunningCommand, useAwsEnvironment } from '../../fixtures/command.ts';
import { type OrderStack, orderStack } from '../../fixtures/order-stack.ts';
import { killRuns, Run } from '../../fixtures/run.ts';
import { batchEntries, type ScriptedAws, scriptedAws } from '../../fixtures/scripted-aws.ts';

afterAll(killRuns);

/** Environment of a process, since Jest's own errors are none to the SDK. */
const at = (endpoint: string, more: Record<string, string> = {}) => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_CONFIG_FILE: '/nowhere',
  AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
  AWS_MAX_ATTEMPTS: '1',
  ...more,
});

describe('one line without a stack, and exit code 1 or 2, for', () => {
  let server: http.Server;
  let raw: net.Server;
  const answers: Record<string, [status: number, type: string, body: string]> = {
    html: [200, 'text/html', '<html><body>Log in to the hotel network</body></html>'],
    gateway: [502, 'text/html', '<html><h1>502 Bad Gateway</h1></html>'],
    json: [200, 'application/json', '{"hello":"world"}'],
  };
  let mode = 'html';
  const port = (of: net.Server) => (of.address() as AddressInfo).port;

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      request.resume();
      const [status, type, body] = answers[mode] ?? [500, 'text/plain', ''];
      response.writeHead(status, { 'content-type': type }).end(body);
    });
    // Takes connections and never says a word.
    raw = net.createServer((socket) => socket.on('error', () => {}));
    await Promise.all(
      [server, raw].map((each) => new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve))),
    );
  });
  afterAll(() => {
    server.close();
    raw.close();
  });

  test.each<[string, () => Record<string, string>, RegExp, number?]>([
    [
      'a server that hangs',
      () => at(`http://127.0.0.1:${port(raw)}`),
      /^Cannot reach http:\/\/127\.0\.0\.1:\d+ \((TimeoutError|ETIMEDOUT)\)/,
    ],
    [
      'a server that speaks no TLS',
      () => at(`https://127.0.0.1:${port(server)}`),
      /^Cannot reach https:\/\/127\.0\.0\.1:\d+ \(\w+\)/,
    ],
    [
      'an endpoint without a scheme',
      () => at('127.0.0.1:4566'),
      /^AWS_ENDPOINT_URL is "127\.0\.0\.1:4566", but must be a URL/,
      2,
    ],
    [
      'an endpoint that is no URL',
      () => at('http://'),
      /^AWS_ENDPOINT_URL is "http:\/\/", but must be a URL/,
      2,
    ],
    [
      'a region that is none',
      () => at(`http://127.0.0.1:${port(server)}`, { AWS_REGION: '../..' }),
      /region/i,
    ],
  ])('%s', async (_, environment, message, exitCode = 1) => {
    const { code, stdout, stderr } = await new Run('bin/orders.mjs', ['status'], environment()).ended;

    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
  });

  test.each(['html', 'gateway', 'json'])('a server that answers with %s', async (kind) => {
    mode = kind;
    useAwsEnvironment(at(`http://127.0.0.1:${port(server)}`));

    const { code, stdout, stderr } = await command(['status']);

    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).not.toMatch(/\n\s+at |undefined/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  test('a server without the operation', async () => {
    const aws = await scriptedAws({
      'cloudformation:DescribeStacks': () => ({
        status: 400,
        xml: '<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>no</Message></Error></ErrorResponse>',
      }),
    });
    useAwsEnvironment(aws.environment);

    const { code, stderr } = await command(['status']);
    await aws.close();

    expect(stderr).toBe(`${aws.endpoint} does not know DescribeStacks (InvalidAction)\n`);
    expect(code).toBe(1);
  });
});

describe('with a stack', () => {
  let aws: ScriptedAws;
  let stack: OrderStack;
  beforeEach(async () => {
    aws = await scriptedAws();
    stack = await orderStack(aws);
    useAwsEnvironment({ ...aws.environment, AWS_MAX_ATTEMPTS: '1' });
  });
  afterEach(() => aws.close());

  test('every client goes where it is told, also where a queue URL names another host', async () => {
    const elsewhere = 'https://sqs.us-east-1.amazonaws.com/000000000000/billing';
    const hosts: string[] = [];
    const { sqs } = createClients(aws.client);
    sqs.middlewareStack.add(
      (next) => (args) => {
        hosts.push((args.request as { hostname: string }).hostname);
        return next(args);
      },
      { step: 'finalizeRequest' },
    );
    const { ReceiveMessageCommand } = await import('@aws-sdk/client-sqs');

    await sqs.send(new ReceiveMessageCommand({ QueueUrl: elsewhere })).catch(() => {});
    sqs.destroy();

    expect(hosts).toEqual(['127.0.0.1']);
  });

  test('publish --wait rides an outage out, and says what was published', async () => {
    const [first, ...others] = generateOrders({ count: 3, seed: 5 });
    let outage = 0;
    const answer = aws.script['dynamodb:BatchGetItem'];
    aws.script['dynamodb:BatchGetItem'] = (input) =>
      outage++ < 4 ? { status: 500, json: { __type: 'InternalServerError' } } : answer?.(input);
    aws.script['sns:PublishBatch'] = (input) => {
      for (const { body } of batchEntries(input))
        for (const name of ['billing', 'shipping']) stack.record(name, body);
      return undefined;
    };
    expect([first, ...others]).toHaveLength(3);

    const { code, stdout } = await command(['publish', '--count', '3', '--seed', '5', '--wait', '--json']);

    expect(JSON.parse(stdout)).toMatchObject({
      published: 3,
      seed: 5,
      consumers: { billing: { processed: 3 } },
    });
    expect(code).toBe(0);
  });

  test.each([
    [['--json'], /"published":3.*"seed":5|"seed":5.*"published":3/],
    [[], /^Published 3 orders \(seed 5\) to /],
  ])('publish --wait %j says what was published also where it cannot be followed', async (more, said) => {
    aws.script['dynamodb:BatchGetItem'] = () => ({
      status: 400,
      json: {
        __type: 'AccessDeniedException',
        message: 'User: me is not authorized to perform: dynamodb:BatchGetItem',
      },
    });

    const { code, stdout, stderr } = await command([
      'publish',
      '--count',
      '3',
      '--seed',
      '5',
      '--wait',
      ...more,
    ]);

    expect(stdout).toMatch(said);
    expect(stderr).toContain('lack the IAM action dynamodb:BatchGetItem\n');
    expect(code).toBe(1);
  });

  test('Ctrl-C during an outage ends the wait, and what was published is said', async () => {
    aws.script['dynamodb:BatchGetItem'] = () => ({ status: 500, json: { __type: 'InternalServerError' } });

    const running = new RunningCommand(['publish', '--count', '2', '--wait', '--json']);
    await running.says('Following');
    running.interrupt();
    const { code, stdout } = await running.ended;

    expect(JSON.parse(stdout)).toMatchObject({ published: 2 });
    expect(code).toBe(130);
  });

  test('dead letters without a time are listed and counted', async () => {
    await stack.refuse('billing', 'a', { error: 'E', message: 'm' });
    await stack.refuse('billing', 'b');
    const messages = ['a', 'b'].map((Body, index) => ({
      MessageId: `m-${index}`,
      ReceiptHandle: `r-${index}`,
      Body,
      MD5OfBody: createHash('md5').update(Body).digest('hex'),
    }));
    let looks = 0;
    aws.script['sqs:ReceiveMessage'] = ({ QueueUrl }) =>
      QueueUrl.endsWith('billing-dlq') ? { json: looks++ === 0 ? { Messages: messages } : {} } : undefined;

    const { code, stdout, stderr } = await command(['failed', 'billing', '--show']);

    expect(stdout).toContain('an unknown time');
    expect(stdout).toContain('billing: 2 dead letters');
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).toBe(1);
  });
});
