import { expect, test } from '@jest/globals';
import { type Attributes, originalAttributes, toRequest } from '../../../contract/dead-letter.ts';

const text = (stringValue: string) => ({ dataType: 'String' as const, stringValue });
const binary = { dataType: 'Binary' as const, binaryValue: Buffer.from([0, 255]).toString('base64') };
const withContext = (stringValue: string): Attributes => ({
  kept: text('yes'),
  DeadLetterError: text('NotJson'),
  DeadLetterMessage: text('no'),
  DeadLetterContext: text(stringValue),
});

test('a message gets back what its reason displaced, text and binary, and loses the reason', () => {
  const displaced = { words: text('late'), bytes: binary };

  expect(originalAttributes(withContext(JSON.stringify({ displaced })))).toEqual({
    kept: text('yes'),
    ...displaced,
  });
});

test.each([
  ['no JSON', 'x'],
  ['null', 'null'],
  ['nothing displaced', '{}'],
  ['null displaced', '{"displaced":null}'],
  ['text displaced', '{"displaced":"abc"}'],
  ['what is no attribute', '{"displaced":{"a":{"dataType":"String"},"b":{"stringValue":"x"},"c":7}}'],
  ['null for an attribute', '{"displaced":{"a":null}}'],
])('a context that somebody else wrote gives nothing back: %s', (_, context) => {
  expect(originalAttributes(withContext(context))).toEqual({ kept: text('yes') });
});

test('a message without attributes has none', () => {
  expect(originalAttributes({})).toEqual({});
});

test('attributes are sent as they were received, binary ones as bytes', () => {
  expect(toRequest({ words: text(''), bytes: binary })).toEqual({
    words: { DataType: 'String', StringValue: '' },
    bytes: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255]) },
  });
});
