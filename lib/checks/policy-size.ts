/** Whether IAM takes a managed policy for its length. */
import type { CfnManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { ownerOf, resolve } from './references.ts';
import { refuse } from './settings.ts';

const IAM_QUOTAS = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html';
/** Characters, without blanks. */
const MOST = 6_144;
/** What a name may take at most, with what stands around it in an ARN: those of queues and log groups are the longest. */
const LONGEST_ARN = 120;
const LONGEST_REGION = 14;

/** @throws ConfigError for a policy that may be too long once its references are names */
export function checkPolicySize(policy: CfnManagedPolicy): void {
  const length = JSON.stringify(named(resolve(policy, policy.policyDocument))).length;
  if (length <= MOST) return;
  refuse(
    ownerOf(policy),
    `the policy may take ${length} characters, but IAM takes ${MOST}: part it, or set operations.policy to false`,
    IAM_QUOTAS,
  );
}

/** A value with a name as long as it may be in place of each reference. */
function named(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(named);
  if (typeof value !== 'object' || value === null) return value;
  if ('Fn::Join' in value) {
    const [separator, parts] = value['Fn::Join'] as [string, unknown[]];
    return parts.map(named).join(separator);
  }
  if ('Ref' in value) return 'x'.repeat(/^AWS::/.test(String(value.Ref)) ? LONGEST_REGION : LONGEST_ARN);
  if ('Fn::GetAtt' in value) return 'x'.repeat(LONGEST_ARN);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, named(inner)]));
}
