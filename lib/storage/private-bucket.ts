import { Duration, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type IBucket,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledge, wildcardFinding } from '../checks/acknowledge.ts';

export interface PrivateBucketProps {
  /** What the keys of its objects begin with, as policies name them. */
  readonly prefixes: readonly string[];
  /** Keep overwritten and deleted objects as noncurrent versions. */
  readonly versioned: boolean;
  /** Besides the one that removes what is left of uploads that never ended. */
  readonly lifecycleRules: readonly LifecycleRule[];
  readonly removalPolicy: RemovalPolicy;
  /**
   * Key that encrypts the objects.
   * @default - keys of S3
   */
  readonly encryptionKey?: IKey | undefined;
}

/** A bucket over TLS only, without public access, where policies name prefixes at most. */
export function privateBucket(scope: Construct, id: string, props: PrivateBucketProps): IBucket {
  const { prefixes, versioned, lifecycleRules, removalPolicy, encryptionKey } = props;
  const bucket = new Bucket(scope, id, {
    // With a bucket key, or each object would be a call to KMS:
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
    ...(encryptionKey
      ? { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }
      : { encryption: BucketEncryption.S3_MANAGED }),
    enforceSSL: true,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    versioned,
    lifecycleRules: [
      ...lifecycleRules,
      { id: 'Uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
    ],
    removalPolicy,
  });
  // CDK declares `isWebsite` as `boolean | undefined` in one and as `?: boolean` in the other: not the same under
  // exactOptionalPropertyTypes.
  acknowledgeFindings(bucket as IBucket, prefixes);
  return bucket as IBucket;
}

function acknowledgeFindings(bucket: IBucket, prefixes: readonly string[]): void {
  const noAccessLog =
    'Server access logs come late and incomplete, into one more bucket to keep. To know each reader, record the data events of S3 in ' +
    "the account's CloudTrail.";
  acknowledge(bucket, {
    'AwsSolutions-S1': noAccessLog,
    'NIST.800.53.R5-S3BucketLoggingEnabled': noAccessLog,
    'NIST.800.53.R5-S3BucketReplicationEnabled':
      'S3 keeps each object in three zones. A copy in another region is only useful with the topic there as well.',
  });
  // In the policies of the function and of operators.
  for (const prefix of prefixes) {
    acknowledge(Stack.of(bucket), {
      [wildcardFinding(bucket, bucket.arnForObjects(`${prefix}*`))]:
        'Objects are named by what they hold, which nobody knows before.',
    });
  }
}
