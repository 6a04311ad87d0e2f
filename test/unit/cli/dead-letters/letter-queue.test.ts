import { describe, expect, test } from '@jest/globals';
import { letterQueueOf, letterQueues } from '../../../../cli/dead-letters/letter-queue.ts';
import { consumerHandles, stackHandles } from '../../../fixtures/stack-handles.ts';

const stack = stackHandles({ name: 'Shop-prod', consumers: [consumerHandles('billing')] });

test('a name stands for a dead-letter queue or for the unrouted messages', () => {
  expect(letterQueueOf(stack, 'billing')).toMatchObject({ url: 'https://sqs/billing-dlq' });
  expect(letterQueueOf(stack, 'unrouted')).toMatchObject({ url: 'https://sqs/unrouted' });
  expect(letterQueues(stack).map(({ name }) => name)).toEqual(['billing', 'unrouted']);
});

test('any other name is wrong usage', () => {
  expect(() => letterQueueOf(stack, 'nobody')).toThrow('No consumer "nobody" in Shop-prod: it has billing');
});

describe('the reason of an unrouted message', () => {
  const { read } = letterQueueOf(stack, 'unrouted');
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
