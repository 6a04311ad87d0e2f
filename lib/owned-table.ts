import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { upperSnakeCase } from '../contract/names.ts';
import type { Consumer } from './consumer.ts';

export interface OwnedTableProps {
  /** The only consumer that may write to the table. */
  readonly owner: Consumer;
  /** Kebab-case name: the owner's function finds the table `stock` in the environment variable STOCK_TABLE. */
  readonly name: string;
  /** Name of the partition key, a string. */
  readonly partitionKey: string;
  /** All that the owner may do, as IAM actions. */
  readonly actions: readonly string[];
  /** Protect the table from deletion, and keep it when the stack goes. */
  readonly keepData: boolean;
}

/**
 * An on-demand table with point-in-time recovery that belongs to one consumer.
 *
 * DynamoDB encrypts it with a key of its own, whatever the stage: what is gained by a customer's key is control over
 * readers of messages in transit, and here it would add a call to KMS, and its failures, to every write.
 */
export class OwnedTable extends Table {
  /** Name of the partition key. */
  readonly key: string;

  constructor(scope: Construct, id: string, props: OwnedTableProps) {
    super(scope, id, {
      partitionKey: { name: props.partitionKey, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: props.keepData,
      removalPolicy: props.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.key = props.partitionKey;
    props.owner.function.addEnvironment(`${upperSnakeCase(props.name)}_TABLE`, this.tableName);
    this.grant(props.owner.function, ...props.actions);

    Validations.of(this).acknowledge({
      id: 'NIST.800.53.R5-DynamoDBInBackupPlan',
      reason:
        'It can be restored to any second of the last 35 days, and is protected from deletion. How long copies are kept ' +
        'beyond that, and where, is for a backup plan of the account, which selects tables by tag.',
    });
  }
}
