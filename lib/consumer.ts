import { Duration, type RemovalPolicy, type Size, Stack } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
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
import { leastVisibility } from './checks/guard-rails.ts';
import { checkWithin, type Range } from './checks/settings.ts';
import { consumerFunction } from './consumer-function.ts';

const LAMBDA_SCALING = 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html';
const SQS_QUOTAS =
  'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html';

const MAX_CONCURRENCY: Range = { min: 2, max: 1_000, source: LAMBDA_SCALING };
const QUEUE_NAME: Range = { min: 1, max: 80, unit: 'characters', source: SQS_QUOTAS };

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
   * Deliveries of a message before SQS moves it to the dead-letter queue.
   * @default 5
   */
  readonly maxReceiveCount?: number;
  /**
   * How long the queue keeps a message.
   * @default - 4 days
   */
  readonly retention?: Duration;
  /**
   * How long a dead-letter message is kept, counted from when the message was first sent.
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
  /** What becomes of the logs and the dead-letter queue when the stack is deleted. */
  readonly removalPolicy: RemovalPolicy;
  /**
   * Whether X-Ray follows messages through the function.
   * @default false
   */
  readonly tracing?: boolean;
}

/**
 * One consumer of a topic: a queue, its dead-letter queue, a filtered subscription and the function that processes it.
 *
 * The queue hides a message for six times the function's timeout plus the batching window, as Lambda advises:
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html. How its settings have to fit together is
 * checked by `guardRails` of the stack.
 */
export class Consumer extends Construct {
  readonly deadLetterQueue: Queue;
  readonly queue: Queue;
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: ConsumerProps) {
    super(scope, id);
    // CDK checks it as well, but does not say the value.
    checkWithin(this, 'maximum concurrency', props.maxConcurrency, MAX_CONCURRENCY);
    const { batchWindow = Duration.seconds(0), maxReceiveCount = 5 } = props;

    const queueName = `${Stack.of(this).stackName}-${id}`;
    checkWithin(this, `length of the queue name "${queueName}"`, queueName.length, QUEUE_NAME);
    this.deadLetterQueue = this.createDeadLetterQueue(queueName, props);
    this.queue = new Queue(this, 'Queue', {
      queueName,
      ...encryption(props.encryptionKey),
      enforceSSL: true,
      retentionPeriod: props.retention ?? Duration.days(4),
      visibilityTimeout: Duration.seconds(
        leastVisibility(props.timeout.toSeconds(), batchWindow.toSeconds()),
      ),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount },
    });
    this.subscribe(props);

    this.function = consumerFunction(this, {
      ...props,
      tracing: props.tracing ?? false,
      environment: {
        ...props.environment,
        QUEUE_URL: this.queue.queueUrl,
        DEAD_LETTER_QUEUE_URL: this.deadLetterQueue.queueUrl,
        MAX_RECEIVE_COUNT: String(maxReceiveCount),
      },
    });
    this.function.addEventSourceMapping('Messages', {
      eventSourceArn: this.queue.queueArn,
      batchSize: props.batchSize,
      maxBatchingWindow: batchWindow,
      maxConcurrency: props.maxConcurrency,
      reportBatchItemFailures: true,
    });
    this.grantQueues(props.encryptionKey);
  }

  /**
   * Lets the function work on a table.
   *
   * @param use the environment variable in which the function finds the table's name, and all that it may do, as IAM actions
   */
  useTable(table: TableV2, use: { readonly variable: string; readonly actions: readonly string[] }): void {
    this.function.addEnvironment(use.variable, table.tableName);
    table.grant(this.function, ...use.actions);
  }

  private createDeadLetterQueue(
    sourceName: string,
    { encryptionKey: key, removalPolicy, deadLetterRetention }: ConsumerProps,
  ): Queue {
    // Each queue's redrive settings name the other: a circular dependency, were not the source queue's physical name
    // known beforehand. It is the one physical name that is not generated.
    const sourceArn = Stack.of(this).formatArn({ service: 'sqs', resource: sourceName });
    return new Queue(this, 'DeadLetterQueue', {
      ...encryption(key),
      enforceSSL: true,
      retentionPeriod: deadLetterRetention ?? Duration.days(14),
      removalPolicy,
      redriveAllowPolicy: {
        redrivePermission: RedrivePermission.BY_QUEUE,
        sourceQueues: [Queue.fromQueueArn(this, 'Source', sourceArn)],
      },
    });
  }

  /** Not SqsSubscription: with an encrypted topic it would make key and topic depend on each other. */
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
      // One dead-letter queue for what cannot be delivered and what cannot be processed. This also lets SNS send to it.
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
    // The handler itself sends there what can never succeed.
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
