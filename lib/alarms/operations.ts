import { ArnFormat, Aws, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type ITopic, Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { acknowledge } from '../checks/acknowledge.ts';

export interface OperationsProps {
  /**
   * Key that encrypts notifications at rest. Its policy must let cloudwatch.amazonaws.com use it.
   * @default - not encrypted by the topics
   */
  readonly encryptionKey?: IKey | undefined;
  /**
   * Address that is subscribed to the new ones of the topics, once its owner has confirmed.
   * @default - nobody is subscribed
   */
  readonly email?: string | undefined;
  /**
   * An existing topic for pages, which lets cloudwatch.amazonaws.com publish.
   * @default - a new one
   */
  readonly pageTopicArn?: string | undefined;
  /**
   * An existing topic for notices, which lets cloudwatch.amazonaws.com publish.
   * @default - a new one
   */
  readonly noticeTopicArn?: string | undefined;
  /** Address of the runbook. */
  readonly runbook: string;
}

/** Where alarms are announced: pages have to wake somebody, notices can wait until morning. */
export class Operations extends Construct {
  readonly pages: ITopic;
  readonly notices: ITopic;
  /** Address of the runbook. */
  readonly runbook: string;

  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    this.runbook = props.runbook;
    this.pages = this.topic('Pages', props.pageTopicArn, props);
    this.notices = this.topic('Notices', props.noticeTopicArn, props);
  }

  private topic(id: string, existing: string | undefined, props: OperationsProps): ITopic {
    return existing ? Topic.fromTopicArn(this, id, existing) : new AlarmTopic(this, id, props).topic;
  }
}

/** A topic that alarms notify, over TLS only. */
class AlarmTopic extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, { encryptionKey, email }: OperationsProps) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', {
      enforceSSL: true,
      ...(encryptionKey && { masterKey: encryptionKey }),
    });
    this.letAlarmsPublish();
    if (email) this.subscribe(email);
  }

  /**
   * enforceSSL gives the topic a policy of its own, in place of SNS's default one that lets the account's services publish. An
   * alarm whose action is denied shows it only in its history.
   * https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
   */
  private letAlarmsPublish(): void {
    const alarms = Stack.of(this).formatArn({
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: '*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
          ArnLike: { 'aws:SourceArn': alarms },
        },
      }),
    );
  }

  private subscribe(email: string): void {
    const subscription = new Subscription(this, 'Email', {
      topic: this.topic,
      protocol: SubscriptionProtocol.EMAIL,
      endpoint: email,
    });
    acknowledge(subscription, {
      'Serverless-SNSRedrivePolicy':
        'Nothing would read a queue of undelivered mail; the state of every alarm stays in CloudWatch.',
    });
  }
}
