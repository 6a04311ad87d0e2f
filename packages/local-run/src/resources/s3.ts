import { createHash } from 'node:crypto';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { REGION } from '../client/account.ts';
import type { Create, Deployment, Properties } from './deployment.ts';
import { checkPolicy } from './iam.ts';
import { keyOf } from './kms.ts';

/** What does nothing to the objects that a run writes and reads, beside the name. Any other property would be missed. */
const KNOWN = [
  'BucketName',
  'BucketEncryption',
  'LifecycleConfiguration',
  'OwnershipControls',
  'PublicAccessBlockConfiguration',
  'Tags',
  'VersioningConfiguration',
];

export const createBucket: Create = async (logicalId, properties, deployment) => {
  const unknown = Object.keys(properties).filter((name) => !KNOWN.includes(name));
  if (unknown.length > 0) {
    throw new Error(`${logicalId}: the local run does not know ${unknown.join(', ')}`);
  }
  const Bucket = properties.BucketName ?? bucketName(deployment.name, logicalId);
  // One that is there already stays as it is.
  await deployment.s3.send(new CreateBucketCommand({ Bucket })).catch((error: Error) => {
    throw new Error(`${logicalId}: ${error.message}`);
  });
  const Arn = `arn:aws:s3:::${Bucket}`;
  deployment.buckets[Arn] = { key: bucketKey(properties, deployment) };
  return {
    ref: Bucket,
    attributes: {
      Arn,
      DomainName: `${Bucket}.s3.amazonaws.com`,
      RegionalDomainName: `${Bucket}.s3.${REGION}.amazonaws.com`,
    },
  };
};

export const createBucketPolicy: Create = async (logicalId, properties, { buckets }) => {
  const policy = JSON.stringify(checkPolicy(logicalId, properties.PolicyDocument, 'resource'));
  const settings = buckets[`arn:aws:s3:::${properties.Bucket}`];
  if (!settings) throw new Error(`${logicalId}: no bucket ${properties.Bucket} in this stack`);
  settings.policy = policy;
  return { ref: logicalId, attributes: {} };
};

/**
 * A legal name that is the same at every run. It tells stacks and logical IDs apart that differ in what is cut off or in capitals
 * alone.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
function bucketName(stackName: string, logicalId: string): string {
  const full = `${stackName}-${logicalId}`;
  const hash = createHash('sha256').update(full).digest('hex').slice(0, 12);
  return `${full.toLowerCase().slice(0, 50)}-${hash}`;
}

/** ARN of the key that encrypts what is put into the bucket; empty where S3's own does. */
function bucketKey({ BucketEncryption }: Properties, deployment: Deployment): string {
  const [rule] = BucketEncryption?.ServerSideEncryptionConfiguration ?? [];
  const KmsMasterKeyId = rule?.ServerSideEncryptionByDefault?.KMSMasterKeyID;
  return keyOf({ KmsMasterKeyId }, deployment);
}
