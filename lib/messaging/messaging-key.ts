import { ArnFormat, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement, ServicePrincipal, StarPrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/**
 * A customer-managed key for messages in topics and queues, and for logs: SNS may use it to deliver, CloudWatch to publish alarms,
 * and CloudWatch Logs for the log groups of the stack. Only AWS's services may make grants.
 */
export class MessagingKey extends Key {
  constructor(scope: Construct, id: string, props: { readonly removalPolicy: RemovalPolicy }) {
    super(scope, id, {
      description: `Topics, queues, logs and archive of ${Stack.of(scope).stackName}`,
      enableKeyRotation: true,
      removalPolicy: props.removalPolicy,
    });

    // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    // The sources are patterns: the topics refer to this key, so naming them here would be a circular dependency.
    this.allowService('sns.amazonaws.com', { service: 'sns', resource: '*' });
    this.allowService('cloudwatch.amazonaws.com', {
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: '*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    this.allowLogs();
    this.denyGrants();
  }

  /**
   * A grant allows what no policy shows. Services make them for their encrypted resources; people and roles get what they need by
   * policy. The statement is that of CT.KMS.PR.3, with `IfExists`: with `Bool`, a request without these condition keys would not be
   * denied. A grant by the service itself carries `aws:PrincipalIsAWSService`.
   * https://docs.aws.amazon.com/controltower/latest/controlreference/kms-rules.html
   */
  private denyGrants(): void {
    this.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.DENY,
        principals: [new StarPrincipal()],
        actions: ['kms:CreateGrant'],
        resources: ['*'],
        conditions: {
          BoolIfExists: { 'kms:GrantIsForAWSResource': 'false', 'aws:PrincipalIsAWSService': 'false' },
        },
      }),
    );
  }

  /** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html */
  private allowLogs(): void {
    const stack = Stack.of(this);
    this.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal(`logs.${stack.region}.amazonaws.com`)],
        actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
        resources: ['*'],
        conditions: {
          ArnLike: {
            // A pattern, because the log groups refer to this key. Their names begin with the stack's.
            'kms:EncryptionContext:aws:logs:arn': stack.formatArn({
              service: 'logs',
              resource: 'log-group',
              resourceName: `${stack.stackName}-*`,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
  }

  private allowService(service: string, source: Parameters<Stack['formatArn']>[0]): void {
    this.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal(service)],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        // In a key policy this means the key itself.
        resources: ['*'],
        // The account is part of the ARN. It is not documented that SNS sends aws:SourceAccount to KMS, and a condition on a missing
        // key would deny every delivery.
        conditions: { ArnLike: { 'aws:SourceArn': Stack.of(this).formatArn(source) } },
      }),
    );
  }
}
