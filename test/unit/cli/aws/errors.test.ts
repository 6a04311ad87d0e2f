import { describe, expect, test } from '@jest/globals';
import { explain, isTransient } from '../../../../cli/aws/errors.ts';
import { CommandError } from '../../../../cli/terminal/command-error.ts';

const error = (name: string, message: string, more: object = { $metadata: { httpStatusCode: 400 } }) =>
  Object.assign(new Error(message), { name }, more);

describe('an expected fault is told in one line that says what to do', () => {
  test.each([
    [new CommandError('as it is'), 'as it is'],
    [error('Error', 'Region is missing', {}), 'No AWS region: give --region, set AWS_REGION'],
    [
      error('ExpiredToken', 'The security token included in the request is expired'),
      'The AWS credentials have expired: renew',
    ],
    [error('ExpiredTokenException', ''), 'The AWS credentials have expired'],
    [
      error('CredentialsProviderError', 'The SSO session associated with this profile has expired.', {}),
      'The AWS credentials have expired',
    ],
    [
      error('CredentialsProviderError', 'The SSO session token is invalid. Run aws sso login', {}),
      'The AWS single sign-on session is not valid: renew',
    ],
    [
      error('CredentialsProviderError', 'Could not load credentials from any providers', {}),
      'No AWS credentials: run `aws configure`',
    ],
    [
      error(
        'CredentialsProviderError',
        'Could not resolve credentials using profile: [nope] in configuration',
        {},
      ),
      'No AWS credentials in the profile "nope"',
    ],
    [
      error('InvalidClientTokenId', 'The security token included in the request is invalid'),
      'AWS does not accept these credentials (InvalidClientTokenId)',
    ],
    [error('UnrecognizedClientException', ''), 'AWS does not accept these credentials'],
    [
      error(
        'AccessDenied',
        'User: arn:aws:iam::1:user/me is not authorized to perform: cloudformation:DescribeStacks on resource: arn:x because no policy allows it',
      ),
      'Access denied: these credentials lack the IAM action cloudformation:DescribeStacks on arn:x',
    ],
    [
      error('AccessDeniedException', 'no'),
      'Access denied: these credentials lack the IAM action sqs:ReceiveMessage',
    ],
    [
      error('ThrottlingException', 'Rate exceeded'),
      'AWS throttles sqs:ReceiveMessage (ThrottlingException): try again later',
    ],
    [
      error('Error', 'connect', { code: 'ECONNREFUSED', address: '127.0.0.1', port: 1 }),
      'Cannot reach 127.0.0.1:1 (ECONNREFUSED)',
    ],
    [
      error('Error', 'getaddrinfo', { code: 'ENOTFOUND', hostname: 'sns.nowhere' }),
      'Cannot reach sns.nowhere (ENOTFOUND)',
    ],
    [
      error('Error', 'wrapped', { cause: error('Error', '', { code: 'ECONNRESET' }) }),
      'Cannot reach AWS (ECONNRESET)',
    ],
    [
      error('InvalidParameterException', 'several\n  lines'),
      'sqs:ReceiveMessage: InvalidParameterException: several lines',
    ],
  ])('%s', (fault, expected) => {
    const line = explain(fault, 'sqs:ReceiveMessage');

    expect(line?.startsWith(expected)).toBe(true);
    expect(line).not.toContain('\n');
  });
});

test.each([new TypeError('x is not a function'), error('Error', 'other', {}), 'text', undefined])(
  'an unexpected error (%s) is not explained away',
  (unexpected) => {
    expect(explain(unexpected)).toBeUndefined();
  },
);

test.each([
  [error('Throttling', '', { $metadata: { httpStatusCode: 400 } }), true],
  [error('TooMany', '', { $metadata: { httpStatusCode: 429 } }), true],
  [error('Odd', '', { $retryable: { throttling: true } }), true],
  [error('InternalFailure', '', { $fault: 'server' }), true],
  [error('Odd', '', { $metadata: { httpStatusCode: 503 } }), true],
  [error('TimeoutError', '', {}), true],
  [error('InvalidParameter', '', { $fault: 'client', $metadata: { httpStatusCode: 400 } }), false],
  [new TypeError('bug'), false],
  ['text', false],
])('whether %s may pass: %s', (fault, expected) => {
  expect(isTransient(fault)).toBe(expected);
});
