import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compilePolicy, evaluate, type PolicyRequest } from '../../../src/iam/policy.ts';

const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:orders';
const TOPIC = 'arn:aws:sns:us-east-1:000000000000:orders';
const ROLE = 'arn:aws:iam::000000000000:role/worker';
const role = { arns: ['arn:aws:sts::000000000000:assumed-role/worker/fn', ROLE], account: '000000000000' };
const sns = { service: 'sns.amazonaws.com' };

const request = (over: Partial<PolicyRequest> = {}): PolicyRequest => ({
  principal: role,
  action: 'sqs:SendMessage',
  resource: QUEUE,
  context: {},
  ...over,
});
const allow = (over: object = {}) => ({
  Effect: 'Allow',
  Action: 'sqs:SendMessage',
  Resource: QUEUE,
  ...over,
});
const deny = (over: object = {}) => allow({ Effect: 'Deny', ...over });

const identity = (statements: unknown, over?: Partial<PolicyRequest>) =>
  evaluate([compilePolicy({ Statement: statements }, 'identity')], request(over));
const resource = (statements: unknown, over?: Partial<PolicyRequest>) =>
  evaluate([compilePolicy({ Statement: statements }, 'resource')], request(over));

describe('an identity policy', () => {
  test.each([
    ['allows what it names', allow(), 'allow'],
    ['says nothing of another action', allow({ Action: 'sqs:ReceiveMessage' }), 'silent'],
    ['says nothing of an action that only begins alike', allow({ Action: 'sqs:Send' }), 'silent'],
    ['says nothing of another resource', allow({ Resource: `${QUEUE}-dlq` }), 'silent'],
    [
      'may list actions and resources',
      allow({ Action: ['a:B', 'sqs:SendMessage'], Resource: [TOPIC, QUEUE] }),
      'allow',
    ],
    ['writes actions in any case', allow({ Action: 'SQS:sendmessage' }), 'allow'],
    [
      'writes resources in one case only',
      allow({ Resource: QUEUE.toUpperCase().replace('ARN', 'arn') }),
      'silent',
    ],
    ['allows all actions by *', allow({ Action: '*' }), 'allow'],
    ['allows all actions of a service by *', allow({ Action: 'sqs:*' }), 'allow'],
    ['allows actions by their beginning', allow({ Action: 'sqs:Send*' }), 'allow'],
    ['has ? stand for one character', allow({ Action: 'sqs:SendMessag?' }), 'allow'],
    ['has ? stand for no more than one', allow({ Action: 'sqs:Send?' }), 'silent'],
    ['has . stand for itself', allow({ Resource: QUEUE.replace('orders', 'order.') }), 'silent'],
    ['allows all resources by *', allow({ Resource: '*' }), 'allow'],
    ['has a wildcard stay within its part of an ARN', allow({ Resource: 'arn:aws:*:orders' }), 'silent'],
    ['completes an ARN that is cut short', allow({ Resource: 'arn:aws:sqs' }), 'allow'],
    ['denies, whatever is allowed before', [allow(), deny()], 'deny'],
    ['denies, whatever is allowed after', [deny(), allow()], 'deny'],
    ['denies by wildcard', [allow(), deny({ Action: 'sqs:*', Resource: '*' })], 'deny'],
    ['does not deny another resource', [allow(), deny({ Resource: TOPIC })], 'allow'],
  ])('%s', (_, statements, verdict) => {
    expect(identity(statements)).toBe(verdict);
  });

  test('an action without resources is allowed on * alone', () => {
    const list = { action: 'sqs:ListQueues', resource: '*' };

    expect(identity(allow({ Action: 'sqs:ListQueues', Resource: '*' }), list)).toBe('allow');
    expect(identity(allow({ Action: 'sqs:ListQueues' }), list)).toBe('silent');
  });

  test('colons in the last part of an ARN belong to it', () => {
    const alarm = { resource: 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:depth:high' };

    expect(identity(allow({ Resource: 'arn:aws:cloudwatch:*:*:alarm:*' }), alarm)).toBe('allow');
    expect(identity(allow({ Resource: 'arn:aws:cloudwatch:*:*:alarm:depth' }), alarm)).toBe('silent');
  });
});

describe('a policy of a resource', () => {
  test.each([
    ['everybody', '*', role, 'allow'],
    ['every AWS principal', { AWS: '*' }, role, 'allow'],
    ['the role', { AWS: ROLE }, role, 'allow'],
    ['one of several roles', { AWS: ['arn:aws:iam::000000000000:role/other', ROLE] }, role, 'allow'],
    ['another role', { AWS: 'arn:aws:iam::000000000000:role/other' }, role, 'silent'],
    ['the account', { AWS: 'arn:aws:iam::000000000000:root' }, role, 'delegate'],
    ['the account by its number', { AWS: '000000000000' }, role, 'delegate'],
    ['another account', { AWS: 'arn:aws:iam::111111111111:root' }, role, 'silent'],
    ['a service', { Service: 'sns.amazonaws.com' }, role, 'silent'],
    ['the service', { Service: 'sns.amazonaws.com' }, sns, 'allow'],
    ['another service', { Service: 'cloudwatch.amazonaws.com' }, sns, 'silent'],
    ['AWS principals, which a service is none of', { AWS: '*' }, sns, 'silent'],
  ])('that names %s', (_, Principal, principal, verdict) => {
    expect(resource(allow({ Principal }), { principal })).toBe(verdict);
  });

  test('an allow for the role outdoes leaving it to the account, in any order', () => {
    const statements = [
      allow({ Principal: { AWS: 'arn:aws:iam::000000000000:root' } }),
      allow({ Principal: { AWS: ROLE } }),
    ];

    expect(resource(statements)).toBe('allow');
    expect(resource(statements.toReversed())).toBe('allow');
  });

  test('a deny for the account holds for everybody in it', () => {
    expect(resource([allow({ Principal: '*' }), deny({ Principal: { AWS: '000000000000' } })])).toBe('deny');
  });
});

describe('a condition', () => {
  const context = {
    'aws:SourceArn': TOPIC,
    'aws:SourceAccount': '000000000000',
    'aws:SecureTransport': 'true',
  };

  test.each([
    ['StringEquals', { 'aws:SourceAccount': '000000000000' }, 'allow'],
    ['StringEquals', { 'aws:SourceAccount': ['1', '000000000000'] }, 'allow'],
    ['StringEquals', { 'aws:SourceAccount': '0000*' }, 'silent'],
    ['ArnEquals', { 'aws:SourceArn': TOPIC }, 'allow'],
    ['ArnEquals', { 'aws:SourceArn': `${TOPIC}-other` }, 'silent'],
    ['ArnLike', { 'aws:SourceArn': 'arn:aws:sns:us-east-1:000000000000:*' }, 'allow'],
    ['ArnLike', { 'aws:SourceArn': 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:*' }, 'silent'],
    ['ArnLike', { 'AWS:sourcearn': TOPIC }, 'allow'],
    ['Bool', { 'aws:SecureTransport': 'false' }, 'silent'],
    ['Bool', { 'aws:SecureTransport': true }, 'allow'],
    ['Bool', { 'aws:PrincipalIsAWSService': 'false' }, 'silent'],
    ['BoolIfExists', { 'aws:SecureTransport': 'false' }, 'silent'],
    ['BoolIfExists', { 'aws:SecureTransport': 'true' }, 'allow'],
    ['BoolIfExists', { 'aws:PrincipalIsAWSService': 'false' }, 'allow'],
    ['ArnEquals', { 'aws:SourceArn': TOPIC, 'aws:SourceAccount': 'arn:aws:x' }, 'silent'],
  ])('%s %j', (operator, expected, verdict) => {
    expect(identity(allow({ Condition: { [operator]: expected } }), { context })).toBe(verdict);
  });

  test('all operators have to hold', () => {
    const Condition = {
      StringEquals: { 'aws:SourceAccount': '000000000000' },
      ArnEquals: { 'aws:SourceArn': QUEUE },
    };

    expect(identity(allow({ Condition }), { context })).toBe('silent');
  });

  test('on a key that the request does not carry does not hold', () => {
    const Condition = { ArnLike: { 'aws:SourceArn': 'arn:aws:sns:*:*:*' } };

    expect(identity(allow({ Condition }))).toBe('silent');
  });

  test('that does not hold keeps a deny from denying', () => {
    const Condition = { Bool: { 'aws:SecureTransport': 'false' } };

    expect(identity([allow(), deny({ Condition })], { context })).toBe('allow');
  });
});

describe('what the evaluation does not know is an error that names it', () => {
  test.each([
    [{ NotAction: 'sqs:*' }, 'the statement element NotAction is not known here'],
    [{ NotResource: '*' }, 'the statement element NotResource is not known here'],
    [
      { Condition: { IpAddress: { 'aws:SourceIp': '::1' } } },
      'the condition operator IpAddress is not known here',
    ],
    [
      { Condition: { StringEqualsIfExists: { 'aws:SourceAccount': '0' } } },
      'the condition operator StringEqualsIfExists is not known here',
    ],
    [
      { Condition: { StringEquals: { 'aws:PrincipalTag/team': 'a' } } },
      'the condition key aws:PrincipalTag/team',
    ],
    [{ Resource: 'orders' }, '"orders" is neither an ARN nor *'],
    [{ Resource: 'arn:aws:sqs:*:*:${aws:username}' }, 'policy variables are not known here: ${aws:username}'],
  ])('%j', (over, message) => {
    expect(() => identity(allow(over))).toThrow(message);
  });

  test('also who a resource names', () => {
    expect(() => resource(allow({ Principal: { Federated: 'idp' } }))).toThrow(
      'the kind of principal Federated is not known here',
    );
  });
});

const name = fc.stringMatching(/^[A-Za-z0-9._$^+()-]{1,12}$/);
test('a name matches itself with anything in it replaced by *, and any character by ?', () => {
  fc.assert(
    fc.property(name, fc.nat(12), fc.nat(12), (text, from, length) => {
      const starred = `${text.slice(0, from)}*${text.slice(from + length)}`;
      const marked = text.slice(0, from) + (from < text.length ? '?' : '') + text.slice(from + 1);
      const asked = { resource: `arn:aws:sqs:us-east-1:000000000000:${text}` };
      for (const pattern of [starred, marked, text]) {
        const Resource = `arn:aws:sqs:us-east-1:000000000000:${pattern}`;

        expect(identity(allow({ Resource }), asked)).toBe('allow');
      }
    }),
  );
});
