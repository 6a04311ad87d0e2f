import { describe, expect, test } from '@jest/globals';
import { deploymentSequence } from '../../../src/template/deployment-sequence.ts';
import { TemplateValues } from '../../../src/template/intrinsic-functions.ts';

const values = new TemplateValues({ 'AWS::Region': 'us-east-1' });
values.created.set('Queue', {
  ref: 'http://queue',
  attributes: { Arn: 'arn:queue', 'Nested.Name': 'deep' },
});

describe('intrinsic functions', () => {
  test.each([
    [{ Ref: 'Queue' }, 'http://queue'],
    [{ Ref: 'AWS::Region' }, 'us-east-1'],
    [{ 'Fn::GetAtt': ['Queue', 'Arn'] }, 'arn:queue'],
    [{ 'Fn::GetAtt': 'Queue.Nested.Name' }, 'deep'],
    [{ 'Fn::Join': ['-', ['a', { Ref: 'Queue' }]] }, 'a-http://queue'],
    [{ 'Fn::Sub': 'in ${AWS::Region}: ${Queue.Arn}' }, 'in us-east-1: arn:queue'],
    [{ 'Fn::Select': [1, { 'Fn::Split': [':', { 'Fn::GetAtt': ['Queue', 'Arn'] }] }] }, 'queue'],
    [
      { Ref: 'Queue', Other: 1 },
      { Ref: 'Queue', Other: 1 },
    ],
  ])('%j is %j', (expression, result) => {
    expect(values.resolve(expression)).toEqual(result);
  });

  test.each([
    [{ Ref: 'Nothing' }, 'Ref to Nothing'],
    [{ 'Fn::GetAtt': ['Queue', 'Colour'] }, 'Fn::GetAtt of Queue.Colour'],
    [{ 'Fn::If': ['IsUs', 'yes', 'no'] }, 'does not know the intrinsic function Fn::If'],
    [{ 'Fn::Sub': ['${x}', { x: 'y' }] }, 'does not know variables of Fn::Sub'],
  ])('%j is refused by name', (expression, message) => {
    expect(() => values.resolve(expression)).toThrow(message);
  });
});

describe('the sequence of deployment', () => {
  test('puts a resource after what it refers to, by any function, and after what it depends on', () => {
    const sequence = deploymentSequence({
      A: { Type: 't', Properties: { x: { 'Fn::Join': ['', ['a', { Ref: 'B' }]] } } },
      B: { Type: 't', Properties: { x: { 'Fn::GetAtt': ['C', 'Arn'] } } },
      C: { Type: 't', Properties: { x: { 'Fn::Sub': '${AWS::Region} ${D.Arn}' } } },
      D: { Type: 't', DependsOn: ['E'] },
      E: { Type: 't', DependsOn: 'F' },
      F: { Type: 't' },
    });

    expect(sequence).toEqual(['F', 'E', 'D', 'C', 'B', 'A']);
  });

  test('refuses a circle and names it', () => {
    expect(() =>
      deploymentSequence({
        A: { Type: 't', Properties: { Ref: 'B' } },
        B: { Type: 't', DependsOn: 'A' },
      }),
    ).toThrow('circular dependency: A → B → A');
  });
});
