import { ACCOUNT } from '../client/account.ts';
import type { StackPolicies } from '../iam/access-control.ts';
import { compilePolicy } from '../iam/policy.ts';
import type { Json } from '../protocol/json.ts';
import { type Create, type Deployment, type Properties, physicalName, type Role } from './deployment.ts';
import { functionKeyId } from './lambda.ts';

/** The document, once it is sure that it can be evaluated. @throws Error naming the resource whose policy cannot */
export function checkPolicy(
  logicalId: string,
  document: Json,
  kind: Parameters<typeof compilePolicy>[1],
): object {
  try {
    compilePolicy(document, kind);
    return document;
  } catch (error) {
    throw new Error(`${logicalId}: ${(error as Error).message}`);
  }
}

export const createRole: Create = async (logicalId, properties, deployment) => {
  const name = physicalName(logicalId, properties.RoleName, deployment);
  const Arn = `arn:aws:iam::${ACCOUNT}:role${properties.Path ?? '/'}${name}`;
  deployment.roles.set(Arn, {
    name,
    policies: (properties.Policies ?? []).map(({ PolicyDocument }: Json) =>
      checkPolicy(logicalId, PolicyDocument, 'identity'),
    ),
    managedPolicyArns: properties.ManagedPolicyArns ?? [],
  });
  return { ref: name, attributes: { Arn, RoleId: logicalId } };
};

export const createPolicy: Create = async (logicalId, properties, deployment) => {
  const document = checkPolicy(logicalId, properties.PolicyDocument, 'identity');
  for (const role of rolesOf(logicalId, properties, deployment)) role.policies.push(document);
  return { ref: logicalId, attributes: { Id: logicalId } };
};

export const createManagedPolicy: Create = async (logicalId, properties, deployment) => {
  const name = physicalName(logicalId, properties.ManagedPolicyName, deployment);
  const arn = `arn:aws:iam::${ACCOUNT}:policy${properties.Path ?? '/'}${name}`;
  deployment.managedPolicies.set(arn, checkPolicy(logicalId, properties.PolicyDocument, 'identity'));
  for (const role of rolesOf(logicalId, properties, deployment)) role.managedPolicyArns.push(arn);
  return { ref: arn, attributes: { PolicyArn: arn } };
};

/** The roles that a policy says it belongs to. Users and groups of the template run nothing here. */
function rolesOf(logicalId: string, { Roles = [] }: Properties, { roles }: Deployment): Role[] {
  return Roles.map((name: string) => {
    const role = [...roles.values()].find((each) => each.name === name);
    if (!role) throw new Error(`${logicalId}: no role ${name} in this stack`);
    return role;
  });
}

/**
 * What each function may do by the policies of its role. The access key `policy:<name>` has nothing but that managed policy of
 * the template, to try what it allows.
 * @throws Error naming a managed policy that is not in the template
 */
export function policiesOf({
  callers,
  roles,
  managedPolicies,
  keyPolicies,
  buckets,
}: Deployment): StackPolicies {
  const holders = Array.from(managedPolicies, ([policyArn, document]) => {
    const name = policyArn.split('/').at(-1);
    const arn = `arn:aws:iam::${ACCOUNT}:user/${name}`;
    return { accessKeyId: `policy:${name}`, arn, roleArn: arn, policies: [document] };
  });
  const functions = callers.map(({ functionName, roleArn }) => {
    const { name = '', policies = [], managedPolicyArns = [] } = roles.get(roleArn) ?? {};
    const managed = managedPolicyArns.map((arn) => {
      const document = managedPolicies.get(arn);
      if (document) return document;
      throw new Error(
        `role ${name}: the managed policy ${arn} is not in this stack, so the local run does not know what it allows`,
      );
    });
    return {
      accessKeyId: functionKeyId(functionName),
      arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${name}/${functionName}`,
      roleArn,
      policies: [...policies, ...managed],
    };
  });
  return { keyPolicies, buckets, callers: [...functions, ...holders] };
}
