import type { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ITopic, SubscriptionFilter } from 'aws-cdk-lib/aws-sns';
import type { MessageQueue } from '../messaging/message-queue.ts';

export interface ConsumerProps {
  /** The consumer's name in its logs and metrics. */
  readonly name: string;
  /** Topic whose messages the consumer takes. */
  readonly topic: ITopic;
  /**
   * Whether both queues are FIFO: the messages of a group are processed in sequence. The topic has to be FIFO then.
   * @default false
   */
  readonly ordered?: boolean | undefined;
  /**
   * Where messages go that SNS cannot deliver: a FIFO queue where the topic is FIFO, whatever the consumer's own queue is.
   * @default - the dead-letter queue
   */
  readonly undelivered?: MessageQueue | undefined;
  /**
   * What a message that can never succeed means for those behind it in a FIFO queue: they go on past it, or wait until it has had
   * all its tries. See lambda/batch.ts.
   * @default 'skip'
   */
  readonly onPermanentError?: 'skip' | 'block' | undefined;
  /**
   * Filters by message attribute; a message must pass all.
   * @default - every message
   */
  readonly filterPolicy?: Record<string, SubscriptionFilter> | undefined;
  /** Path of the TypeScript module that exports `handler`. */
  readonly handlerEntry: string;
  readonly memory: Size;
  readonly timeout: Duration;
  /** Most messages in an invocation. */
  readonly batchSize: number;
  /**
   * How long to wait for a batch to fill.
   * @default - not at all
   */
  readonly batchWindow?: Duration | undefined;
  /** Most concurrent invocations. */
  readonly maxConcurrency: number;
  /**
   * Concurrency of the account that is reserved for the function, and limits it as well.
   * @default - it shares what the account's other functions leave
   */
  readonly reservedConcurrency?: number | undefined;
  /**
   * How long what the consumer depends on may be down before messages are dead-lettered: it decides how often each is
   * tried. The queue must keep messages for more than twice as long.
   * @default - 6 hours
   */
  readonly outlast?: Duration | undefined;
  /**
   * How long the queue keeps a message.
   * @default - 4 days
   */
  readonly retention?: Duration | undefined;
  /**
   * How long a dead-letter message is kept, counted from when the message was first sent.
   * @default - 14 days
   */
  readonly deadLetterRetention?: Duration | undefined;
  /**
   * Key that encrypts both queues and the logs. Its policy must let SNS and CloudWatch Logs use it.
   * @default - keys that SQS and CloudWatch Logs own
   */
  readonly encryptionKey?: IKey | undefined;
  /** How long logs are kept: one of the periods that CloudWatch Logs knows. */
  readonly logRetention: Duration;
  /** What becomes of the queues and the logs when the stack is deleted, or the consumer taken out of it. */
  readonly removalPolicy: RemovalPolicy;
  /**
   * Whether X-Ray follows messages through the function.
   * @default false
   */
  readonly tracing?: boolean | undefined;
}
