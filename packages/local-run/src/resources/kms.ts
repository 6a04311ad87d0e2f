import { ACCOUNT, REGION } from '../client/account.ts';
import type { Create, Deployment, Properties } from './deployment.ts';
import { checkPolicy } from './iam.ts';

/** Encrypts nothing here, but its policy says who may use what it would encrypt. */
export const createKey: Create = async (logicalId, properties, deployment) => {
  const Arn = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${logicalId}`;
  deployment.keyPolicies[Arn] = checkPolicy(logicalId, properties.KeyPolicy, 'resource');
  return { ref: logicalId, attributes: { Arn, KeyId: logicalId } };
};

/** ARN of the key that encrypts a queue, topic or bucket, which may be named by its ID; empty without one. */
export function keyOf({ KmsMasterKeyId = '' }: Properties, { keyPolicies }: Deployment): string {
  return Object.keys(keyPolicies).find((arn) => arn.endsWith(`:key/${KmsMasterKeyId}`)) ?? KmsMasterKeyId;
}
