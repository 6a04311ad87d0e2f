import { expect, test } from '@jest/globals';
import { readLetter } from '../../../../cli/dead-letters/letter.ts';
import { NO_REASON, Reasons, reasonOf } from '../../../../cli/dead-letters/reasons.ts';

const letter = (error?: string, message = '') =>
  readLetter({
    Body: '{}',
    ...(error && {
      MessageAttributes: {
        DeadLetterError: { DataType: 'String', StringValue: error },
        DeadLetterMessage: { DataType: 'String', StringValue: message },
      },
    }),
  });

test.each([
  ['[None, None, ThrottlingError]', '[ThrottlingError, None]', '[ThrottlingError]'],
  [
    '[TransactionConflict, ThrottlingError]',
    '[ThrottlingError, None, TransactionConflict]',
    '[ThrottlingError, TransactionConflict]',
  ],
  ['[None, None]', '[None, None, None]', '[None]'],
])('a cancelled transaction with %s and one with %s are one cause', (first, second, codes) => {
  const cancelled = (list: string) =>
    reasonOf(
      letter(
        'TransactionCanceledException',
        `Transaction cancelled, please refer cancellation reasons for specific reasons ${list}`,
      ),
    );

  expect(cancelled(first)).toBe(cancelled(second));
  expect(cancelled(first)).toContain(codes);
});

test('different causes of a cancelled transaction are two', () => {
  const cancelled = (codes: string) =>
    reasonOf(letter('TransactionCanceledException', `because of [${codes}]`));

  expect(cancelled('None, ThrottlingError')).not.toBe(cancelled('None, ConditionalCheckFailed'));
});

test('a letter without a time counts, and says nothing about the first and the last', () => {
  const reasons = new Reasons();
  const at = new Date('2026-11-24T10:00:00Z');
  reasons.count(NO_REASON, new Date(Number.NaN));
  reasons.count(NO_REASON, at);
  reasons.count(NO_REASON, new Date(Number.NaN));

  expect(reasons.total).toBe(3);
  expect(reasons.list()).toEqual([{ reason: NO_REASON, count: 3, first: at, last: at }]);
});
