/** The command line as a whole: help, wrong usage, and what it says of errors. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClients } from '../../../cli/aws/clients.ts';
import { command, useAwsEnvironment } from '../../fixtures/command.ts';
import { orderStack } from '../../fixtures/order-stack.ts';
import { PROJECT } from '../../fixtures/project.ts';
import { type Answer, queryError, type ScriptedAws, scriptedAws } from '../../fixtures/scripted-aws.ts';

let aws: ScriptedAws;
beforeAll(async () => {
  aws = await scriptedAws();
  await orderStack(aws);
});
beforeEach(() => useAwsEnvironment({ ...aws.environment, AWS_MAX_ATTEMPTS: '1' }));
afterAll(() => aws.close());

/** A Node process. */
const node = async (...args: string[]) => {
  const run = promisify(execFile)(process.execPath, args, { cwd: PROJECT });
  const { stdout, stderr } = await run.catch((error) => error);
  return { code: run.child.exitCode, stdout, stderr };
};

const week = ['--from', '2026-11-16', '--to', '2026-11-23'];

describe('help', () => {
  const VERBS = /^ {2}(\w+)( [<[]\w+[>\]])? {2,}\S/gm;

  test('groups the verbs by what one wants', async () => {
    const { code, stdout, stderr } = await command(['--help']);

    const groups = stdout
      .split(/\n(?=\w+:\n)/)
      .map((group) => [group.split(':')[0], Array.from(group.matchAll(VERBS), ([, verb]) => verb)]);
    expect(Object.fromEntries(groups)).toMatchObject({
      Look: ['status', 'watch', 'failed', 'trace', 'tail', 'check'],
      Repair: ['redrive', 'purge', 'stop', 'start', 'replay'],
      Data: ['publish', 'stock', 'archive'],
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // README lists the same verbs.
    const readme = fs.readFileSync(path.join(PROJECT, 'README.md'), 'utf8');
    const rows = Array.from(readme.matchAll(/^\| `.*?\|/gm)).join();
    for (const [, verb = ''] of stdout.matchAll(VERBS)) {
      if (verb !== 'help') expect(rows).toMatch(new RegExp(`\`${verb}\\b`));
    }
  });

  test('loads no verb, no schema, no SDK and no spinner', async () => {
    const hooks = `import { registerHooks } from 'node:module';
      registerHooks({ load: (url, context, next) => { process.stderr.write(url + '\\n'); return next(url, context); } });`;

    const { stderr } = await node(
      `--import=data:text/javascript,${encodeURIComponent(hooks)}`,
      'bin/operate.mjs',
      '--help',
    );

    const loaded = stderr.split('\n').filter((url: string) => url.startsWith('file:'));
    const outside = loaded.filter(
      (url: string) =>
        !/\/((bin|cli|cli\/options|cli\/terminal|node_modules\/commander(\/lib)?)\/[^/]+|contract\/names\.ts|domain\/(words|commands\/verbs)\.ts)$/.test(
          url,
        ),
    );
    expect(loaded.join()).toContain('/cli/main.ts');
    expect(outside).toEqual([]);
  });

  test('of each verb has its arguments as listed, examples, and the options that all share', async () => {
    const { stdout: list } = await command(['--help']);
    const verbs = Array.from(
      list.matchAll(VERBS),
      ([, verb = '', argument = '']) => [verb, argument] as const,
    );
    const subcommands = [
      ['archive get', ' <orderId>'],
      ...['add', 'set'].map((each) => [`stock ${each}`, ' [articles...]'] as const),
      ['stock list', ''],
    ] as const;

    for (const [verb, argument] of [
      ...verbs.filter(([verb]) => !/stock|archive|help/.test(verb)),
      ...subcommands,
    ]) {
      const { code, stdout } = await command([...verb.split(' '), '--help']);

      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: npm run orders -- ${verb} [options]${argument}\n`);
      expect(stdout).toContain(`\nExamples:\n  npm run orders -- ${verb}`);
      for (const option of ['--stack <', '--local', '--region <', '--profile <', '--json'])
        expect(stdout).toContain(option);
    }
  });
});

describe('wrong usage exits with 2 and says what is wrong', () => {
  const arn = 'arn:aws:sns:us-east-1:000000000000:orders';
  const key = `orders/dt=2026-11-23/hh=01/2026-11-23T01:00:00.000Z-${'0'.repeat(64)}.jsonl.gz`;

  test.each<[args: string[], message: string]>([
    [[], 'Usage:'],
    [['publsh'], 'Did you mean publish?'],
    [['help', 'publsh'], 'Usage:'],
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
    [['failed', 'biling'], 'No consumer "biling" in OrderFanOut-dev: it has billing, shipping'],
    [['failed', '--since', 'noon'], 'It must be a time ago like 15m, 2h or 3d'],
    [['failed', '--reason', ' '], 'It must be a part of a reason'],
    [['failed', '--export', '/nowhere/at/all'], 'Cannot write /nowhere/at/all: there is no such directory'],
    [['redrive'], 'Whose dead letters? Name a consumer'],
    [['redrive', 'biling'], 'No consumer "biling" in OrderFanOut-dev: it has billing, '],
    [['redrive', 'billing', '--rate', '501'], 'It must be a whole number from 1 to 500.'],
    [['redrive', 'billing', '--limit', '0'], 'It must be a whole number from 1 to'],
    [['redrive', 'billing', '--edit', 'x', '--order', '1'], 'cannot be used with'],
    [['redrive', '--history', '--canary'], 'cannot be used with'],
    [['redrive', 'billing', '--edit', 'none.jsonl'], 'Cannot read none.jsonl: there is no such file'],
    [
      ['redrive', 'billing', '--to', 'shipping'],
      '--to shipping is for `redrive unrouted`: dead letters of billing go back to billing',
    ],
    [['redrive', 'archive', '--canary'], '--canary is for consumers with records'],
    [['redrive', 'archive', '--edit', '-'], '--edit is for consumers with records'],
    [['purge', 'billing', '--dead-letters'], 'There is no terminal to ask on: add --yes'],
    [['purge', 'billing', '--yes'], 'Say what to purge: --dead-letters'],
    [['stop'], "missing required argument 'consumer'"],
    [['stop', 'nobody'], 'No consumer "nobody" in OrderFanOut-dev'],
    [['stop', 'billing', '--reason', ' '], 'It must be a text of 1 to 500 characters.'],
    [['start', 'billing', '--timeout', '0'], 'It must be a whole number from 1 to 3600.'],
    [
      ['replay', 'billing', '--from', '2026-11-23', '--to', '2026-11-22'],
      '--from 2026-11-23T00:00:00.000Z is not before --to',
    ],
    [['replay', 'nobody', ...week], 'No consumer "nobody" in OrderFanOut-dev'],
    [['replay', 'archive', ...week], 'The archive gets nothing from the archive'],
    [['replay', 'billing'], "required option '--from <time>' not specified"],
    [['replay', 'billing', '--from', 'yesterday'], 'It must be a day like 2026-11-22, or a time'],
    [['replay', 'billing', ...week, '--after', 'somewhere'], 'It must be the key of an object'],
    [['replay', 'billing', ...week, '--after', key], 'lies outside the time from 2026-11-16'],
    [['trace'], "missing required argument 'orderId'"],
    [['trace', 'a b'], 'It must be an orderId'],
    [['trace', 'a', '--timeout', '0', '--follow'], 'It must be a whole number from 1 to 86400.'],
    [['watch', '--interval', '0'], 'It must be a whole number from 1 to 3600.'],
    [['tail', 'nobody'], 'No consumer "nobody" in OrderFanOut-dev: it has billing, shipping'],
    [['tail', 'billing', '--level', 'loud'], 'It must be one of TRACE, DEBUG, INFO'],
    [['tail', 'billing', '--since', 'yesterday'], 'It must be a time ago like 15m'],
    [['stock', 'add'], 'Name articles, like COFFEE-1KG=+50'],
    [['stock', 'add', 'COFFEE'], 'it must be SKU=+pieces or SKU=-pieces, like COFFEE-1KG=+50'],
    [['stock', 'add', 'COFFEE=50'], 'it must be SKU=+pieces or SKU=-pieces, like COFFEE-1KG=+50'],
    [['stock', 'add', 'COFFEE=+0'], '"+0" must be a whole number of pieces, such as +50 or -3, and not 0'],
    [['stock', 'add', 'A=+1', 'A=-1'], 'A is named twice'],
    [['stock', 'set'], 'Name articles, like COFFEE-1KG=100'],
    [['stock', 'set', 'COFFEE'], 'it must be SKU=pieces, like COFFEE-1KG=100'],
    [['stock', 'set', 'COFFEE=-1'], '"-1" must be a whole number of pieces'],
    [['stock', 'set', '--file', 'nowhere.csv'], 'Cannot read nowhere.csv: there is no such file'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await command(args);

    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});

describe('an expected error exits with 1, or 2 for a wrong setting, and one line without a stack trace', () => {
  const html = http.createServer((request, response) => {
    request.resume();
    const [status, type, body] = pages[String(request.url).slice(1)] ?? [];
    response.writeHead(status ?? 500, { 'content-type': type ?? 'text/plain' }).end(body);
  });
  const pages: Record<string, [status: number, type: string, body: string]> = {
    'html/': [200, 'text/html', '<html><body>Log in to the hotel network</body></html>'],
    'gateway/': [502, 'text/html', '<html><h1>502 Bad Gateway</h1></html>'],
    'json/': [200, 'application/json', '{"hello":"world"}'],
  };
  // Takes connections and never says a word.
  const silent = net.createServer((socket) => socket.on('error', () => {}));
  const ports = { html: 0, silent: 0 };
  beforeAll(async () => {
    const listen = async (server: net.Server) => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return (server.address() as net.AddressInfo).port;
    };
    Object.assign(ports, { html: await listen(html), silent: await listen(silent) });
  });
  afterAll(() => {
    html.close();
    silent.close();
  });

  const NO_CREDENTIALS = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
  test.each<
    [
      string,
      args: string[],
      environment: () => Record<string, string | undefined>,
      message: RegExp,
      exitCode?: number,
    ]
  >([
    ['no region', ['publish'], () => ({ AWS_REGION: undefined }), /^No AWS region/],
    ['no credentials', ['publish'], () => NO_CREDENTIALS, /^No AWS credentials: run `aws configure`/],
    [
      'no such profile',
      ['publish', '--profile', 'nope'],
      () => NO_CREDENTIALS,
      /^No AWS credentials: .* check the profile in --profile/,
    ],
    [
      'nobody at the endpoint',
      ['publish'],
      () => ({ AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }),
      /^Cannot reach http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/,
    ],
    [
      'a server that hangs',
      ['status'],
      () => ({ AWS_ENDPOINT_URL: `http://127.0.0.1:${ports.silent}` }),
      /^Cannot reach http:\/\/127\.0\.0\.1:\d+ \((TimeoutError|ETIMEDOUT)\)/,
    ],
    [
      'a server that speaks no TLS',
      ['status'],
      () => ({ AWS_ENDPOINT_URL: `https://127.0.0.1:${ports.html}` }),
      /^Cannot reach https:\/\/127\.0\.0\.1:\d+ \(\w+\)/,
    ],
    [
      'an endpoint without a scheme',
      ['status'],
      () => ({ AWS_ENDPOINT_URL: '127.0.0.1:4566' }),
      /^AWS_ENDPOINT_URL is "127\.0\.0\.1:4566", but must be a URL/,
      2,
    ],
    [
      'an endpoint that is no URL',
      ['status'],
      () => ({ AWS_ENDPOINT_URL: 'http://' }),
      /^AWS_ENDPOINT_URL is "http:\/\/", but must be a URL/,
      2,
    ],
    [
      'a replay from a stack without an archive',
      ['replay', 'billing', ...week],
      () => ({}),
      /^Stack "OrderFanOut-dev" has no archive: deploy it with/,
    ],
    ['an impossible region', ['status'], () => ({ AWS_REGION: '../..' }), /region/i],
    ...['html', 'gateway', 'json'].map((page): [string, string[], () => Record<string, string>, RegExp] => [
      `a server that answers with ${page}`,
      ['status'],
      () => ({ AWS_ENDPOINT_URL: `http://127.0.0.1:${ports.html}/${page}` }),
      /^(?!.*undefined)/,
    ]),
  ])('%s', async (_, args, environment, message, exitCode = 1) => {
    useAwsEnvironment({ ...aws.environment, AWS_MAX_ATTEMPTS: '1', ...environment() });

    const { code, stdout, stderr } = await command(args);

    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
  });

  const denied = 'User: arn:aws:iam::1:user/me is not authorized to perform: cloudformation:DescribeStacks';
  test.each<[string, Answer, RegExp]>([
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
      queryError('AccessDenied', denied, 403),
      /^Access denied: these credentials lack the IAM action cloudformation:DescribeStacks/,
    ],
    [
      'a server without the operation',
      queryError('InvalidAction', 'no'),
      /^http:\S+ does not know DescribeStacks \(InvalidAction\)\n$/,
    ],
  ])('%s', async (_, answer, message) => {
    const describeStacks = aws.script['cloudformation:DescribeStacks'];
    aws.script['cloudformation:DescribeStacks'] = () => answer;

    const { code, stdout, stderr } = await command(['publish', '--stack', 'Nope']);
    if (describeStacks) aws.script['cloudformation:DescribeStacks'] = describeStacks;

    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});

test('a client goes where it is told, even if a queue URL names another host', async () => {
  const QueueUrl = 'https://sqs.us-east-1.amazonaws.com/000000000000/billing';
  const { sqs } = createClients(aws.client);

  await sqs.send(new ReceiveMessageCommand({ QueueUrl })).catch(() => {});
  sqs.destroy();

  expect(aws.calls.at(-1)).toMatchObject({ action: 'sqs:ReceiveMessage', input: { QueueUrl } });
});

test('a wrong Node version is told in one line', async () => {
  const check = path.join(PROJECT, 'bin/check-node.mjs');
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '20.19.0' }); await import('${check}');`;

  const old = await node('--input-type=module', '-e', pretend);
  const current = await node(check);

  expect(old.stderr).toMatch(/^This needs Node 24 and got 20\.19\.0 .*npm rebuild node`\.\n$/);
  expect(old.code).toBe(1);
  expect(current).toEqual({ code: 0, stdout: '', stderr: '' });
});
