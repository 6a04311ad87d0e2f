// What no SDK client would send. Each request is followed by a proper one, which has to be answered.
import net from 'node:net';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  dynamodb,
  emulators,
  makeQueue,
  makeTable,
  receive,
  redrivePolicy,
  send,
  sqs,
  useEmulators,
} from '../../fixtures/emulators.ts';
import { signed } from '../../fixtures/policies.ts';

let QueueUrl: string;
useEmulators();
beforeAll(async () => {
  QueueUrl = await makeQueue();
  await makeTable('proper');
});

afterEach(async () => {
  const { MessageId } = await send(QueueUrl);
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: 'proper' }));
  expect([typeof MessageId, Table?.TableName]).toEqual(['string', 'proper']);
  expect(await emulators.api.sample()).toBeDefined();
});

/** The first three are answered by the local run itself, the others by fauxqs. */
const SERVICES = ['dynamodb', 'monitoring', 'cloudformation', 'sqs', 'sns', 'sts', 's3', 'logs'];
/** The content type and target that a service's client would send. */
const headersOf = (service: string, operation: string): Record<string, string> => ({
  ...signed(service),
  'content-type': /^(sns|cloudformation|sts)$/.test(service)
    ? 'application/x-www-form-urlencoded'
    : 'application/x-amz-json-1.0',
  'x-amz-target': `Any.${operation}`,
});
const post = (headers: Record<string, string>, body: string, method = 'POST') =>
  fetch(emulators.endpoint, { method, headers, ...(method !== 'GET' && { body }) });

/** Writes bytes as they are and resolves with what comes back until the connection ends. */
function raw(...parts: (string | Buffer)[]): Promise<string> {
  const socket = net.connect(Number(new URL(emulators.endpoint).port), '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {});
  for (const part of parts) socket.write(part);
  socket.end();
  return new Promise((resolve) => socket.once('close', () => resolve(answer)));
}
const head = (service: string, ...more: string[]) =>
  `${[
    'POST / HTTP/1.1',
    'host: 127.0.0.1',
    'connection: close',
    ...Object.entries(headersOf(service, 'ListTables')).map(([name, value]) => `${name}: ${value}`),
    ...more,
  ].join('\r\n')}\r\n\r\n`;

/** What fauxqs answers with is its own business. */
const ownErrors = (statuses: number[]) => statuses.slice(0, 3);

test.each(['', '{', 'null', '[]', '3', '"text"', '\u0000'])('the body %j', async (body) => {
  const answers = await Promise.all(
    SERVICES.map((service) => post(headersOf(service, 'DescribeTable'), body)),
  );

  expect(ownErrors(answers.map(({ status }) => status))).toEqual([400, 400, 400]);
});

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'a\u00e9\u00ff', ''])(
  'the operation %j',
  async (operation) => {
    for (const body of ['{}', `Action=${operation}`, '{"TableName":"__proto__"}']) {
      const answers = await Promise.all(SERVICES.map((service) => post(headersOf(service, operation), body)));

      expect(ownErrors(answers.map(({ status }) => status))).toEqual([400, 400, 400]);
    }
  },
);

test.each(['constructor', '__proto__', 'toString', ''])('the service and the key %j', async (name) => {
  for (const [service, key] of [
    [name, 'local'],
    [name, name],
    ['sqs', name],
    ['dynamodb', name],
  ] as const) {
    const { status } = await post({ ...headersOf('sqs', 'ListQueues'), ...signed(service, key) }, '{}');

    expect(status).toBeGreaterThanOrEqual(400);
  }
});

test.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'])('the method %s', async (method) => {
  for (const service of SERVICES) await post(headersOf(service, 'ListTables'), '{}', method);
});

test.each([
  ['a broken chunk', ['transfer-encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n'],
  ['a chunk that never ends', ['transfer-encoding: chunked'], 'ff\r\n{"Ta'],
  ['less than its length', ['content-length: 999'], '{"Ta'],
  ['a length and chunks', ['content-length: 2', 'transfer-encoding: chunked'], '2\r\n{}\r\n0\r\n\r\n'],
  ['a length that is no number', ['content-length: many'], '{}'],
  ['headers beyond all bounds', [`x-large: ${'x'.repeat(1 << 20)}`, 'content-length: 2'], '{}'],
  ['thousands of headers', Array.from({ length: 3000 }, (_, n) => `x-${n}: 1`), ''],
  ['an upgrade', ['upgrade: websocket', 'content-length: 2'], '{}'],
  ['an expectation', ['expect: miracles', 'content-length: 2'], '{}'],
])('%s', async (_, headers, body) => {
  await Promise.all(SERVICES.map((service) => raw(head(service, ...headers), body)));
});

test('a client that goes away in the middle of a request', async () => {
  const socket = net.connect(Number(new URL(emulators.endpoint).port), '127.0.0.1');
  await new Promise((resolve) => socket.write(`${head('dynamodb', 'content-length: 999')}{"Table`, resolve));

  socket.resetAndDestroy();
});

test('bytes that are no HTTP', async () => {
  await raw('\u0000\u0001\r\n\r\n');
  await raw('CONNECT example.com:443 HTTP/1.1\r\n\r\n');
});

describe('the Host header', () => {
  /** A request that the operator may make, as a page in a browser could send it whose name now leads to 127.0.0.1. */
  const statusFor = async (service: string, ...hosts: string[]) => {
    const lines = head(service, 'content-length: 2').replace('host: 127.0.0.1\r\n', '');
    const [start = '', ...rest] = lines.split('\r\n');
    const answer = await raw([start, ...hosts.map((host) => `host: ${host}`), ...rest].join('\r\n'), '{}');
    return { status: Number(answer.split(' ')[1]), body: answer.split('\r\n\r\n').slice(1).join('') };
  };

  test.each([
    'evil.example',
    'evil.example:4566',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'evil.example#127.0.0.1',
    '127.0.0.1@evil.example',
    '127.0.0.1:80@evil.example',
    '10.0.0.1',
    '0.0.0.0',
    '[::2]:80',
    '[::1].evil.example',
    '',
  ])('of another machine, %j, is refused whatever is asked', async (host) => {
    for (const service of ['dynamodb', 'sqs', 'nothing']) {
      expect(await statusFor(service, host)).toEqual({
        status: 421,
        body: expect.stringContaining(
          `The local run answers requests to this machine's loopback address, not to "${host}"\n`,
        ),
      });
    }
  });

  test('is refused where there is none', async () => {
    expect((await statusFor('dynamodb')).status).toBe(400);
    const [, ...lines] = head('dynamodb', 'content-length: 2')
      .replace('host: 127.0.0.1\r\n', '')
      .split('\r\n');
    expect(await raw(['POST / HTTP/1.0', ...lines].join('\r\n'), '{}')).toMatch(/^HTTP\/1.1 421 /);
  });

  test.each(['127.0.0.1', '127.0.0.1:4566', '127.1.2.3', 'localhost', 'LOCALHOST:80', '[::1]', '[::1]:4566'])(
    'may be %s',
    async (host) => {
      expect(await statusFor('dynamodb', host)).toMatchObject({ status: 200 });
    },
  );
});

describe('a body of more than 16 MiB is refused', () => {
  const LIMIT = 16 * 1024 * 1024;

  test('before it is sent, where its length is told', async () => {
    const answers = await Promise.all(
      SERVICES.map((service) => raw(head(service, `content-length: ${LIMIT + 1}`))),
    );

    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });

  test('once it is known, where it is not', async () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    const chunks = Array.from({ length: 17 }).flatMap(() => ['100000\r\n', chunk, '\r\n']);

    const answers = [];
    for (const service of ['dynamodb', 'sqs', 'sns']) {
      answers.push(await raw(head(service, 'transfer-encoding: chunked'), ...chunks, '0\r\n\r\n'));
    }

    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });
});

test('a queue whose RedrivePolicy names the queue itself goes on giving a message', async () => {
  const own = await makeQueue({ VisibilityTimeout: '0' });
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: own, Attributes: redrivePolicy(own, 1) }));
  await send(own);

  for (let receives = 1; receives <= 3; receives += 1) expect(await receive(own)).toHaveLength(1);
}, 10_000);
