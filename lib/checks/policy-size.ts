/** Whether IAM takes a managed policy for its length. */
import { Stack } from 'aws-cdk-lib';
import type { CfnManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { ownerOf, resolve } from './references.ts';
import { refuse } from './settings.ts';

const IAM_QUOTAS = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html';
/** Characters, without blanks. */
const MOST = 6_144;
/** What stands before the name in an ARN, in the region with the longest name, and what CloudFormation puts behind a logical ID. */
const BEFORE_NAME = 'arn:aws-us-gov:dynamodb:ap-southeast-2:111122223333:table/'.length;
const AFTER_ID = '-0123456789AB'.length;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html */
const LONGEST_NAME = 80;

/** @throws ConfigError for a policy that may be too long once its references are names */
export function checkPolicySize(policy: CfnManagedPolicy): void {
  const { stackName } = Stack.of(policy);
  const length = JSON.stringify(named(resolve(policy, policy.policyDocument), stackName)).length;
  if (length <= MOST) return;
  refuse(
    ownerOf(policy),
    `the policy may take ${length} characters, but IAM takes ${MOST}: part it, or set operations.policy to false`,
    IAM_QUOTAS,
  );
}

/** A value with an ARN as long as it may be in place of each reference. */
function named(value: unknown, stackName: string): unknown {
  if (Array.isArray(value)) return value.map((each) => named(each, stackName));
  if (typeof value !== 'object' || value === null) return value;
  if ('Fn::Join' in value) {
    const [separator, parts] = value['Fn::Join'] as [string, unknown[]];
    return parts.map((part) => named(part, stackName)).join(separator);
  }
  if ('Ref' in value) return arnOf(String(value.Ref), stackName);
  if ('Fn::GetAtt' in value) return arnOf((value['Fn::GetAtt'] as [string])[0], stackName);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, named(inner, stackName)]));
}

function arnOf(logicalId: string, stackName: string): string {
  // A parameter such as AWS::Region takes about as much as what it stands for.
  if (logicalId.startsWith('AWS::')) return logicalId;
  const name = `${stackName}-${logicalId}`.length + AFTER_ID;
  return 'x'.repeat(BEFORE_NAME + Math.min(name, LONGEST_NAME));
}
