import { Aws, Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Topic, TracingConfig } from 'aws-cdk-lib/aws-sns';
import { CfnResourcePolicy } from 'aws-cdk-lib/aws-xray';
import { Construct } from 'constructs';

export interface FanOutTopicProps {
  /**
   * Key that encrypts messages at rest.
   * @default - not encrypted by the topic
   */
  readonly encryptionKey?: IKey;
  /**
   * Whether X-Ray follows messages through the topic.
   * @default false
   */
  readonly tracing?: boolean;
}

/** The topic that messages are published to, over TLS only. */
export class FanOutTopic extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: FanOutTopicProps = {}) {
    super(scope, id);

    this.topic = new Topic(this, 'Topic', {
      enforceSSL: true,
      ...(props.encryptionKey && { masterKey: props.encryptionKey }),
      ...(props.tracing && { tracingConfig: TracingConfig.ACTIVE }),
    });
    if (props.tracing) this.letTopicWriteTraces();
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
