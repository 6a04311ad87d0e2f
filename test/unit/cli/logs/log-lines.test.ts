import { describe, expect, test } from '@jest/globals';
import {
  describeLine,
  filterPattern,
  isWanted,
  type LogFilter,
  readLogLine,
} from '../../../../cli/logs/log-lines.ts';
import { captureIo } from '../../../fixtures/command.ts';

const timestamp = '2026-11-22T17:00:05.123Z';
const line = (entry: object) => JSON.stringify({ timestamp, level: 'INFO', message: 'created', ...entry });
const read = (text: string) => {
  const found = readLogLine(text);
  if (!found) throw new Error('not for people');
  return found;
};
const timedOut = {
  type: 'platform.report',
  time: timestamp,
  record: { requestId: 'r-1', status: 'timeout' },
};

describe('a line', () => {
  test('has its own time; without one it has that of its arrival', () => {
    const arrived = new Date('2026-11-22T18:00:00Z');

    expect(readLogLine(line({}), arrived)?.at).toEqual(new Date(timestamp));
    expect(readLogLine('{"message":"hello"}', arrived)?.at).toEqual(arrived);
  });

  test.each([
    ['a metric', { _aws: { CloudWatchMetrics: [] } }],
    ['the start of an invocation', { type: 'platform.start' }],
    [
      'the report of an invocation that went well',
      { type: 'platform.report', record: { status: 'success' } },
    ],
  ])('%s is not for people', (_, entry) => {
    expect(readLogLine(JSON.stringify(entry))).toBeUndefined();
  });

  test.each([
    [{}, {}, true],
    [{ orderId: 'o-1' }, { id: 'o-1' }, true],
    [{ orderId: 'o-2' }, { id: 'o-1' }, false],
    [{}, { id: 'o-1' }, false],
    [{}, { level: 'WARN' }, false],
    [{ level: 'WARN' }, { level: 'WARN' }, true],
    [{ level: 'ERROR' }, { level: 'WARN' }, true],
    [{ level: 'ERROR', orderId: 'o-2' }, { level: 'WARN', id: 'o-1' }, false],
    [timedOut, { level: 'ERROR' }, true],
  ])('%j for %j: %p', (entry, filter, wanted) => {
    expect(isWanted(read(line(entry)), filter as LogFilter)).toBe(wanted);
  });
});

test.each([
  [{}, undefined],
  [{ id: 'o-1' }, '{ $.orderId = "o-1" }'],
  [
    { level: 'ERROR', id: 'o-1' },
    '{ $.orderId = "o-1" && ($.level = "ERROR" || $.level = "CRITICAL" || $.level = "FATAL" || ($.type = "platform.report" && $.record.status != "success")) }',
  ],
])('CloudWatch Logs is asked for %j with %s', (filter, pattern) => {
  expect(filterPattern(filter as LogFilter)).toBe(pattern);
});

test.each([
  [line({ orderId: 'o-1', attempt: 1, requestId: 'r-1' }), '2026-11-22 17:00:05Z INFO   created, o-1'],
  [
    line({
      level: 'WARN',
      message: 'failed, will be tried again',
      orderId: 'o-1',
      attempt: 2,
      requestId: 'r-1',
      error: { name: 'ThrottlingException', message: 'slow down', stack: 'ThrottlingException: at x' },
    }),
    `2026-11-22 17:00:05Z WARN   failed, will be tried again, o-1, try 2
                            ThrottlingException: slow down
                            request r-1`,
  ],
  [
    // As Lambda logs what nobody caught.
    JSON.stringify({
      timestamp,
      level: 'ERROR',
      errorType: 'TypeError',
      errorMessage: 'x is not a function',
    }),
    '2026-11-22 17:00:05Z ERROR  TypeError: x is not a function',
  ],
  [
    JSON.stringify(timedOut),
    `2026-11-22 17:00:05Z ERROR  the invocation failed: timeout
                            request r-1`,
  ],
  // A stranger may have published it.
  [line({ message: 'a\u001b[31mb' }), '2026-11-22 17:00:05Z INFO   a\u{FFFD}[31mb'],
  ['plain text', '                     INFO   plain text'],
])('%s reads well', (text, shown) => {
  expect(describeLine(read(text), captureIo().io)).toBe(shown);
});
