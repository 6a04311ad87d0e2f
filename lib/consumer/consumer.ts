import { Duration, Stack } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Alias, EventSourceMapping, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Subscription, SubscriptionProtocol } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { MetricName } from '../../contract/metrics.ts';
import { shortestTimeOf, triesToOutlast } from '../../contract/retries.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import { leastVisibility } from '../checks/guard-rails.ts';
import { MessageQueue } from '../messaging/message-queue.ts';
import { checkWithin, invalid, type Range } from '../settings/validation.ts';
import { consumerFunction } from './consumer-function.ts';
import type { ConsumerProps } from './consumer-props.ts';

const LAMBDA_SCALING = 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html';

const MAX_CONCURRENCY: Range = { min: 2, max: 1_000, source: LAMBDA_SCALING };

/**
 * One consumer of a topic: a queue, its dead-letter queue, a filtered subscription and the function that processes it.
 *
 * The queue hides a message for six times the function's timeout plus the batching window, as Lambda advises:
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html. How its settings have to fit together is
 * checked by `guardRails` of the stack. No resource has a physical name, so that one that was kept cannot block redeployment.
 */
export class Consumer extends Construct {
  readonly deadLetterQueue: MessageQueue;
  readonly queue: MessageQueue;
  readonly function: LambdaFunction;
  /** The version of the function that the queue invokes. */
  readonly alias: Alias;
  /** Between the queue and the function: while it is off, messages wait in the queue. */
  readonly mapping: EventSourceMapping;
  /** How long the queue keeps a message. */
  readonly retention: Duration;
  /** How long a dead letter is kept, counted from when the message was first sent. */
  readonly deadLetterRetention: Duration;
  /** The consumer's name in its logs and metrics. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: ConsumerProps) {
    super(scope, id);
    // CDK checks it as well, but does not say the value.
    checkWithin(this, 'maximum concurrency', props.maxConcurrency, MAX_CONCURRENCY);
    this.name = props.name;
    this.retention = props.retention ?? Duration.days(4);
    this.deadLetterRetention = props.deadLetterRetention ?? Duration.days(14);
    const { batchWindow = Duration.seconds(0) } = props;
    const tries = this.triesToOutlast(props.outlast ?? Duration.hours(6));

    const { encryptionKey, removalPolicy, ordered } = props;
    const common = { encryptionKey, removalPolicy, ordered };
    this.deadLetterQueue = new MessageQueue(this, 'DeadLetterQueue', {
      ...common,
      retention: this.deadLetterRetention,
    });
    acknowledge(this.deadLetterQueue, {
      'Serverless-SQSRedrivePolicy': 'A dead-letter queue has none of its own; alarms watch it.',
    });
    this.queue = new MessageQueue(this, 'Queue', {
      ...common,
      retention: this.retention,
      visibilityTimeout: Duration.seconds(
        leastVisibility(props.timeout.toSeconds(), batchWindow.toSeconds()),
      ),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: tries },
    });
    this.subscribe(props);

    this.function = consumerFunction(this, props, {
      POWERTOOLS_SERVICE_NAME: props.name,
      POWERTOOLS_METRICS_NAMESPACE: this.metricsNamespace,
      QUEUE_URL: this.queue.queueUrl,
      DEAD_LETTER_QUEUE_URL: this.deadLetterQueue.queueUrl,
      MAX_RECEIVE_COUNT: String(tries),
      ...(props.onPermanentError && { ON_PERMANENT_ERROR: props.onPermanentError }),
    });
    this.alias = this.function.addAlias('live');
    this.mapping = this.alias.addEventSourceMapping('Messages', {
      eventSourceArn: this.queue.queueArn,
      batchSize: props.batchSize,
      maxBatchingWindow: batchWindow,
      maxConcurrency: props.maxConcurrency,
      reportBatchItemFailures: true,
    });
    this.grantQueues(encryptionKey);
  }

  /** A metric that the function itself reports. */
  metric(metricName: MetricName, options: MetricOptions): Metric {
    return new Metric({
      namespace: this.metricsNamespace,
      metricName,
      dimensionsMap: { service: this.name },
      ...options,
    });
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

  /**
   * Lets the function write objects into a bucket that is encrypted with keys of S3 or with the consumer's, and read some.
   *
   * @param use the environment variable in which the function finds the bucket's name, and what the keys of objects begin with that
   * it writes, and of those that it reads, if any
   */
  useBucket(
    bucket: IBucket,
    use: { readonly variable: string; readonly writes: string; readonly reads?: readonly string[] },
  ): void {
    const { variable, writes, reads = [] } = use;
    this.function.addEnvironment(variable, bucket.bucketName);
    const allow = (action: string, prefixes: readonly string[]) =>
      this.function.addToRolePolicy(
        new PolicyStatement({
          actions: [action],
          resources: prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`)),
        }),
      );
    allow('s3:PutObject', [writes]);
    if (reads.length > 0) allow('s3:GetObject', reads);
  }

  /** The stack's name, so that the metrics of stages that share an account do not add up. */
  private get metricsNamespace(): string {
    return Stack.of(this).stackName;
  }

  /** Receives after which SQS moves a message to the dead-letter queue. @throws ConfigError where the queue may delete it before */
  private triesToOutlast(outlast: Duration): number {
    const tries = triesToOutlast(outlast.toSeconds());
    const [longest, kept] = [2 * shortestTimeOf(tries), this.retention.toSeconds()];
    if (longest < kept) return tries;
    throw invalid(
      this,
      `to outlast ${outlast.toSeconds()} seconds, a message may be retried for ${longest} seconds, but the queue keeps it for ` +
        `${kept}: outlast less, or keep messages longer`,
    );
  }

  /** Not SqsSubscription: with an encrypted topic it would make key and topic depend on each other. */
  private subscribe({ topic, filterPolicy, undelivered = this.deadLetterQueue }: ConsumerProps): void {
    this.queue.letSend(topic);
    const subscription = new Subscription(this, 'Subscription', {
      topic,
      protocol: SubscriptionProtocol.SQS,
      endpoint: this.queue.queueArn,
      rawMessageDelivery: true,
      ...(filterPolicy && { filterPolicy }),
      // As a rule one dead-letter queue for what cannot be delivered and what cannot be processed. This also lets SNS send to it.
      deadLetterQueue: undelivered,
    });
    // Queues with their policies first: SNS does not retry what a queue refuses.
    subscription.node.addDependency(this.queue, undelivered);
  }

  /** Fewer actions than Queue's own grants. */
  private grantQueues(key: IKey | undefined): void {
    // The first three are the event source mapping's: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    // The last is the handler's, which delays the next try of a message that failed.
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
