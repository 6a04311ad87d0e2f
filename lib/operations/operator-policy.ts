import { Stack } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Consumer } from '../consumer.ts';

export interface OperatorPolicyProps {
  /** Topic that orders are published to. */
  readonly topic: ITopic;
  readonly consumers: readonly Consumer[];
  /** Queue of the messages that no consumer's subscription asks for. */
  readonly unroutedQueue: IQueue;
  /** Tables with a record an order. */
  readonly recordTables: readonly TableV2[];
  /** Tables of what is in stock. */
  readonly stockTables: readonly TableV2[];
  /** Where it is recorded what operators did. */
  readonly operationsLog: ILogGroup;
  /**
   * Key that encrypts topic and queues.
   * @default - keys of the services, which need no permission
   */
  readonly encryptionKey?: IKey;
}

/** What the verbs of `npm run orders` call, and nothing else. Attach it to the role or group of those on call. */
export class OperatorPolicy extends ManagedPolicy {
  /** ARN of every stack of this one's name, whatever its ID. */
  readonly stacks: string;

  constructor(scope: Construct, id: string, props: OperatorPolicyProps) {
    const stack = Stack.of(scope);
    super(scope, id, { description: `Operates ${stack.stackName} by its command line` });
    this.stacks = stack.formatArn({
      service: 'cloudformation',
      resource: 'stack',
      resourceName: `${stack.stackName}/*`,
    });
    const queues = props.consumers.map(({ queue }) => queue.queueArn);
    const deadLetterQueues = props.consumers.map(({ deadLetterQueue }) => deadLetterQueue.queueArn);
    const letterQueues = [...deadLetterQueues, props.unroutedQueue.queueArn];
    const tables = [...props.recordTables, ...props.stockTables].map(({ tableArn }) => tableArn);

    // Every verb finds the stack by its name.
    this.allow(['cloudformation:DescribeStacks'], [this.stacks]);
    // publish, redrive unrouted
    this.allow(['sns:Publish'], [props.topic.topicArn]);
    // publish --wait, trace; and redrive unrouted, which refuses what would come straight back
    this.allow(['sns:ListSubscriptionsByTopic'], [props.topic.topicArn]);
    this.allow(['sns:GetSubscriptionAttributes'], ['*']);
    this.allow(['dynamodb:DescribeTable'], tables);
    this.allow(
      ['dynamodb:GetItem', 'dynamodb:BatchGetItem'],
      props.recordTables.map(({ tableArn }) => tableArn),
    );
    // status, watch, trace; redrive, which asks for ARNs; stop, which asks how long a queue keeps a message
    this.allow(['sqs:GetQueueAttributes'], [...queues, ...letterQueues]);
    this.allow(['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData'], ['*']);
    // failed, trace: reading such a queue, after which all messages are visible again; redrive and purge, which delete them
    this.allow(['sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility', 'sqs:DeleteMessage'], letterQueues);
    // stop, start; status and watch, which tell who is stopped
    this.allow(
      ['lambda:GetEventSourceMapping', 'lambda:UpdateEventSourceMapping'],
      props.consumers.map(({ mapping }) => mapping.eventSourceMappingArn),
    );
    // redrive
    this.allow(
      ['sqs:StartMessageMoveTask', 'sqs:ListMessageMoveTasks', 'sqs:CancelMessageMoveTask'],
      deadLetterQueues,
    );
    this.allow(['sqs:SendMessage'], queues);
    // redrive, stop, start: the record of them
    this.allow(
      ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:FilterLogEvents'],
      [props.operationsLog.logGroupArn],
    );
    // tail
    this.allow(
      ['logs:FilterLogEvents'],
      props.consumers.map((consumer) => consumer.function.logGroup.logGroupArn),
    );
    // stock
    this.allow(
      ['dynamodb:Scan', 'dynamodb:UpdateItem'],
      props.stockTables.map(({ tableArn }) => tableArn),
    );
    // To publish, to read dead-letter messages and to send them back.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    if (props.encryptionKey) this.allow(['kms:Decrypt', 'kms:GenerateDataKey'], [props.encryptionKey.keyArn]);
  }

  private allow(actions: string[], resources: string[]): void {
    if (resources.length > 0) this.addStatements(new PolicyStatement({ actions, resources }));
  }
}
