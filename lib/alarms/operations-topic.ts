import { ArnFormat, Aws, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { acknowledge } from '../checks/acknowledge.ts';

export interface OperationsTopicProps {
  /**
   * Key that encrypts notifications at rest. Its policy must let cloudwatch.amazonaws.com use it.
   * @default - not encrypted by the topic
   */
  readonly encryptionKey?: IKey | undefined;
  /**
   * Address that gets every notification, once its owner has confirmed.
   * @default - nobody is subscribed
   */
  readonly email?: string | undefined;
}

/** The topic that alarms notify, over TLS only. */
export class OperationsTopic extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: OperationsTopicProps = {}) {
    super(scope, id);

    this.topic = new Topic(this, 'Topic', {
      enforceSSL: true,
      ...(props.encryptionKey && { masterKey: props.encryptionKey }),
    });

    // enforceSSL gives the topic a policy of its own, in place of SNS's default one that lets the account's
    // services publish. An alarm whose action is refused says so only in its history.
    // https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
          ArnLike: {
            'aws:SourceArn': Stack.of(this).formatArn({
              service: 'cloudwatch',
              resource: 'alarm',
              resourceName: '*',
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );

    if (props.email) {
      const subscription = new Subscription(this, 'Email', {
        topic: this.topic,
        protocol: SubscriptionProtocol.EMAIL,
        endpoint: props.email,
      });
      acknowledge(subscription, {
        'Serverless-SNSRedrivePolicy':
          'Nothing would read a queue of undelivered mail; the state of every alarm stays in CloudWatch.',
      });
    }
  }
}
