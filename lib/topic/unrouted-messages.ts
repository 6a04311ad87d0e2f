import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type ITopic, Subscription, SubscriptionFilter, SubscriptionProtocol } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { acknowledge } from '../checks/acknowledge.ts';
import { MessageQueue } from '../messaging/message-queue.ts';

export interface UnroutedMessagesProps {
  /** Topic whose messages may have no subscriber. */
  readonly topic: ITopic;
  /** Message attribute that decides who takes a message. */
  readonly attribute: string;
  /** Its values that some consumer's subscription asks for. */
  readonly known: readonly string[];
  /**
   * Key that encrypts the queue. Its policy must let SNS use it.
   * @default - a key that SQS owns
   */
  readonly encryptionKey?: IKey | undefined;
  /** Whether the topic is FIFO, and so the queue as well. @default false */
  readonly ordered?: boolean | undefined;
  /** What becomes of the queue when the stack is deleted. */
  readonly removalPolicy: RemovalPolicy;
}

/**
 * Keeps, for 14 days, the messages of a topic that no consumer's subscription asks for: those with another value of the
 * attribute, and those without it. Not those without any attributes, which SNS delivers to no subscription that filters by them:
 * https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html. Nor those that all consumers filter out by another
 * attribute.
 */
export class UnroutedMessages extends Construct {
  readonly queue: MessageQueue;
  /** How long a message is kept. */
  readonly retention = Duration.days(14);

  constructor(scope: Construct, id: string, props: UnroutedMessagesProps) {
    super(scope, id);
    const { topic, attribute, known, encryptionKey, ordered, removalPolicy } = props;

    this.queue = new MessageQueue(this, 'Queue', {
      encryptionKey,
      ordered,
      removalPolicy,
      retention: this.retention,
    });
    this.queue.letSend(topic);
    const subscription = new Subscription(this, 'Subscription', {
      topic,
      protocol: SubscriptionProtocol.SQS,
      endpoint: this.queue.queueArn,
      rawMessageDelivery: true,
      filterPolicy: {
        [attribute]: new SubscriptionFilter([{ exists: false }, { 'anything-but': [...known] }]),
      },
    });
    // The queue with its policy first: SNS does not retry what a queue refuses.
    subscription.node.addDependency(this.queue);
    this.acknowledgeFindings(subscription);
  }

  private acknowledgeFindings(subscription: Subscription): void {
    const nobodyReceives =
      'Only an operator takes messages out of it, and each only after it was sent on: none can fail here. An alarm watches it.';
    acknowledge(this.queue, {
      'AwsSolutions-SQS3': nobodyReceives,
      'Serverless-SQSRedrivePolicy': nobodyReceives,
    });
    acknowledge(subscription, {
      'Serverless-SNSRedrivePolicy':
        'It is the last resort itself. SNS retries a fault of SQS for 23 days; the queue refuses only after its policy or key was ' +
        'changed by hand, which the alarm on failed deliveries announces.',
    });
  }
}
