import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { createClients } from '../../../../cli/aws/clients.ts';
import type { LogLine } from '../../../../cli/logs/log-lines.ts';
import { type LogRequest, readLogFile, readLogGroup } from '../../../../cli/logs/log-source.ts';
import { type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

const start = Date.parse('2026-11-22T17:00:00Z');
const entry = (orderId: string, second = 0) =>
  JSON.stringify({ timestamp: new Date(start + second * 1000), level: 'INFO', message: 'created', orderId });
const never = new AbortController().signal;
const request = (overrides: Partial<LogRequest> = {}): LogRequest => ({
  from: new Date(start),
  follow: false,
  signal: never,
  ...overrides,
});

/** Orders of the lines, in their order; `onLine` is called with each. */
async function ordersOf(lines: AsyncIterable<LogLine>, onLine = (_order: unknown) => {}): Promise<unknown[]> {
  const orders: unknown[] = [];
  for await (const line of lines) {
    orders.push(line.entry.orderId);
    onLine(line.entry.orderId);
  }
  return orders;
}

describe('a log group', () => {
  let aws: ScriptedAws;
  beforeEach(async () => {
    aws = await scriptedAws();
  });
  afterEach(() => aws.close());

  const event = (eventId: string, orderId: string, second: number) => ({
    eventId,
    timestamp: start + second * 1000,
    message: entry(orderId, second),
  });
  const read = (options: Partial<LogRequest> = {}) =>
    readLogGroup(createClients(aws.client).cloudWatchLogs, 'billing-logs', request(options));

  test('is read page by page, from a time on, and filtered where it is', async () => {
    aws.script['logs:FilterLogEvents'] = ({ nextToken }) =>
      nextToken
        ? { json: { events: [event('2', 'b', 2)] } }
        : { json: { events: [event('1', 'a', 1)], nextToken: 'more' } };

    const orders = await ordersOf(read());
    await ordersOf(read({ id: 'b' }));

    expect(orders).toEqual(['a', 'b']);
    const asked = aws.calls.map(({ input }) => input);
    expect(asked[0]).toEqual({ logGroupName: 'billing-logs', startTime: start });
    expect(asked.at(-1)).toMatchObject({ filterPattern: '{ $.orderId = "b" }', nextToken: 'more' });
  });

  test('is followed: each line once, also one that comes late', async () => {
    const controller = new AbortController();
    const answers = [
      [event('1', 'a', 100)],
      [event('0', 'late', 50), event('1', 'a', 100)],
      [event('2', 'last', 101)],
    ];
    aws.script['logs:FilterLogEvents'] = () => ({ json: { events: answers.shift() ?? [] } });

    const lines = read({ follow: true, signal: controller.signal, pauseMs: 1 });
    const orders = await ordersOf(lines, (order) => order === 'last' && controller.abort());

    expect(orders).toEqual(['a', 'late', 'last']);
    expect(aws.calls[1]?.input.startTime).toBe(start + 40_000);
  });
});

describe('a log file', () => {
  const folder = temporaryFolder('log-');
  const file = path.join(folder, 'function.log');
  afterEach(() => fs.rmSync(file, { force: true }));

  test('is read from a time on; a line without one goes with the line before it', async () => {
    const crash = JSON.stringify({
      type: 'platform.report',
      errorType: 'Sandbox.Timedout',
      orderId: 'crash',
    });
    fs.writeFileSync(file, [entry('old', -5), crash, entry('new', 5), crash, ''].join('\n'));

    expect(await ordersOf(readLogFile(file, request()))).toEqual(['new', 'crash']);
  });

  test('that is not there yet holds nothing', async () => {
    expect(await ordersOf(readLogFile(file, request()))).toEqual([]);
  });

  test('is followed, also while a line is half written in the middle of a character', async () => {
    const controller = new AbortController();
    const [head, tail] = (() => {
      const bytes = Buffer.from(`${entry('ö')}\n`);
      const at = bytes.indexOf(0xc3) + 1;
      return [bytes.subarray(0, at), bytes.subarray(at)];
    })();
    fs.writeFileSync(file, Buffer.concat([Buffer.from(`${entry('first')}\n`), head]));

    const lines = readLogFile(file, request({ follow: true, signal: controller.signal }));
    const orders = await ordersOf(lines, (order) => {
      if (order === 'first') fs.appendFileSync(file, tail);
      else controller.abort();
    });

    expect(orders).toEqual(['first', 'ö']);
  });
});
