/** Whether a managed policy is short enough for IAM. */
import { CfnResource, Stack } from 'aws-cdk-lib';
import type { CfnManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { invalid } from '../settings/validation.ts';
import { ownerOf, resolve } from './references.ts';

const IAM_QUOTAS = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html';
/** Characters, without white space. */
const MAX_LENGTH = 6_144;
/** The longest prefix of an ARN. */
const BEFORE_NAME = 'arn:aws-us-gov:dynamodb:us-gov-west-1:111122223333:table/'.length;
const BEFORE_QUEUE_NAME = 'arn:aws-us-gov:sqs:us-gov-west-1:111122223333:'.length;
/** What CloudFormation appends to a logical ID. */
const AFTER_ID = '-0123456789AB'.length;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html */
const LONGEST_NAME = 80;
/** The longest value of each parameter that CloudFormation sets. */
const PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws-us-gov',
  'AWS::Region': 'ap-southeast-1',
  'AWS::AccountId': '111122223333',
};
const UUID = '01234567-89ab-cdef-0123-456789abcdef'.length;

/** @throws ConfigError for a policy that may be too long once its references are names */
export function checkPolicySize(policy: CfnManagedPolicy): void {
  const stack = Stack.of(policy);
  const types = new Map(
    stack.node
      .findAll()
      .filter((each) => CfnResource.isCfnResource(each))
      .map((each) => [String(resolve(policy, each.logicalId)), each.cfnResourceType]),
  );
  const lengthOf = (logicalId: string) => longest(`${stack.stackName}-${logicalId}`, types.get(logicalId));
  const length = JSON.stringify(named(resolve(policy, policy.policyDocument), lengthOf)).length;
  if (length <= MAX_LENGTH) return;
  throw invalid(
    ownerOf(policy),
    `the policy may take ${length} characters, but IAM takes ${MAX_LENGTH}: part it, or set operations.policy to false`,
    IAM_QUOTAS,
  );
}

/** A value with each reference replaced by as many characters as it may have. */
function named(value: unknown, lengthOf: (logicalId: string) => number): unknown {
  if (Array.isArray(value)) return value.map((each) => named(each, lengthOf));
  if (typeof value !== 'object' || value === null) return value;
  if ('Fn::Join' in value) {
    const [separator, parts] = value['Fn::Join'] as [string, unknown[]];
    return parts.map((part) => named(part, lengthOf)).join(separator);
  }
  if ('Ref' in value) return inPlaceOf(String(value.Ref), lengthOf);
  if ('Fn::GetAtt' in value) return inPlaceOf((value['Fn::GetAtt'] as [string])[0], lengthOf);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, named(inner, lengthOf)]));
}

function inPlaceOf(logicalId: string, lengthOf: (logicalId: string) => number): string {
  if (logicalId.startsWith('AWS::')) return PSEUDO_PARAMETERS[logicalId] ?? logicalId;
  return 'x'.repeat(lengthOf(logicalId));
}

/** The longest value of a reference: a mapping's UUID, otherwise an ARN. */
function longest(name: string, type: string | undefined): number {
  if (type === 'AWS::Lambda::EventSourceMapping') return UUID;
  const before = type === 'AWS::SQS::Queue' ? BEFORE_QUEUE_NAME : BEFORE_NAME;
  return before + Math.min(name.length + AFTER_ID, LONGEST_NAME);
}
