import { expect, test } from '@jest/globals';
import { localFunction } from '../../fixtures/local-function.ts';

test('the handler gets the event, the context that Lambda would give, and the environment of the template alone', async () => {
  const { target } = localFunction(
    `export const handler = async (event, context) => ({ event, name: context.functionName,
       memory: context.memoryLimitInMB, left: context.getRemainingTimeInMillis(), environment: { ...process.env } })`,
    { timeoutSeconds: 30, environment: { TABLE: 'orders' } },
  );

  const result = await target.invoke({ hello: 1 });

  expect(result).toEqual({
    ok: true,
    payload: {
      event: { hello: 1 },
      name: 'tried',
      memory: '128',
      left: expect.any(Number),
      environment: { TABLE: 'orders', AWS_LAMBDA_FUNCTION_VERSION: '$LATEST' },
    },
  });
  const { left } = (result as { payload: { left: number } }).payload;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(30_000);
});

test('a warm environment is used again, and a second one is made only for an invocation beside it', async () => {
  const { target } = localFunction(
    `const made = Math.random(); export const handler = async () => { await new Promise(setImmediate); return made }`,
  );

  const first = await target.invoke({});
  const again = await target.invoke({});
  const both = await Promise.all([target.invoke({}), target.invoke({})]);

  expect(again).toEqual(first);
  expect(new Set(both.map((each) => JSON.stringify(each))).size).toBe(2);
});

test('an error of the handler is a result with its name and message, and the environment lives on', async () => {
  const { target, lines, measured } = localFunction(
    `let calls = 0; export const handler = async () => { if (calls++ === 0) throw new TypeError('no good'); return calls }`,
  );

  const failed = await target.invoke({});
  const next = await target.invoke({});

  expect(failed).toEqual({ ok: false, errorType: 'TypeError', errorMessage: 'no good' });
  expect(next).toEqual({ ok: true, payload: 2 });
  expect(measured).toEqual({ Invocations: 2, Errors: 1, Throttles: 0 });
  expect(lines.join()).toContain('no good');
});

test.each<[what: string, source: string, settings: object, errorType: string, errorMessage: RegExp]>([
  [
    'that outlives its timeout, in a busy loop,',
    'while (true) ;',
    { timeoutSeconds: 0.2 },
    'Sandbox.Timedout',
    /Task timed out after 0.20 seconds/,
  ],
  [
    'that needs more memory than its function has',
    'for (const kept = []; ; ) kept.push(new Array(1e5).fill({}).map(() => ({})))',
    { memoryMegabytes: 32 },
    'Runtime.OutOfMemory',
    /./,
  ],
  ['that exits', 'process.exit(3)', {}, 'Runtime.ExitError', /./],
])(
  'a handler %s is ended and says so, and the next invocation gets a fresh environment',
  async (_, source, settings, errorType, errorMessage) => {
    const { target } = localFunction(
      `let calls = 0; export const handler = async ({ isBad }) => { calls++; if (isBad) { ${source} } return calls }`,
      settings,
    );

    const ended = await target.invoke({ isBad: true });
    const next = await target.invoke({});

    expect(ended).toEqual({ ok: false, errorType, errorMessage: expect.stringMatching(errorMessage) });
    expect(next).toEqual({ ok: true, payload: 1 });
  },
);

test('a bundle that cannot be loaded fails every invocation with its reason', async () => {
  const { target } = localFunction(`throw new Error('INVOICES_TABLE is not set')`);

  for (let invocation = 1; invocation <= 2; invocation += 1) {
    expect(await target.invoke({})).toMatchObject({ ok: false, errorMessage: 'INVOICES_TABLE is not set' });
  }
});

test('beyond the reserved concurrency an invocation is throttled', async () => {
  const { target, measured } = localFunction(
    `export const handler = () => new Promise((done) => setTimeout(() => done('slow'), 50))`,
    { reservedConcurrency: 1 },
  );

  const results = await Promise.all([target.invoke({}), target.invoke({})]);

  expect(results).toMatchObject([
    { ok: true, payload: 'slow' },
    { ok: false, errorType: 'TooManyRequestsException' },
  ]);
  expect(measured).toEqual({ Invocations: 1, Errors: 0, Throttles: 1 });
});

test.each([
  ['fetch', `await fetch('http://sqs.us-east-1.amazonaws.com/')`],
  ['fetch over TLS', `await fetch('https://sqs.us-east-1.amazonaws.com/')`],
  [
    'an address',
    `await new Promise((_, no) => require('node:net').connect(443, '192.0.2.1').on('error', no))`,
  ],
  ['a datagram', `require('node:dgram').createSocket('udp4').send('x', 53, '192.0.2.1')`],
  [
    'a look-up',
    `await require('node:dns').promises; await new Promise((_, no) => require('node:dns').lookup('example.com', (e) => no(e)))`,
  ],
])('a request that would leave this machine is refused and reported: %s', async (_, code) => {
  const { target, refused } = localFunction(
    `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
     export const handler = async () => { try { ${code} } catch (error) { return String(error.cause ?? error) } }`,
  );

  const result = await target.invoke({});

  expect(result).toMatchObject({
    ok: true,
    payload: expect.stringContaining('the local run stays on 127.0.0.1'),
  });
  expect(refused).toHaveLength(1);
});
