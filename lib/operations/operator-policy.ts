import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Consumer } from '../consumer.ts';
import type { Operations } from './operations.ts';

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
    const queues = props.consumers.map(({ queue }) => queue.queueArn);
    const deadLetterQueues = props.consumers.map(({ deadLetterQueue }) => deadLetterQueue.queueArn);
    const letterQueues = [...deadLetterQueues, props.unroutedQueue.queueArn];
    const tables = [...props.recordTables, ...props.stockTables].map(({ tableArn }) => tableArn);

    // Every verb finds the stack by its name.
    this.allow(['cloudformation:DescribeStacks'], [this.stacks]);
    // publish, redrive unrouted
    this.allow(['sns:Publish'], [props.topic.topicArn]);
    // publish --wait, trace; redrive unrouted, which refuses what would come straight back; check, of the alarms' topics as well
    const { pages, notices } = props.operations;
    this.allow(
      ['sns:ListSubscriptionsByTopic', 'sns:GetTopicAttributes'],
      [props.topic, pages, notices].map(({ topicArn }) => topicArn),
    );
    this.allow(['sns:GetSubscriptionAttributes'], ['*']);
    this.allow(['dynamodb:DescribeTable'], tables);
    this.allow(
      ['dynamodb:GetItem', 'dynamodb:BatchGetItem'],
      props.recordTables.map(({ tableArn }) => tableArn),
    );
    // status, watch, trace, check; redrive, which asks for ARNs; stop, which asks how long a queue keeps a message
    this.allow(['sqs:GetQueueAttributes'], [...queues, ...letterQueues]);
    this.allow(['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData'], ['*']);
    // failed, trace: reading such a queue, after which all messages are visible again; redrive and purge, which delete them
    this.allow(['sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility', 'sqs:DeleteMessage'], letterQueues);
    // stop, start; status, watch and check, which tell who is stopped
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
    // check, but for the drift: for that one must be allowed to read whatever the stack has
    this.allow(['cloudwatch:DescribeAlarmHistory', 'lambda:GetAccountSettings'], ['*']);
    this.allow(
      ['lambda:GetFunctionConcurrency'],
      props.consumers.map((consumer) => consumer.function.functionArn),
    );
    if (props.encryptionKey) this.allow(['kms:DescribeKey'], [props.encryptionKey.keyArn]);
    // check --fire
    this.allow(['cloudwatch:SetAlarmState'], [this.alarms]);
    // To publish, to read dead-letter messages and to send them back.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    if (props.encryptionKey) this.allow(['kms:Decrypt', 'kms:GenerateDataKey'], [props.encryptionKey.keyArn]);
  }

  private allow(actions: string[], resources: string[]): void {
    if (resources.length > 0) this.addStatements(new PolicyStatement({ actions, resources }));
  }
}
