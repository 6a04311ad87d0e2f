import { ArnFormat, Aws, Stack } from 'aws-cdk-lib';
import {
  AccountPrincipal,
  type Grant,
  type IGrantable,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { FifoThroughputScope, LoggingProtocol, Topic, TracingConfig } from 'aws-cdk-lib/aws-sns';
import { CfnResourcePolicy } from 'aws-cdk-lib/aws-xray';
import { Construct } from 'constructs';
import { acknowledge, OWN_POLICY, wildcardFinding } from '../checks/acknowledge.ts';
import { invalid } from '../settings/validation.ts';

export interface FanOutTopicProps {
  /**
   * Whether the topic is FIFO: it delivers the messages of a group in sequence, only to queues. Each group has its own throughput and
   * deduplication.
   * @default false
   */
  readonly ordered?: boolean | undefined;
  /**
   * Key that encrypts messages at rest.
   * @default - not encrypted by the topic
   */
  readonly encryptionKey?: IKey | undefined;
  /**
   * Whether X-Ray follows messages through the topic.
   * @default false
   */
  readonly tracing?: boolean | undefined;
  /**
   * Whether SNS logs each failed delivery to a queue, with the queue's answer.
   * @default false
   */
  readonly deliveryLogging?: boolean | undefined;
  /**
   * IDs of other accounts, 12 digits each, that may publish. Each of them decides which of its roles do.
   * @default - this account alone
   */
  readonly publisherAccounts?: readonly string[] | undefined;
}

/** The topic that messages are published to, over TLS only. */
export class FanOutTopic extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: FanOutTopicProps = {}) {
    super(scope, id);

    this.topic = new Topic(this, 'Topic', {
      enforceSSL: true,
      ...(props.ordered && { fifo: true, fifoThroughputScope: FifoThroughputScope.MESSAGE_GROUP }),
      ...(props.encryptionKey && { masterKey: props.encryptionKey }),
      ...(props.tracing && { tracingConfig: TracingConfig.ACTIVE }),
    });
    if (props.tracing) this.letTopicWriteTraces();
    if (props.deliveryLogging) this.logFailedDeliveries();
    for (const account of props.publisherAccounts ?? []) {
      if (!/^\d{12}$/.test(account)) {
        throw invalid(
          this,
          `publisherAccounts has ${JSON.stringify(account)}, but an account ID is 12 digits`,
        );
      }
      this.grantPublish(new AccountPrincipal(account));
    }
  }

  /**
   * Lets a principal publish: `sns:Publish` on the topic, and on its key what SNS requires of a publisher (`kms:Decrypt` and
   * `kms:GenerateDataKey*`, https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html). A role gets it in its own
   * policy; an `AccountPrincipal` in those of topic and key, after which that account has to allow its role the same.
   */
  grantPublish(grantee: IGrantable): Grant {
    return this.topic.grantPublish(grantee);
  }

  /**
   * SNS names the log group and creates it at the first failure. It logs IDs, times and answers, no messages.
   * https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html
   */
  private logFailedDeliveries(): void {
    const { region, account } = Stack.of(this);
    const role = new Role(this, 'DeliveryLogging', { assumedBy: new ServicePrincipal('sns.amazonaws.com') });
    const logs = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: `sns/${region}/${account}/${this.topic.topicName}*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logs],
      }),
    );
    this.topic.addLoggingConfig({ protocol: LoggingProtocol.SQS, failureFeedbackRole: role });
    acknowledge(role, {
      'NIST.800.53.R5-IAMNoInlinePolicy': OWN_POLICY,
      [wildcardFinding(this, logs)]: 'SNS names the log groups of this topic, and their streams.',
    });
  }

  /** Without this policy SNS drops the segments: https://docs.aws.amazon.com/sns/latest/dg/sns-active-tracing.html */
  private letTopicWriteTraces(): void {
    const stack = Stack.of(this);
    new CfnResourcePolicy(this, 'TracingPolicy', {
      policyName: `${stack.stackName}-${this.node.id}`,
      policyDocument: stack.toJsonString({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'sns.amazonaws.com' },
            Action: ['xray:PutTraceSegments', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
            Resource: '*',
            Condition: {
              StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
              ArnEquals: { 'aws:SourceArn': this.topic.topicArn },
            },
          },
        ],
      }),
    });
  }
}
