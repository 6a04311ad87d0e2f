import { describe, expect, test } from '@jest/globals';
import { deploymentSequence } from '../../../src/template/deployment-sequence.ts';
import { TemplateValues } from '../../../src/template/intrinsic-functions.ts';

const template = {
  Resources: {},
  Parameters: { Size: { Default: 'small' } },
  Conditions: {
    IsUs: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'us-east-1'] },
    IsNotUs: { 'Fn::Not': [{ Condition: 'IsUs' }] },
    Either: { 'Fn::Or': [{ Condition: 'IsNotUs' }, { Condition: 'IsUs' }] },
    Both: { 'Fn::And': [{ Condition: 'IsNotUs' }, { Condition: 'IsUs' }] },
  },
};
const values = new TemplateValues(template, { 'AWS::Region': 'us-east-1' });
values.created.set('Queue', {
  ref: 'http://queue',
  attributes: { Arn: 'arn:queue', 'Nested.Name': 'deep' },
});

describe('intrinsic functions', () => {
  test.each([
    [{ Ref: 'Queue' }, 'http://queue'],
    [{ Ref: 'Size' }, 'small'],
    [{ Ref: 'AWS::Region' }, 'us-east-1'],
    [{ 'Fn::GetAtt': ['Queue', 'Arn'] }, 'arn:queue'],
    [{ 'Fn::GetAtt': 'Queue.Nested.Name' }, 'deep'],
    [{ 'Fn::Join': ['-', ['a', { Ref: 'Size' }]] }, 'a-small'],
    [{ 'Fn::Sub': 'in ${AWS::Region}: ${Queue.Arn}, ${!literal}' }, 'in us-east-1: arn:queue, ${literal}'],
    [{ 'Fn::Sub': ['${x}/${Queue}', { x: { Ref: 'Size' } }] }, 'small/http://queue'],
    [{ 'Fn::Select': [1, { 'Fn::Split': [':', { 'Fn::GetAtt': ['Queue', 'Arn'] }] }] }, 'queue'],
    [{ 'Fn::If': ['IsUs', 'yes', 'no'] }, 'yes'],
    [{ 'Fn::If': ['IsNotUs', 'yes', { Ref: 'Size' }] }, 'small'],
    [{ kept: 1, gone: { Ref: 'AWS::NoValue' } }, { kept: 1 }],
    [
      [1, { Ref: 'AWS::NoValue' }, 2],
      [1, 2],
    ],
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
    [{ 'Fn::Transform': {} }, 'does not know the intrinsic function Fn::Transform'],
  ])('%j is refused by name', (expression, message) => {
    expect(() => values.resolve(expression)).toThrow(message);
  });

  test('conditions hold as CloudFormation evaluates them', () => {
    expect(['IsUs', 'IsNotUs', 'Either', 'Both'].map((name) => values.holds(name))).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(values.holds(undefined)).toBe(true);
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
