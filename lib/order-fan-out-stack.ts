import { join } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Size, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { LambdaApplication } from 'aws-cdk-lib/aws-codedeploy';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { SubscriptionFilter } from 'aws-cdk-lib/aws-sns';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { ORDER_PLACED } from '../contract/event-types.ts';
import { alarmsId, isKebabCase, pascalCase, upperSnakeCase } from '../contract/names.ts';
import { consumerOutputs, publisherParameters, STACK_OUTPUTS } from '../contract/stack-outputs.ts';
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
import { GradualRelease } from './gradual-release.ts';
import { MessagingKey } from './messaging-key.ts';
import { OnDemandTable } from './on-demand-table.ts';
import { FanOutDashboard } from './operations/dashboard.ts';
import { Operations } from './operations/operations.ts';
import { OperatorPolicy } from './operations/operator-policy.ts';
import { TopicAlarms } from './operations/topic-alarms.ts';

const HANDLERS = join(import.meta.dirname, '..', 'lambda');

export interface OrderFanOutStackProps extends StackProps {
  readonly stage: StageName;
  /**
   * What belongs to the stage.
   * @default - its settings in config.ts
   */
  readonly settings?: Stage;
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
  /** For publishers in the same CDK app: `orders.grantPublish(role)`. */
  readonly orders: FanOutTopic;
  private readonly stage: Stage;

  constructor(scope: Construct, id: string, props: OrderFanOutStackProps) {
    const stage = props.settings ?? stages[props.stage];
    super(scope, id, { terminationProtection: stage.keepData, ...props });
    this.stage = stage;
    guardRails(this);
    checkWholeNumbers(`stages.${props.stage} in lib/config.ts`, stage);
    this.tag(props.stage);

    const key = stage.customerManagedKey
      ? new MessagingKey(this, 'Key', { removalPolicy: this.keptWhereUsed })
      : undefined;
    const encryption = key && { encryptionKey: key };
    const operations = new Operations(this, 'Operations', { ...encryption, ...stage.operations });
    const { tracing, deliveryLogging, publisherAccounts } = stage;
    this.orders = new FanOutTopic(this, 'Orders', {
      ...encryption,
      tracing,
      deliveryLogging,
      publisherAccounts,
    });
    const { topic } = this.orders;
    new TopicAlarms(this, 'OrdersAlarms', { topic, name: 'orders', operations, ...stage.topicAlarms });
    this.tellPublishers(topic.topicArn, key?.keyArn);
    const operationsLog = new LogGroup(this, 'OperationsLog', {
      retention: stage.operationsLogRetentionDays,
      ...encryption,
      removalPolicy: this.keptWhereUsed,
    });
    new CfnOutput(this, STACK_OUTPUTS.pagesTopicArn, { value: operations.pages.topicArn });
    new CfnOutput(this, STACK_OUTPUTS.noticesTopicArn, { value: operations.notices.topicArn });
    new CfnOutput(this, STACK_OUTPUTS.operationsLogGroupName, { value: operationsLog.logGroupName });

    const releases = stage.gradualReleases ? new LambdaApplication(this, 'Releases') : undefined;
    const consumersByName = new Map<string, Consumer>();
    const tables: { partitionKey: string; table: OnDemandTable }[] = [];
    for (const [name, settings] of Object.entries<ConsumerSettings>(props.consumers ?? consumers)) {
      checkName(name);
      const consumer = new Consumer(this, pascalCase(name), {
        ...this.consumerProps(name, settings),
        ...encryption,
        topic,
        handlerEntry: join(props.handlers ?? HANDLERS, name, 'handler.ts'),
      });
      Tags.of(consumer).add('consumer', name);
      tables.push(...this.addTables(consumer, name, settings));
      const alarms = this.addAlarms(consumer, name, settings.alarms[props.stage], operations);
      if (releases) {
        const { alias } = consumer;
        new GradualRelease(this, `${pascalCase(name)}Release`, {
          application: releases,
          alias,
          alarms: alarms.release,
        });
      }
      this.addOutputs(consumer, name);
      consumersByName.set(name, consumer);
    }
    new FanOutDashboard(this, 'Overview', { topic, consumers: consumersByName });
    if (stage.operations.policy) {
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

  /**
   * Of what holds nothing before the stack works: kept, unless its very first deployment fails.
   * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
   */
  private get keptWhereUsed(): RemovalPolicy {
    return this.stage.keepData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
  }

  private tag(stage: StageName): void {
    const tags = { ...this.stage.tags, stage, service: 'order-fan-out' };
    for (const [tag, value] of Object.entries(tags)) Tags.of(this).add(tag, value);
  }

  /** Props of the construct from the settings in lib/config.ts. */
  private consumerProps(name: string, settings: ConsumerSettings) {
    checkWholeNumbers(`consumers.${name} in lib/config.ts`, settings);
    const filter = { eventType: [ORDER_PLACED], ...settings.filter };
    const { outlastMinutes, reservedConcurrency } = settings;
    return {
      name,
      filterPolicy: Object.fromEntries(
        Object.entries(filter).map(([attribute, allowlist]) => [
          attribute,
          SubscriptionFilter.stringFilter({ allowlist: [...allowlist] }),
        ]),
      ),
      memory: Size.mebibytes(settings.memoryMiB),
      timeout: Duration.seconds(settings.timeoutSeconds),
      batchSize: settings.batchSize,
      batchWindow: Duration.seconds(settings.batchWindowSeconds),
      maxConcurrency: settings.maxConcurrency,
      ...(reservedConcurrency !== undefined && { reservedConcurrency }),
      ...(outlastMinutes !== undefined && { outlast: Duration.minutes(outlastMinutes) }),
      logRetention: Duration.days(this.stage.logRetentionDays),
      removalPolicy: this.keptWhereUsed,
      tracing: this.stage.tracing,
    };
  }

  /** Physical names, which publishers can know beforehand; a parameter is replaced by nothing but another name. */
  private tellPublishers(topicArn: string, keyArn: string | undefined): void {
    new CfnOutput(this, STACK_OUTPUTS.ordersTopicArn, { value: topicArn });
    const names = publisherParameters(this.stackName);
    const tell = (id: string, parameterName: string, stringValue: string) =>
      new StringParameter(this, id, { parameterName, stringValue });
    tell('OrdersTopicParameter', names.topicArn, topicArn);
    if (keyArn) tell('OrdersKeyParameter', names.keyArn, keyArn);
  }

  private addTables(consumer: Consumer, owner: string, { tables }: ConsumerSettings) {
    const { keepData } = this.stage;
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
    operations: Operations,
  ): ConsumerAlarms {
    checkWholeNumbers(`alarms of consumers.${name} in lib/config.ts`, when);
    return new ConsumerAlarms(this, alarmsId(name), {
      consumer,
      name,
      operations,
      ...when,
      oldestMessage: Duration.seconds(when.oldestMessageSeconds),
      promised: Duration.seconds(when.promisedSeconds),
    });
  }

  private addOutputs(consumer: Consumer, name: string): void {
    const { queue, deadLetterQueue, function: lambdaFunction, mapping } = consumer;
    const outputs = consumerOutputs(name);
    new CfnOutput(this, outputs.queueUrl, { value: queue.queueUrl });
    new CfnOutput(this, outputs.deadLetterQueueUrl, { value: deadLetterQueue.queueUrl });
    new CfnOutput(this, outputs.functionName, { value: lambdaFunction.functionName });
    new CfnOutput(this, outputs.eventSourceMappingId, { value: mapping.eventSourceMappingId });
    new CfnOutput(this, outputs.logGroupName, { value: lambdaFunction.logGroup.logGroupName });
  }
}

/** @throws ConfigError for a name that no ID can be made of */
function checkName(name: string): void {
  if (isKebabCase(name)) return;
  throw new ConfigError(`"${name}" is not a name in kebab-case, such as billing or stock-levels`);
}
