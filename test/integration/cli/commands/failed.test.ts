import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { generateEvents } from '../../../../cli/publishing/test-events.ts';
import {
  attribute,
  type DeadLetterStack,
  type NewLetter,
  readJsonLines,
  startDeadLetterStack,
} from '../../../fixtures/dead-letter-stack.ts';
import { PROJECT } from '../../../fixtures/project.ts';
import { killRuns } from '../../../fixtures/run.ts';

const MANY = 500;

let stack: DeadLetterStack;
beforeAll(async () => {
  stack = await startDeadLetterStack();
});
afterEach(() => stack.clear());
afterAll(async () => {
  killRuns();
  await stack.stop();
});

const bad: NewLetter[] = [
  ['{"orderId":"o-1"}', 'SchemaViolation', 'items[0].sku is missing', '2026-11-22T10:00:00Z'] as const,
  ['{"orderId":"o-2"}', 'SchemaViolation', 'items[7].sku is missing', '2026-11-22T11:00:00Z'] as const,
  ['Ada, 12 St James Square', 'NotJson', 'the body is not JSON', '2026-11-22T12:00:00Z'] as const,
].map(([body, error, message, at]) => ({ body, reason: { error, message, at } }));
const file = (name: string) => path.join(stack.directory, name);

test('groups dead letters by consumer and reason, without a word of their bodies', async () => {
  await stack.fill('billing', bad);

  const { code, stdout, stderr } = await stack.command('failed');

  expect(stdout).toBe(
    [
      'billing: 3 dead letters',
      '  2  SchemaViolation: items[…].sku is missing',
      '     first 2026-11-22 10:00:00Z, last 2026-11-22 11:00:00Z',
      '  1  NotJson: the body is not JSON',
      '     at 2026-11-22 12:00:00Z',
      'shipping: no dead letters\n',
    ].join('\n'),
  );
  expect(stderr).toBe(
    [
      '\nNext, since none of them holds a valid order, correct their bodies:',
      'npm run orders -- failed billing --export billing.jsonl --local',
      'npm run orders -- redrive billing --edit billing.jsonl --canary --local\n',
    ].join('\n  '),
  );
  expect(code).toBe(1);
});

test('leads to a redrive of the letters that were asked for, where one of them may succeed', async () => {
  const [good] = generateEvents({ count: 1, seed: 3 });
  const reason = { error: 'Throttling', message: 'slow down' };
  await stack.fill('billing', [...bad, { body: good?.body ?? '', reason }]);

  const { stderr } = await stack.command('failed', 'billing', '--reason', 'slow down');
  const { stderr: bodies } = await stack.command('failed', 'billing', '--reason', 'SchemaViolation');

  expect(stderr).toBe(
    "\nNext, once the cause is gone:\n  npm run orders -- redrive billing --reason 'slow down' --canary --local\n",
  );
  expect(bodies).toContain('failed billing --reason SchemaViolation --export billing.jsonl --local');
});

test('exits with 0 where there is none, or none of those asked for', async () => {
  await stack.fill('billing', bad);

  const [shipping, other] = await Promise.all([
    stack.command('failed', 'shipping'),
    stack.command('failed', '--reason', 'OrderConflict'),
  ]);

  expect(shipping).toEqual({ code: 0, stdout: 'shipping: no dead letters\n', stderr: '' });
  expect(other.stdout).toBe(
    'billing: no dead letters (reason "OrderConflict")\nshipping: no dead letters (reason "OrderConflict")\n',
  );
  expect(other.code).toBe(0);
});

test('shows the bodies of those asked for with --show', async () => {
  await stack.fill('billing', bad);

  const { stdout } = await stack.command('failed', 'billing', '--show', '--since', '2026-11-22T11:30:00Z');

  expect(stdout).toContain('billing  no orderId  2026-11-22 12:00:00Z  messageId ');
  expect(stdout).toContain('\nAda, 12 St James Square\n');
  expect(stdout).not.toContain('o-2');
  expect(stdout).toContain('billing: 1 dead letter (since 2026-11-22 11:30:00Z)');
});

test('prints one JSON object with --json, with letters only with --show', async () => {
  await stack.fill('billing', bad);

  const plain = await stack.command('failed', 'billing', '--json');
  const shown = await stack.command('failed', 'billing', '--json', '--show', '--order', 'o-2');

  expect(JSON.parse(plain.stdout)).toEqual({
    stack: 'OrderFanOut-dev',
    interrupted: false,
    consumers: {
      billing: {
        deadLetters: 3,
        unseen: 0,
        reasons: [
          {
            reason: 'SchemaViolation: items[…].sku is missing',
            count: 2,
            first: '2026-11-22T10:00:00.000Z',
            last: '2026-11-22T11:00:00.000Z',
          },
          expect.objectContaining({ reason: 'NotJson: the body is not JSON', count: 1 }),
        ],
      },
    },
  });
  expect(JSON.parse(shown.stdout).consumers.billing.letters).toEqual([
    expect.objectContaining({ orderId: 'o-2', body: '{"orderId":"o-2"}' }),
  ]);
});

test(`lists ${MANY} letters, saves each once with all it has, and leaves all of them there`, async () => {
  const bodies = generateEvents({ count: MANY, seed: 4 }).map(({ body }) => body);
  await stack.fill(
    'billing',
    bodies.map((body) => ({
      body,
      attributes: { kept: attribute('as it was') },
      reason: { error: 'E', message: 'm' },
    })),
  );

  const { code, stdout, stderr } = await stack.command('failed', 'billing', '--export', file('all.jsonl'));

  const saved = readJsonLines(file('all.jsonl'));
  expect(stdout).toMatch(/^billing: 500 dead letters\n {2}500 {2}E: m\n/);
  expect(stderr).toContain(`Saved 500 letters in ${file('all.jsonl')}`);
  expect(code).toBe(1);
  expect(saved.map(({ body }) => body).sort()).toEqual(bodies.toSorted());
  expect(new Set(saved.map(({ messageId }) => messageId)).size).toBe(MANY);
  expect(saved[0]).toMatchObject({
    consumer: 'billing',
    orderId: expect.any(String),
    reason: { error: 'E', message: 'm' },
    sentAt: expect.any(String),
    attributes: {
      kept: { DataType: 'String', StringValue: 'as it was' },
      DeadLetterError: expect.anything(),
    },
  });
  expect(fs.statSync(file('all.jsonl')).mode & 0o777).toBe(0o600);
  expect(await stack.depth('billing-dlq')).toEqual({ visible: MANY, hidden: 0 });
});

test('gives all letters back on Ctrl-C, and leaves no half export', async () => {
  await stack.fill(
    'billing',
    Array.from({ length: MANY }, (_, index) => ({ body: `letter ${index}` })),
  );

  const run = stack.startProcess('failed', 'billing', '--export', file('half.jsonl'));
  while ((await stack.depth('billing-dlq')).hidden < 100) await new Promise(setImmediate);
  run.interrupt();
  const { code, stderr } = await run.ended;

  expect(code).toBe(130);
  expect(stderr).toMatch(
    /^Stopped after [\d,]+ letters: all are back in their queues, nothing was exported\.\n$/,
  );
  expect(await stack.depth('billing-dlq')).toEqual({ visible: MANY, hidden: 0 });
  expect(fs.existsSync(file('half.jsonl'))).toBe(false);
});

test('gives all letters back when nobody reads on', async () => {
  await stack.fill(
    'billing',
    Array.from({ length: 200 }, (_, index) => ({ body: `letter ${index}` })),
  );
  const line = `"${process.execPath}" ${path.join(PROJECT, 'bin/operate.mjs')} failed billing --show --local | head -1`;

  const env = { ...process.env, LOCAL_RUN_DIRECTORY: stack.directory };
  await new Promise((resolve) => execFile('sh', ['-c', line], { env }, resolve));

  expect(await stack.depth('billing-dlq')).toEqual({ visible: 200, hidden: 0 });
});

test('lists unrouted messages by eventType, and only if there are some or they are asked for', async () => {
  const cancelled = { eventType: attribute('order.cancelled') };
  const bodies = generateEvents({ count: 2, seed: 5 }).map(({ body }) => body);
  for (const body of bodies) await stack.publish(body, cancelled);
  await stack.publish('gibberish', { traceId: attribute('1') });

  const unrouted = await stack.command('failed', 'unrouted');
  const saved = await stack.command('failed', 'unrouted', '--reason', 'CANCELLED', '--export', file('out'));
  const json = await stack.command('failed', '--json');

  expect(unrouted.stdout).toMatch(
    /^unrouted: 3 messages\n {2}2 {2}eventType "order\.cancelled"\n .*\n {2}1 {2}no eventType\n .*\n$/,
  );
  expect(unrouted.stderr).toContain('npm run orders -- redrive unrouted --canary --local');
  expect(unrouted.code).toBe(1);
  expect(saved.stdout).toContain('unrouted: 2 messages (reason "CANCELLED")');
  expect(readJsonLines(file('out'))).toContainEqual(
    expect.objectContaining({ consumer: 'unrouted', body: bodies[0] }),
  );
  expect(JSON.parse(json.stdout)).toMatchObject({
    consumers: { billing: { deadLetters: 0 }, shipping: { deadLetters: 0 } },
    unrouted: { messages: 3 },
  });
  expect((await stack.depth('unrouted')).visible).toBe(3);
});

test('writes over no file', async () => {
  fs.writeFileSync(file('kept.jsonl'), 'kept');

  const { code, stderr } = await stack.command('failed', '--export', file('kept.jsonl'));

  expect(stderr).toBe(`Cannot write ${file('kept.jsonl')}: it already exists\n`);
  expect(code).toBe(2);
  expect(fs.readFileSync(file('kept.jsonl'), 'utf8')).toBe('kept');
});
