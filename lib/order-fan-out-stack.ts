import { join } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Size, Stack, type StackProps } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { type ITopic, SubscriptionFilter } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { ORDER_PLACED } from '../contract/event-types.ts';
import { alarmsId, isKebabCase, pascalCase, upperSnakeCase } from '../contract/names.ts';
import { consumerOutputs, STACK_OUTPUTS } from '../contract/stack-outputs.ts';
import { acknowledgeFindings } from './checks/acknowledgements.ts';
import { guardRails } from './checks/guard-rails.ts';
import { ConfigError, checkWholeNumbers } from './checks/settings.ts';
import {
  type ConsumerSettings,
  type ConsumerThresholds,
  consumers,
  type Stage,
  type StageName,
  stages,
} from './config.ts';
import { Consumer } from './consumer.ts';
import { ConsumerAlarms } from './consumer-alarms.ts';
import { FanOutTopic } from './fan-out-topic.ts';
import { MessagingKey } from './messaging-key.ts';
import { OnDemandTable } from './on-demand-table.ts';
import { FanOutDashboard } from './operations/dashboard.ts';
import { OperationsTopic } from './operations/operations-topic.ts';
import { OperatorPolicy } from './operations/operator-policy.ts';
import { TopicAlarms } from './operations/topic-alarms.ts';

const HANDLERS = join(import.meta.dirname, '..', 'lambda');

export interface OrderFanOutStackProps extends StackProps {
  readonly stage: StageName;
  /**
   * Address that gets the alarms.
   * @default - nobody is subscribed
   */
  readonly alarmEmail?: string;
  /**
   * Whether to make a managed policy for those who operate the stack by its command line.
   * @default false
   */
  readonly operatorPolicy?: boolean;
  /**
   * Who consumes orders.
   * @default - the table in config.ts
   */
  readonly consumers?: Readonly<Record<string, ConsumerSettings>>;
  /**
   * Folder with a folder for each consumer, which holds its `handler.ts`.
   * @default - lambda/ of this project
   */
  readonly handlers?: string;
}

/** Orders, from the topic they are published to, to the tables of their consumers. */
export class OrderFanOutStack extends Stack {
  constructor(scope: Construct, id: string, props: OrderFanOutStackProps) {
    super(scope, id, { terminationProtection: stages[props.stage].keepData, ...props });
    guardRails(this);
    const stage = stages[props.stage];
    checkWholeNumbers(`stages.${props.stage} in lib/config.ts`, stage);

    const key = stage.customerManagedKey
      ? new MessagingKey(this, 'Key', { removalPolicy: removalPolicy(stage) })
      : undefined;
    const encryption = key && { encryptionKey: key };
    const { topic: operationsTopic } = new OperationsTopic(this, 'Operations', {
      ...encryption,
      ...(props.alarmEmail && { email: props.alarmEmail }),
    });
    const { topic } = new FanOutTopic(this, 'Orders', { ...encryption, tracing: stage.tracing });
    new TopicAlarms(this, 'OrdersAlarms', { topic, name: 'orders', operationsTopic, ...stage.topicAlarms });
    new CfnOutput(this, STACK_OUTPUTS.ordersTopicArn, { value: topic.topicArn });
    new CfnOutput(this, STACK_OUTPUTS.operationsTopicArn, { value: operationsTopic.topicArn });
    const operationsLog = new LogGroup(this, 'OperationsLog', {
      retention: stage.logRetentionDays,
      ...encryption,
      removalPolicy: removalPolicy(stage),
    });
    new CfnOutput(this, STACK_OUTPUTS.operationsLogGroupName, { value: operationsLog.logGroupName });

    const consumersByName = new Map<string, Consumer>();
    const tables: { partitionKey: string; table: OnDemandTable }[] = [];
    for (const [name, settings] of Object.entries<ConsumerSettings>(props.consumers ?? consumers)) {
      checkName(name);
      const consumer = new Consumer(this, pascalCase(name), {
        ...consumerProps(name, settings, stage, this.stackName),
        ...encryption,
        topic,
        handlerEntry: join(props.handlers ?? HANDLERS, name, 'handler.ts'),
      });
      tables.push(...this.addTables(consumer, name, settings, stage));
      this.addAlarms(consumer, name, settings.alarms[props.stage], operationsTopic);
      this.addOutputs(consumer, name);
      consumersByName.set(name, consumer);
    }
    new FanOutDashboard(this, 'Overview', { topic, consumers: consumersByName });
    if (props.operatorPolicy) {
      const withKey = (key: string) =>
        tables.filter(({ partitionKey }) => partitionKey === key).map(({ table }) => table);
      const { managedPolicyArn } = new OperatorPolicy(this, 'OperatorPolicy', {
        ...encryption,
        topic,
        consumers: [...consumersByName.values()],
        recordTables: withKey('orderId'),
        stockTables: withKey('sku'),
        operationsLog,
      });
      new CfnOutput(this, STACK_OUTPUTS.operatorPolicyArn, { value: managedPolicyArn });
    }
    acknowledgeFindings(this);
  }

  private addTables(consumer: Consumer, owner: string, { tables }: ConsumerSettings, { keepData }: Stage) {
    return Object.entries(tables).map(([name, { partitionKey, actions }]) => {
      checkName(name);
      const table = new OnDemandTable(consumer, `${pascalCase(name)}Table`, { partitionKey, keepData });
      consumer.useTable(table, { variable: `${upperSnakeCase(name)}_TABLE`, actions });
      new CfnOutput(this, consumerOutputs(owner).tableName(name), { value: table.tableName });
      return { partitionKey, table };
    });
  }

  private addAlarms(
    consumer: Consumer,
    name: string,
    when: ConsumerThresholds,
    operationsTopic: ITopic,
  ): void {
    checkWholeNumbers(`alarms of consumers.${name} in lib/config.ts`, when);
    new ConsumerAlarms(this, alarmsId(name), {
      consumer,
      name,
      operationsTopic,
      ...when,
      oldestMessage: Duration.seconds(when.oldestMessageSeconds),
    });
  }

  private addOutputs({ queue, deadLetterQueue, function: lambdaFunction }: Consumer, name: string): void {
    const outputs = consumerOutputs(name);
    new CfnOutput(this, outputs.queueUrl, { value: queue.queueUrl });
    new CfnOutput(this, outputs.deadLetterQueueUrl, { value: deadLetterQueue.queueUrl });
    new CfnOutput(this, outputs.functionName, { value: lambdaFunction.functionName });
    new CfnOutput(this, outputs.logGroupName, { value: lambdaFunction.logGroup.logGroupName });
  }
}

/** Props of the construct from the settings in lib/config.ts. */
function consumerProps(name: string, settings: ConsumerSettings, stage: Stage, namespace: string) {
  checkWholeNumbers(`consumers.${name} in lib/config.ts`, settings);
  const filter = { eventType: [ORDER_PLACED], ...settings.filter };
  return {
    filterPolicy: Object.fromEntries(
      Object.entries(filter).map(([attribute, allowlist]) => [
        attribute,
        SubscriptionFilter.stringFilter({ allowlist: [...allowlist] }),
      ]),
    ),
    environment: {
      POWERTOOLS_SERVICE_NAME: name,
      // So that the stages' metrics do not add up where they share an account.
      POWERTOOLS_METRICS_NAMESPACE: namespace,
    },
    memory: Size.mebibytes(settings.memoryMiB),
    timeout: Duration.seconds(settings.timeoutSeconds),
    batchSize: settings.batchSize,
    batchWindow: Duration.seconds(settings.batchWindowSeconds),
    maxConcurrency: settings.maxConcurrency,
    ...(settings.reservedConcurrency !== undefined && { reservedConcurrency: settings.reservedConcurrency }),
    logRetention: Duration.days(stage.logRetentionDays),
    removalPolicy: removalPolicy(stage),
    tracing: stage.tracing,
  };
}

/** @throws ConfigError for a name that no ID can be made of */
function checkName(name: string): void {
  if (isKebabCase(name)) return;
  throw new ConfigError(`"${name}" is not a name in kebab-case, such as billing or stock-levels`);
}

function removalPolicy({ keepData }: Stage): RemovalPolicy {
  return keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}
