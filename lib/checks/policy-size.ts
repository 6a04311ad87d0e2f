/** Whether IAM takes a managed policy for its length. */
import { CfnResource, Stack } from 'aws-cdk-lib';
import type { CfnManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { invalid } from '../settings/validation.ts';
import { ownerOf, resolve } from './references.ts';

const IAM_QUOTAS = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html';
/** Characters, without blanks. */
const MOST = 6_144;
/** What stands before the name in an ARN, in the partition and the region that make it longest. */
const BEFORE_NAME = 'arn:aws-us-gov:dynamodb:us-gov-west-1:111122223333:table/'.length;
const BEFORE_QUEUE_NAME = 'arn:aws-us-gov:sqs:us-gov-west-1:111122223333:'.length;
/** What CloudFormation puts behind a logical ID. */
const AFTER_ID = '-0123456789AB'.length;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html */
const LONGEST_NAME = 80;
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
  if (length <= MOST) return;
  throw invalid(
    ownerOf(policy),
    `the policy may take ${length} characters, but IAM takes ${MOST}: part it, or set operations.policy to false`,
    IAM_QUOTAS,
  );
}

/** A value with as many characters as it may have in place of each reference. */
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
  // A parameter such as AWS::Region takes about as much as what it stands for.
  return logicalId.startsWith('AWS::') ? logicalId : 'x'.repeat(lengthOf(logicalId));
}

/** What a reference to a resource of a type can come to: a mapping's is its UUID, others' an ARN. */
function longest(name: string, type: string | undefined): number {
  if (type === 'AWS::Lambda::EventSourceMapping') return UUID;
  const before = type === 'AWS::SQS::Queue' ? BEFORE_QUEUE_NAME : BEFORE_NAME;
  return before + Math.min(name.length + AFTER_ID, LONGEST_NAME);
}
