/** Findings of the rule packs that stay, each acknowledged by the construct that causes it. */
import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

export const OWN_POLICY =
  'The policy is for this role alone and goes with it; a managed one could be attached to others.';

/**
 * Acknowledges findings in a construct and below it. A rule that the stage is not checked against does no harm.
 * @param reasons why each finding stays, by its ID
 */
export function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}

/** The ID of cdk-nag's finding that a policy allows something on an ARN with a wildcard. */
export function wildcardFinding(scope: IConstruct, arn: string): string {
  return `AwsSolutions-IAM5[Resource::${inFinding(Stack.of(scope).resolve(arn))}]`;
}

type Reference = { Ref: string } | { 'Fn::GetAtt': [string, string] };

/** An ARN as cdk-nag writes it: account and region may be known at synth, or parameters of the template. */
function inFinding(arn: string | { 'Fn::Join': [string, (string | Reference)[]] }): string {
  if (typeof arn === 'string') return arn;
  const [separator, parts] = arn['Fn::Join'];
  const name = (part: Reference) => ('Ref' in part ? part.Ref : part['Fn::GetAtt'].join('.'));
  return parts.map((part) => (typeof part === 'string' ? part : `<${name(part)}>`)).join(separator);
}
