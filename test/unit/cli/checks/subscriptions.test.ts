import { expect, test } from '@jest/globals';
import { addressOf } from '../../../../cli/checks/subscriptions.ts';

test.each([
  ['email', 'operations@example.com', 'o…s@example.com'],
  ['email-json', 'ab@example.com', 'a…@example.com'],
  ['email', 'a@b@example.com', 'a…b@example.com'],
  ['sms', '+491701234567', '+4…67'],
  ['https', 'https://pager.example.com/hooks/s3cr3t?token=1', 'pager.example.com'],
  ['https', 'nonsense', 'https'],
  ['sqs', 'arn:aws:sqs:us-east-1:000000000000:inbox', 'the sqs endpoint inbox'],
])('of a subscription by %s to %s it is said that it leads to %s', (Protocol, Endpoint, said) => {
  expect(addressOf({ Protocol, Endpoint })).toBe(said);
});
