import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import {
  type DeadLetterQueue,
  DeduplicationScope,
  FifoThroughputLimit,
  Queue,
  QueueEncryption,
} from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

export interface MessageQueueProps {
  /** How long it keeps a message. */
  readonly retention: Duration;
  /** What becomes of the queue, and of the messages in it, when it would be deleted. */
  readonly removalPolicy: RemovalPolicy;
  /**
   * Key that encrypts it. Its policy must let SNS use it.
   * @default - a key that SQS owns
   */
  readonly encryptionKey?: IKey | undefined;
  /** How long a message is hidden after it was received. @default - 30 seconds */
  readonly visibilityTimeout?: Duration;
  /** Whether it is FIFO, with the throughput of each message group for itself. @default false */
  readonly ordered?: boolean | undefined;
  /** Where messages go after too many receives. @default - they stay */
  readonly deadLetterQueue?: DeadLetterQueue;
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html */
const BY_GROUP = {
  fifo: true,
  deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
  fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
};

/** An encrypted queue, over TLS only. Its name is generated, so that a retained one cannot block redeployment. */
export class MessageQueue extends Queue {
  constructor(
    scope: Construct,
    id: string,
    { encryptionKey, retention, ordered, ...props }: MessageQueueProps,
  ) {
    super(scope, id, {
      ...props,
      ...(ordered && BY_GROUP),
      ...(encryptionKey
        ? { encryption: QueueEncryption.KMS, encryptionMasterKey: encryptionKey }
        : { encryption: QueueEncryption.SQS_MANAGED }),
      enforceSSL: true,
      retentionPeriod: retention,
    });
  }

  /** Lets SNS deliver a topic's messages. */
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
