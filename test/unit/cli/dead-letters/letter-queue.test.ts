import { describe, expect, test } from '@jest/globals';
import { letterQueueOf, letterQueues } from '../../../../cli/dead-letters/letter-queue.ts';

const billing = {
  name: 'billing',
  queueUrl: 'http://sqs/billing',
  deadLetterQueueUrl: 'http://sqs/billing-dead',
  functionName: 'billing',
  tables: {},
};
const stack = { name: 'Shop-prod', topicArn: 'arn', consumers: [billing] };
const withUnrouted = { ...stack, unroutedQueueUrl: 'http://sqs/unrouted' };

test('a name stands for a dead-letter queue or for the unrouted messages', () => {
  expect(letterQueueOf(withUnrouted, 'billing')).toMatchObject({ url: 'http://sqs/billing-dead' });
  expect(letterQueueOf(withUnrouted, 'unrouted')).toMatchObject({ url: 'http://sqs/unrouted' });
  expect(letterQueues(withUnrouted).map(({ name }) => name)).toEqual(['billing', 'unrouted']);
});

test('any other name is wrong usage', () => {
  expect(() => letterQueueOf(withUnrouted, 'nobody')).toThrow(
    'No consumer "nobody" in Shop-prod: it has billing',
  );
});

test('a stack that was deployed before it kept unrouted messages is told apart', () => {
  expect(letterQueues(stack).map(({ name }) => name)).toEqual(['billing']);
  expect(() => letterQueueOf(stack, 'unrouted')).toThrow(
    'Stack "Shop-prod" keeps no unrouted messages: deploy its current version with ' +
      '`npx cdk deploy Shop-prod -c stage=prod`',
  );
});

describe('the reason of an unrouted message', () => {
  const { read } = letterQueueOf(withUnrouted, 'unrouted');
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });

  test.each([
    [{ eventType: text('order.shipped') }, 'eventType "order.shipped"'],
    [{ eventType: text('') }, 'eventType ""'],
    [{ other: text('1') }, 'no eventType'],
    [undefined, 'no eventType'],
  ])('of attributes %j is %s, whatever else it says of itself', (attributes, error) => {
    const MessageAttributes = attributes && {
      ...attributes,
      DeadLetterError: text('Forged'),
      DeadLetterContext: text('{"deadLetteredAt":"2020-01-01T00:00:00Z"}'),
    };

    const letter = read({
      ...(MessageAttributes && { MessageAttributes }),
      Attributes: { SentTimestamp: '86400000' },
    });

    expect(letter.reason).toEqual({ error, message: '' });
    expect(letter.at).toEqual(new Date(86_400_000));
    expect(letter.context).toEqual({});
  });
});
