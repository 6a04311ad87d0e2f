import { CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { pascalCase, upperSnakeCase } from '../../contract/names.ts';
import { bucketDescription, consumerOutputs, tableDescription } from '../../contract/stack-outputs.ts';
import type { Consumer } from '../consumer/consumer.ts';
import type { CompleteConsumer } from '../settings/consumers.ts';
import { OnDemandTable } from './on-demand-table.ts';
import { privateBucket } from './private-bucket.ts';

/** What the command line works on. */
export interface OperatedStorage {
  readonly tables: readonly OperatedTable[];
  readonly objects: readonly OperatedObjects[];
}

/** A table, and what the command line does to it, as IAM actions. */
export interface OperatedTable {
  readonly table: TableV2;
  readonly actions: readonly string[];
}

/** Objects that the command line reads. */
export interface OperatedObjects {
  readonly bucket: IBucket;
  /** What their keys begin with. */
  readonly prefix: string;
}

export interface ConsumerStorageProps {
  /** Keep tables and buckets when the stack is deleted, and older versions of objects. */
  readonly keepData: boolean;
  /**
   * Key that encrypts objects; it has to be the consumer's.
   * @default - keys of S3
   */
  readonly encryptionKey?: IKey | undefined;
}

/** What publish --wait and trace do. */
const READ_RECORDS = ['dynamodb:BatchGetItem'];
/** As long as DynamoDB can restore what a table held. */
const NONCURRENT_KEPT = Duration.days(35);

/** Makes the tables and buckets of a consumer, lets it use them, and tells the command line of those that it works on. */
export function addStorage(
  consumer: Consumer,
  { tables, buckets }: Pick<CompleteConsumer, 'tables' | 'buckets'>,
  { keepData, encryptionKey }: ConsumerStorageProps,
): OperatedStorage {
  const outputs = consumerOutputs(consumer.name);
  const output = (name: string, value: string, description: string) =>
    new CfnOutput(Stack.of(consumer), name, { value, description });
  return {
    tables: Object.entries(tables).map(([name, { holds, partitionKey, actions, operatorActions = [] }]) => {
      const table = new OnDemandTable(consumer, `${pascalCase(name)}Table`, { partitionKey, keepData });
      consumer.useTable(table, { variable: `${upperSnakeCase(name)}_TABLE`, actions });
      output(outputs.tableName(name), table.tableName, tableDescription({ holds, partitionKey }));
      return { table, actions: [...(holds === 'records' ? READ_RECORDS : []), ...operatorActions] };
    }),
    objects: Object.entries(buckets).flatMap(([name, { holds, reads, writes }]) => {
      const readable = reads === undefined ? [writes] : [reads, writes];
      const bucket = privateBucket(consumer, `${pascalCase(name)}Bucket`, {
        encryptionKey,
        prefixes: readable,
        // CloudFormation deletes a bucket only when it is empty, which takes one command where there are no versions.
        versioned: keepData,
        lifecycleRules: keepData ? [{ id: 'Versions', noncurrentVersionExpiration: NONCURRENT_KEPT }] : [],
        removalPolicy: keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      });
      consumer.useBucket(bucket, { variable: `${upperSnakeCase(name)}_BUCKET`, writes, reads: readable });
      const description = bucketDescription({ holds, prefix: writes });
      output(outputs.bucketName(name), bucket.bucketName, description);
      return holds === 'records' ? [{ bucket, prefix: writes }] : [];
    }),
  };
}
