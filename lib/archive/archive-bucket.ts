import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type IBucket,
  type LifecycleRule,
  ObjectOwnership,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { ARCHIVE_PREFIX } from '../../contract/archive.ts';
import { acknowledge, wildcardFinding } from '../checks/acknowledge.ts';
import { invalid } from '../settings/validation.ts';

export interface ArchiveBucketProps {
  /** When objects of 128 KB and more move to Glacier Instant Retrieval, which reads as fast and costs a sixth to keep. */
  readonly coldAfter: Duration;
  /** When objects are deleted: as noncurrent versions they stay for 30 more days. */
  readonly deleteAfter: Duration;
  /**
   * Key that encrypts the objects.
   * @default - keys of S3
   */
  readonly encryptionKey?: IKey | undefined;
}

/** How long overwritten and deleted objects are kept, and the results of queries. */
const LEFTOVERS_KEPT = Duration.days(30);
/** Where Athena writes the results of queries. */
export const QUERY_RESULTS_PREFIX = 'query-results/';

/**
 * The bucket of the archive: over TLS only, without public access, and versioned, so that a mistake loses nothing at once. It stays
 * when the stack is deleted, whatever the stage: CloudFormation cannot delete a bucket that is not empty.
 */
export class ArchiveBucket extends Construct {
  readonly bucket: IBucket;

  constructor(scope: Construct, id: string, { coldAfter, deleteAfter, encryptionKey }: ArchiveBucketProps) {
    super(scope, id);
    if (coldAfter.toDays() >= deleteAfter.toDays()) {
      throw invalid(
        this,
        `objects move to colder storage after ${coldAfter.toDays()} days, but are deleted after ${deleteAfter.toDays()}: ` +
          'delete them later',
      );
    }
    const bucket = new Bucket(this, 'Bucket', {
      // With a bucket key, or each object would be a call to KMS:
      // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
      ...(encryptionKey
        ? { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }
        : { encryption: BucketEncryption.S3_MANAGED }),
      enforceSSL: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: true,
      lifecycleRules: lifecycle(coldAfter, deleteAfter),
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    // CDK declares `isWebsite` as `boolean | undefined` in one and as `?: boolean` in the other: not the same under
    // exactOptionalPropertyTypes.
    this.bucket = bucket as IBucket;
    this.acknowledgeFindings();
  }

  private acknowledgeFindings(): void {
    const noAccessLog =
      'Server access logs come late and incomplete, into one more bucket to keep. To know each reader, record the data events of S3 in ' +
      "the account's CloudTrail.";
    acknowledge(this.bucket, {
      'AwsSolutions-S1': noAccessLog,
      'NIST.800.53.R5-S3BucketLoggingEnabled': noAccessLog,
      'NIST.800.53.R5-S3BucketReplicationEnabled':
        'S3 keeps each object in three zones. A copy in another region is only useful with the topic there as well.',
    });
    // In the policies of the function, which writes them, and of operators, who read them.
    acknowledge(Stack.of(this), {
      [wildcardFinding(this, this.bucket.arnForObjects(`${ARCHIVE_PREFIX}*`))]:
        'Objects are named by what they hold, which nobody knows before.',
    });
  }
}

function lifecycle(coldAfter: Duration, deleteAfter: Duration): LifecycleRule[] {
  return [
    {
      id: 'Orders',
      prefix: ARCHIVE_PREFIX,
      transitions: [{ storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL, transitionAfter: coldAfter }],
      expiration: deleteAfter,
      noncurrentVersionExpiration: LEFTOVERS_KEPT,
    },
    {
      id: 'QueryResults',
      prefix: QUERY_RESULTS_PREFIX,
      expiration: LEFTOVERS_KEPT,
      noncurrentVersionExpiration: Duration.days(1),
    },
    { id: 'Uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
  ];
}
