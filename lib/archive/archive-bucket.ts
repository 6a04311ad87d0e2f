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
  /** After how long objects of 128 KB and more go to Glacier Instant Retrieval, which reads as fast and costs a sixth to keep. */
  readonly coldAfter: Duration;
  /** After how long objects are deleted: as versions that are not current they stay for 30 days more. */
  readonly deleteAfter: Duration;
  /**
   * Key that encrypts the objects.
   * @default - keys of S3
   */
  readonly encryptionKey?: IKey | undefined;
}

/** What is kept of an object that was overwritten or deleted, and of what a query found. */
const LEFTOVERS_KEPT = Duration.days(30);
/** Where Athena leaves what queries found. */
export const QUERY_RESULTS_PREFIX = 'query-results/';

/**
 * The bucket of the archive: over TLS only, without public access, and with all versions of an object, so that nothing is lost by
 * a mistake at once. It stays when the stack is deleted, whatever the stage: CloudFormation deletes no bucket that holds something.
 */
export class ArchiveBucket extends Construct {
  readonly bucket: IBucket;

  constructor(scope: Construct, id: string, { coldAfter, deleteAfter, encryptionKey }: ArchiveBucketProps) {
    super(scope, id);
    if (coldAfter.toDays() >= deleteAfter.toDays()) {
      throw invalid(
        this,
        `objects are to go to colder storage after ${coldAfter.toDays()} days, but are deleted after ${deleteAfter.toDays()}: ` +
          'delete them later',
      );
    }
    const bucket = new Bucket(this, 'Bucket', {
      // A key of the bucket's own stands between KMS and the objects, or each would be a call:
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
    // Of `isWebsite` CDK says `boolean | undefined` in one and `?: boolean` in the other, which exactOptionalPropertyTypes tells apart.
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
    // Of the function that writes them, and of operators, who read them.
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
