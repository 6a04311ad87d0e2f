import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type IBucket, type LifecycleRule, StorageClass } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { archivePrefix } from '../../contract/archive.ts';
import { pascalCase } from '../../contract/names.ts';
import { invalid } from '../settings/validation.ts';
import { privateBucket } from '../storage/private-bucket.ts';

export interface ArchiveBucketProps {
  /** Name of the topic that it archives, in kebab-case. */
  readonly topic: string;
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

/** Their messages would expire as the results of queries do, or have two rules of one ID. */
const RESERVED_TOPICS = ['query-results', 'uploads'];

/**
 * The bucket of the archive: over TLS only, without public access, and versioned, so that a mistake loses nothing at once. It stays
 * when the stack is deleted, whatever the stage: CloudFormation cannot delete a bucket that is not empty.
 */
export class ArchiveBucket extends Construct {
  readonly bucket: IBucket;

  constructor(scope: Construct, id: string, props: ArchiveBucketProps) {
    super(scope, id);
    const { topic, coldAfter, deleteAfter, encryptionKey } = props;
    if (RESERVED_TOPICS.includes(topic)) {
      throw invalid(
        this,
        `a rule of the bucket is called ${topic}, as is the domain's topic: choose another name`,
      );
    }
    if (coldAfter.toDays() >= deleteAfter.toDays()) {
      throw invalid(
        this,
        `objects move to colder storage after ${coldAfter.toDays()} days, but are deleted after ${deleteAfter.toDays()}: ` +
          'delete them later',
      );
    }
    this.bucket = privateBucket(this, 'Bucket', {
      encryptionKey,
      prefixes: [archivePrefix(topic)],
      versioned: true,
      lifecycleRules: lifecycle(props),
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
  }
}

function lifecycle({ topic, coldAfter, deleteAfter }: ArchiveBucketProps): LifecycleRule[] {
  return [
    {
      id: pascalCase(topic),
      prefix: archivePrefix(topic),
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
  ];
}
