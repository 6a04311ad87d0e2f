import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { AttributeType, type ITable, StreamViewType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import {
  type Code,
  FilterCriteria,
  FilterRule,
  Function as LambdaFunction,
  Runtime,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { publisherParameters } from '../../contract/stack-outputs.ts';

export interface OutboxStackProps extends StackProps {
  /** Stack that the orders go to, in the same account: `OrderFanOut-prod`. */
  readonly orderStack: string;
  /** Whether its topic has a key, as that of prod does. */
  readonly encrypted: boolean;
  /** Bundle of outbox-handler.ts as `index`. */
  readonly code: Code;
}

/** The tables of a shop, and the function that publishes what is put into the outbox. */
export class OutboxStack extends Stack {
  constructor(scope: Construct, id: string, props: OutboxStackProps) {
    super(scope, id, props);

    const partitionKey = { name: 'orderId', type: AttributeType.STRING };
    const orders = new TableV2(this, 'Orders', { partitionKey });
    const outbox = new TableV2(this, 'Outbox', {
      partitionKey,
      dynamoStream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: 'expiresAt',
    });
    new CfnOutput(this, 'OrdersTableName', { value: orders.tableName });
    new CfnOutput(this, 'OutboxTableName', { value: outbox.tableName });

    // CloudFormation reads the parameters at each deploy, and needs no export of the other stack.
    const names = publisherParameters(props.orderStack, 'orders');
    const read = (name: string) => StringParameter.valueForStringParameter(this, name);
    const topic = Topic.fromTopicAttributes(this, 'Topic', {
      topicArn: read(names.topicArn),
      ...(props.encrypted && { keyArn: read(names.keyArn) }),
    });
    const publisher = new LambdaFunction(this, 'Publisher', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: props.code,
      timeout: Duration.seconds(30),
      environment: { ORDERS_TOPIC_ARN: topic.topicArn },
    });
    topic.grantPublish(publisher);
    publisher.addEventSource(
      // CDK's class and interface differ under TypeScript's exactOptionalPropertyTypes.
      new DynamoEventSource(outbox as ITable, {
        startingPosition: StartingPosition.TRIM_HORIZON,
        reportBatchItemFailures: true,
        filters: [FilterCriteria.filter({ eventName: FilterRule.isEqual('INSERT') })],
        // What is in the outbox is an order, so a failure is the topic's or a permission's: trying on is right. An hour before
        // the stream forgets a record, the queue is told of it.
        maxRecordAge: Duration.hours(23),
        onFailure: new SqsDlq(new Queue(this, 'NotPublished', { retentionPeriod: Duration.days(14) })),
      }),
    );
    publisher
      .metric('IteratorAge', { statistic: Stats.MAXIMUM, period: Duration.minutes(5) })
      .createAlarm(this, 'OrdersWait', {
        alarmDescription: 'Orders wait in the outbox for 15 minutes and more',
        threshold: Duration.minutes(15).toMilliseconds(),
        evaluationPeriods: 1,
      });
  }
}
