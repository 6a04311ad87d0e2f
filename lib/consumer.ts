import { type Duration, type RemovalPolicy, type Size, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import {
  type ITopic,
  Subscription,
  type SubscriptionFilter,
  SubscriptionProtocol,
} from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption, RedrivePermission } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { consumerFunction } from './consumer-function.ts';
import { checkConsumer, checkQueueName } from './consumer-limits.ts';

export interface ConsumerProps {
  /** Topic whose messages the consumer takes. */
  readonly topic: ITopic;
  /**
   * Filters by message attribute; a message must pass all.
   * @default - every message
   */
  readonly filterPolicy?: Record<string, SubscriptionFilter>;
  /** Path of the TypeScript module that exports `handler`. */
  readonly handlerEntry: string;
  /**
   * Environment of the function, beside QUEUE_URL, DEAD_LETTER_QUEUE_URL and MAX_RECEIVE_COUNT.
   * @default - nothing more
   */
  readonly environment?: Record<string, string>;
  readonly memory: Size;
  readonly timeout: Duration;
  /** Most messages in one invocation. */
  readonly batchSize: number;
  /**
   * How long to wait for a batch to fill.
   * @default - not at all
   */
  readonly batchWindow?: Duration;
  /** Most invocations at a time. */
  readonly maxConcurrency: number;
  /**
   * Concurrency of the account that is kept for the function, and is its bound as well.
   * @default - it shares what the account's other functions leave
   */
  readonly reservedConcurrency?: number;
  /**
   * Deliveries of a message before SQS takes it for dead.
   * @default 5
   */
  readonly maxReceiveCount?: number;
  /**
   * How long the queue keeps a message.
   * @default - 4 days
   */
  readonly retention?: Duration;
  /**
   * How long a dead letter is kept, counted from when the message was first sent.
   * @default - 14 days
   */
  readonly deadLetterRetention?: Duration;
  /**
   * Key that encrypts both queues and the logs. Its policy must let SNS and CloudWatch Logs use it.
   * @default - keys that SQS and CloudWatch Logs own
   */
  readonly encryptionKey?: IKey;
  /** How long logs are kept: one of the periods that CloudWatch Logs knows. */
  readonly logRetention: Duration;
  /** What becomes of the logs and the dead letters when the stack goes. */
  readonly removalPolicy: RemovalPolicy;
  /**
   * Whether X-Ray follows messages through the function.
   * @default false
   */
  readonly tracing?: boolean;
}

/** One consumer of a topic: a queue, its dead-letter queue, a filtered subscription and the function that works it off. */
export class Consumer extends Construct {
  readonly deadLetterQueue: Queue;
  readonly queue: Queue;
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: ConsumerProps) {
    super(scope, id);
    const limits = checkConsumer(this, props);

    const queueName = `${Stack.of(this).stackName}-${id}`;
    checkQueueName(this, queueName);
    this.deadLetterQueue = this.createDeadLetterQueue(queueName, limits.deadLetterRetention, props);
    this.queue = new Queue(this, 'Queue', {
      queueName,
      ...encryption(props.encryptionKey),
      enforceSSL: true,
      retentionPeriod: limits.retention,
      visibilityTimeout: limits.visibilityTimeout,
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: limits.maxReceiveCount },
    });
    this.subscribe(props);

    this.function = consumerFunction(this, {
      ...props,
      tracing: props.tracing ?? false,
      environment: {
        ...props.environment,
        QUEUE_URL: this.queue.queueUrl,
        DEAD_LETTER_QUEUE_URL: this.deadLetterQueue.queueUrl,
        MAX_RECEIVE_COUNT: String(limits.maxReceiveCount),
      },
    });
    this.function.addEventSourceMapping('Messages', {
      eventSourceArn: this.queue.queueArn,
      batchSize: props.batchSize,
      maxBatchingWindow: limits.batchWindow,
      maxConcurrency: props.maxConcurrency,
      reportBatchItemFailures: true,
    });
    this.grantQueues(props.encryptionKey);
  }

  private createDeadLetterQueue(
    sourceName: string,
    retention: Duration,
    { encryptionKey: key, removalPolicy }: ConsumerProps,
  ): Queue {
    // Each queue's policy names the other. A name that is known beforehand breaks the circle, so the source queue
    // is the one resource whose physical name is not generated.
    const sourceArn = Stack.of(this).formatArn({ service: 'sqs', resource: sourceName });
    const deadLetterQueue = new Queue(this, 'DeadLetterQueue', {
      ...encryption(key),
      enforceSSL: true,
      retentionPeriod: retention,
      removalPolicy,
      redriveAllowPolicy: {
        redrivePermission: RedrivePermission.BY_QUEUE,
        sourceQueues: [Queue.fromQueueArn(this, 'Source', sourceArn)],
      },
    });
    Validations.of(deadLetterQueue).acknowledge({
      id: 'Serverless-SQSRedrivePolicy',
      reason: 'A dead-letter queue is the end of the line; alarms watch it.',
    });
    return deadLetterQueue;
  }

  /** Not SqsSubscription: with an encrypted topic it would make the key's policy and the topic circular. */
  private subscribe({ topic, filterPolicy }: ConsumerProps): void {
    this.queue.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('sns.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.queue.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': topic.topicArn } },
      }),
    );
    const subscription = new Subscription(this, 'Subscription', {
      topic,
      protocol: SubscriptionProtocol.SQS,
      endpoint: this.queue.queueArn,
      rawMessageDelivery: true,
      ...(filterPolicy && { filterPolicy }),
      // What cannot be delivered lies with what could not be processed. This also lets SNS send to that queue.
      deadLetterQueue: this.deadLetterQueue,
    });
    // Queues with their policies first: SNS does not try again what a queue refuses.
    subscription.node.addDependency(this.queue, this.deadLetterQueue);
  }

  /** Fewer actions than Queue's own grants. */
  private grantQueues(key: IKey | undefined): void {
    // The first three are the event source mapping's: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    // The last is the handler's, which puts off the next try of a message that failed.
    this.queue.grant(
      this.function,
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
      'sqs:ChangeMessageVisibility',
    );
    // The handler dead-letters at once what can never succeed.
    this.deadLetterQueue.grant(this.function, 'sqs:SendMessage');
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    key?.grant(this.function, 'kms:Decrypt', 'kms:GenerateDataKey');
  }
}

function encryption(key: IKey | undefined) {
  return key
    ? { encryption: QueueEncryption.KMS, encryptionMasterKey: key }
    : { encryption: QueueEncryption.SQS_MANAGED };
}
