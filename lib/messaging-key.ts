import { ArnFormat, Aws, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/** A customer-managed key for topics and queues, which SNS may use to deliver and CloudWatch to publish alarms. */
export class MessagingKey extends Key {
  constructor(scope: Construct, id: string, props: { readonly removalPolicy: RemovalPolicy }) {
    super(scope, id, {
      description: `Topics and queues of ${Stack.of(scope).stackName}`,
      enableKeyRotation: true,
      removalPolicy: props.removalPolicy,
    });

    // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    // The sources are patterns, because naming the topics here would be circular: they name this key.
    this.allowService('sns.amazonaws.com', { service: 'sns', resource: '*' });
    this.allowService('cloudwatch.amazonaws.com', {
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: '*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }

  private allowService(service: string, source: Parameters<Stack['formatArn']>[0]): void {
    this.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal(service)],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        // In a key policy this means the key that the policy belongs to.
        resources: ['*'],
        conditions: {
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
          ArnLike: { 'aws:SourceArn': Stack.of(this).formatArn(source) },
        },
      }),
    );
  }
}
