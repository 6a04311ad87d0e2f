import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { ARCHIVE_PREFIX } from '../../contract/archive.ts';
import type { Operations } from '../alarms/operations.ts';
import type { Consumer } from '../consumer/consumer.ts';

export interface OperatorPolicyProps {
  /** Topic that orders are published to. */
  readonly topic: ITopic;
  /** Topics that alarms are announced on. */
  readonly operations: Pick<Operations, 'pages' | 'notices'>;
  readonly consumers: readonly Consumer[];
  /** Queue of the messages that no consumer's subscription asks for. */
  readonly unroutedQueue: IQueue;
  /** Tables with a record an order. */
  readonly recordTables: readonly TableV2[];
  /** Tables of what is in stock. */
  readonly stockTables: readonly TableV2[];
  /**
   * Bucket of the archive.
   * @default - there is none
   */
  readonly archive?: IBucket | undefined;
  /** Where it is recorded what operators did. */
  readonly operationsLog: ILogGroup;
  /**
   * Key that encrypts topic and queues.
   * @default - keys of the services, which need no permission
   */
  readonly encryptionKey?: IKey | undefined;
}

/** What the verbs of `npm run orders` call, and nothing else. Attach it to the role or group of those on call. */
export class OperatorPolicy extends ManagedPolicy {
  /** ARN of every stack of this one's name, whatever its ID. */
  readonly stacks: string;
  /** ARN of every alarm on a metric of this stack: CloudFormation begins their names with the stack's. */
  readonly alarms: string;

  constructor(scope: Construct, id: string, props: OperatorPolicyProps) {
    const stack = Stack.of(scope);
    super(scope, id, { description: `Operates ${stack.stackName} by its command line` });
    this.stacks = stack.formatArn({
      service: 'cloudformation',
      resource: 'stack',
      resourceName: `${stack.stackName}/*`,
    });
    this.alarms = stack.formatArn({
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: `${stack.stackName}-*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    this.allowOnStack(props);
    this.allowOnConsumers(props);
    this.allowOnTables(props);
    if (props.archive) this.allowOnArchive(props.archive);
    this.allowOnAll();
  }

  private allowOnStack({ topic, operations, operationsLog, encryptionKey }: OperatorPolicyProps): void {
    // Every verb finds the stack by its name.
    this.allow(['cloudformation:DescribeStacks'], [this.stacks]);
    // publish, redrive unrouted
    this.allow(['sns:Publish'], [topic.topicArn]);
    // publish --wait, trace; redrive unrouted, which refuses what would come straight back; check, of the alarms' topics as well
    this.allow(
      ['sns:ListSubscriptionsByTopic', 'sns:GetTopicAttributes'],
      [topic, operations.pages, operations.notices].map(({ topicArn }) => topicArn),
    );
    // redrive, stop, start: the record of them
    this.allow(
      ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:FilterLogEvents'],
      [operationsLog.logGroupArn],
    );
    // check --fire
    this.allow(['cloudwatch:SetAlarmState'], [this.alarms]);
    // To publish, to read dead-letter messages and to send them back; check.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    if (encryptionKey) {
      this.allow(['kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'], [encryptionKey.keyArn]);
    }
  }

  /** Each resource once: IAM takes so many characters. */
  private allowOnConsumers({ consumers, unroutedQueue }: OperatorPolicyProps): void {
    // status, watch, trace, check; redrive, which asks for ARNs and sends; stop, which asks how long a queue keeps a message
    const ask = 'sqs:GetQueueAttributes';
    this.allow(
      [ask, 'sqs:SendMessage'],
      consumers.map(({ queue }) => queue.queueArn),
    );
    // failed, trace: reading such a queue, after which all messages are visible again; redrive and purge, which delete them
    const read = ['sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility', 'sqs:DeleteMessage'];
    const move = ['sqs:StartMessageMoveTask', 'sqs:ListMessageMoveTasks', 'sqs:CancelMessageMoveTask'];
    this.allow(
      [ask, ...read, ...move],
      consumers.map(({ deadLetterQueue }) => deadLetterQueue.queueArn),
    );
    this.allow([ask, ...read], [unroutedQueue.queueArn]);
    // stop, start; status, watch and check, which tell who is stopped
    this.allow(
      ['lambda:GetEventSourceMapping', 'lambda:UpdateEventSourceMapping'],
      consumers.map(({ mapping }) => mapping.eventSourceMappingArn),
    );
    // tail
    this.allow(
      ['logs:FilterLogEvents'],
      consumers.map((consumer) => consumer.function.logGroup.logGroupArn),
    );
    // check
    this.allow(
      ['lambda:GetFunctionConcurrency'],
      consumers.map((consumer) => consumer.function.functionArn),
    );
  }

  private allowOnTables({ recordTables, stockTables }: OperatorPolicyProps): void {
    const arns = (tables: readonly TableV2[]) => tables.map(({ tableArn }) => tableArn);
    // publish --wait, trace
    this.allow(['dynamodb:GetItem', 'dynamodb:BatchGetItem'], arns(recordTables));
    // stock
    this.allow(['dynamodb:Scan', 'dynamodb:UpdateItem'], arns(stockTables));
  }

  /** replay, archive get */
  private allowOnArchive(bucket: IBucket): void {
    this.allow(['s3:ListBucket'], [bucket.bucketArn]);
    this.allow(['s3:GetObject'], [bucket.arnForObjects(`${ARCHIVE_PREFIX}*`)]);
  }

  /** What cannot be named. */
  private allowOnAll(): void {
    // publish --wait, trace, redrive unrouted
    this.allow(['sns:GetSubscriptionAttributes'], ['*']);
    // status, watch, check
    this.allow(['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData'], ['*']);
    // check, but for the drift: for that one must be allowed to read whatever the stack has
    this.allow(['cloudwatch:DescribeAlarmHistory', 'lambda:GetAccountSettings'], ['*']);
  }

  private allow(actions: string[], resources: string[]): void {
    if (resources.length > 0) this.addStatements(new PolicyStatement({ actions, resources }));
  }
}
