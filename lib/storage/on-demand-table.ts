import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';

export interface OnDemandTableProps {
  /** Name of the partition key, a string. */
  readonly partitionKey: string;
  /** Protect the table from deletion, and keep it when the stack is deleted. */
  readonly keepData: boolean;
}

/**
 * An on-demand table with point-in-time recovery.
 *
 * DynamoDB encrypts it with a key of its own, whatever the stage: what is gained by a customer's key is control over
 * readers of messages in transit, and here it would add a call to KMS, and its failures, to every write.
 */
export class OnDemandTable extends TableV2 {
  constructor(scope: Construct, id: string, props: OnDemandTableProps) {
    super(scope, id, {
      partitionKey: { name: props.partitionKey, type: AttributeType.STRING },
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: props.keepData,
      removalPolicy: props.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }
}
