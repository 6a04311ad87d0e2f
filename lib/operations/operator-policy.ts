import { ArnFormat, Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Operations } from '../alarms/operations.ts';
import { acknowledge, wildcardFinding } from '../checks/acknowledge.ts';
import type { Consumer } from '../consumer/consumer.ts';
import type { OperatedObjects, OperatedStorage, OperatedTable } from '../storage/consumer-storage.ts';

export interface OperatorPolicyProps extends OperatedStorage {
  /** Topic that events are published to. */
  readonly topic: ITopic;
  /** Topics that alarms are announced on. */
  readonly operations: Operations;
  readonly consumers: readonly Consumer[];
  /** Queue of the messages that no consumer's subscription asks for. */
  readonly unroutedQueue: IQueue;
  /** Where operations are recorded. */
  readonly operationsLog: ILogGroup;
  /**
   * Key that encrypts topic and queues.
   * @default - keys of the services, which need no permission
   */
  readonly encryptionKey?: IKey | undefined;
}

/** What the verbs of the command line call, and nothing else. Attach it to the role or group of those on call. */
export class OperatorPolicy extends ManagedPolicy {
  constructor(scope: Construct, id: string, props: OperatorPolicyProps) {
    const stack = Stack.of(scope);
    super(scope, id, { description: `Operates ${stack.stackName} by its command line` });
    this.allowOnStack(props);
    this.allowOnConsumers(props);
    this.allowOnTables(props.tables);
    // publish --wait, trace; replay, archive get
    for (const objects of props.objects) this.allowOnObjects(objects);
    this.allowOnAll();
  }

  private allowOnStack({ topic, operations, operationsLog, encryptionKey }: OperatorPolicyProps): void {
    const stack = Stack.of(this);
    // Every verb finds the stack by its name.
    const stacks = stack.formatArn({
      service: 'cloudformation',
      resource: 'stack',
      resourceName: `${stack.stackName}/*`,
    });
    this.allow(['cloudformation:DescribeStacks'], [stacks]);
    // publish, redrive unrouted
    this.allow(['sns:Publish'], [topic.topicArn]);
    // publish --wait, trace; redrive unrouted, which refuses what would come straight back; check, of the alarms' topics as well
    this.allow(
      ['sns:ListSubscriptionsByTopic', 'sns:GetTopicAttributes'],
      [topic, operations.pages, operations.notices].map(({ topicArn }) => topicArn),
    );
    // redrive, stop, start: their record
    this.allow(
      ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:FilterLogEvents'],
      [operationsLog.logGroupArn],
    );
    // check --fire
    const alarms = stack.formatArn({
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: `${stack.stackName}-*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    this.allow(['cloudwatch:SetAlarmState'], [alarms]);
    acknowledge(this, {
      [wildcardFinding(this, stacks)]:
        'To ask for a stack by its name one need not know the rest of its ARN.',
      [wildcardFinding(this, alarms)]:
        "CloudFormation names the stack's alarms, beginning with the stack's name.",
    });
    // To publish, to read dead-letter messages and to send them back; check.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    if (encryptionKey) {
      this.allow(['kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'], [encryptionKey.keyArn]);
    }
  }

  /** Each resource once: the length of a policy is limited. */
  private allowOnConsumers({ consumers, unroutedQueue }: OperatorPolicyProps): void {
    // status, watch, trace, check; redrive, which needs ARNs and sends; stop, which reports how long the queue keeps a message
    const ask = 'sqs:GetQueueAttributes';
    this.allow(
      [ask, 'sqs:SendMessage'],
      consumers.map(({ queue }) => queue.queueArn),
    );
    // failed, trace: they read such a queue, after which all messages are visible again; redrive and purge, which delete them
    const read = ['sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility', 'sqs:DeleteMessage'];
    const move = ['sqs:StartMessageMoveTask', 'sqs:ListMessageMoveTasks', 'sqs:CancelMessageMoveTask'];
    this.allow(
      [ask, ...read, ...move],
      consumers.map(({ deadLetterQueue }) => deadLetterQueue.queueArn),
    );
    this.allow([ask, ...read], [unroutedQueue.queueArn]);
    // stop, start; status, watch and check, which report who is stopped
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

  private allowOnTables(tables: readonly OperatedTable[]): void {
    for (const [actions, group] of Map.groupBy(tables, ({ actions }) => actions.join())) {
      const arns = group.map(({ table }) => table.tableArn);
      if (actions) this.allow(actions.split(','), arns);
    }
  }

  /** Only who may list a bucket is told that it lacks an object: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html */
  private allowOnObjects({ bucket, prefix }: OperatedObjects): void {
    this.allow(['s3:ListBucket'], [bucket.bucketArn]);
    this.allow(['s3:GetObject'], [bucket.arnForObjects(`${prefix}*`)]);
  }

  /** What has no ARN to name. */
  private allowOnAll(): void {
    // publish --wait, trace, redrive unrouted
    this.allow(['sns:GetSubscriptionAttributes'], ['*']);
    // status, watch, check
    this.allow(['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData'], ['*']);
    // check, without the drift, for which one must be allowed to read whatever the stack has
    this.allow(['cloudwatch:DescribeAlarmHistory', 'lambda:GetAccountSettings'], ['*']);
    acknowledge(this, {
      'AwsSolutions-IAM5[Resource::*]':
        'Subscriptions, alarms, metrics and the account cannot be named: GetSubscriptionAttributes, GetMetricData and ' +
        'GetAccountSettings know no resources; of composite alarms, DescribeAlarms and DescribeAlarmHistory take all or none.',
    });
  }

  private allow(actions: string[], resources: string[]): void {
    if (resources.length > 0) this.addStatements(new PolicyStatement({ actions, resources }));
  }
}
