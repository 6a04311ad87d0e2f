import { describe, expect, test } from '@jest/globals';
import { alarmText, atLeast, readAlarmText } from '../../../contract/alarm-text.ts';

const ARTICLE = 'https://example.com/runbook.md#dead-letters';

describe('the text of an alarm', () => {
  test('is its meaning, its article and pages, a line each, so that mails show the addresses as links', () => {
    expect(alarmText('Messages lie there.', ARTICLE, { Queue: 'https://queue', Function: 'https://f' })).toBe(
      `Messages lie there.\nWhat to do: ${ARTICLE}\nQueue: https://queue\nFunction: https://f`,
    );
  });

  test.each([
    ['as it is written', alarmText('They lie there.', ARTICLE, { Queue: 'https://queue' })],
    ['without pages', alarmText('They lie there.', ARTICLE)],
  ])('is read again %s', (_, text) => {
    expect(readAlarmText(text)).toEqual({ meaning: 'They lie there.', article: ARTICLE });
  });

  test('of somebody else is a meaning', () => {
    expect(readAlarmText('CPU is high\nfor long')).toEqual({
      meaning: 'CPU is high\nfor long',
      article: undefined,
    });
    expect(readAlarmText('')).toEqual({ meaning: '', article: undefined });
  });
});

test.each([
  [atLeast(1, 'message'), 'at least one message'],
  [atLeast(2, 'message'), 'at least 2 messages'],
  [atLeast(1, 'delivery', 'deliveries'), 'at least one delivery'],
  [atLeast(10_000, 'delivery', 'deliveries'), 'at least 10,000 deliveries'],
])('%s', (said, words) => {
  expect(said).toBe(words);
});
