import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { type DeadLetterQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

export interface MessageQueueProps {
  /** How long it keeps a message. */
  readonly retention: Duration;
  /** What becomes of it, and of the messages in it, when it would be deleted. */
  readonly removalPolicy: RemovalPolicy;
  /**
   * Key that encrypts it. Its policy must let SNS use it.
   * @default - a key that SQS owns
   */
  readonly encryptionKey?: IKey | undefined;
  /** For how long a message is hidden from others once it was received. @default - 30 seconds */
  readonly visibilityTimeout?: Duration;
  /** Where messages go that were received too often. @default - they stay */
  readonly deadLetterQueue?: DeadLetterQueue;
}

/** An encrypted queue, over TLS only. Its name is generated, so that one that was kept is in nobody's way. */
export class MessageQueue extends Queue {
  constructor(scope: Construct, id: string, { encryptionKey, retention, ...props }: MessageQueueProps) {
    super(scope, id, {
      ...props,
      ...(encryptionKey
        ? { encryption: QueueEncryption.KMS, encryptionMasterKey: encryptionKey }
        : { encryption: QueueEncryption.SQS_MANAGED }),
      enforceSSL: true,
      retentionPeriod: retention,
    });
  }

  /** Lets SNS deliver what comes from a topic. */
  letSend(topic: ITopic): void {
    this.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('sns.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': topic.topicArn } },
      }),
    );
  }
}
