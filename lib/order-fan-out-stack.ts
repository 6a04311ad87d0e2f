import { join } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { LambdaApplication } from 'aws-cdk-lib/aws-codedeploy';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { ARCHIVE, ARCHIVE_PREFIX } from '../contract/archive.ts';
import { alarmsId, pascalCase, upperSnakeCase } from '../contract/names.ts';
import {
  consumerOutputs,
  publisherParameters,
  STACK_OUTPUTS,
  type TableContents,
  tableDescription,
  UNROUTED,
} from '../contract/stack-outputs.ts';
import { Operations } from './alarms/operations.ts';
import { ArchiveBucket } from './archive/archive-bucket.ts';
import { ArchiveTable } from './archive/archive-table.ts';
import { acknowledgeFindings } from './checks/acknowledgements.ts';
import { checkGroupPeak } from './checks/fifo-rails.ts';
import { guardRails } from './checks/guard-rails.ts';
import { archiveConsumer, consumers, stages } from './config.ts';
import { Consumer } from './consumer/consumer.ts';
import { ConsumerAlarms } from './consumer/consumer-alarms.ts';
import { GradualRelease } from './consumer/gradual-release.ts';
import { OnDemandTable } from './consumer/on-demand-table.ts';
import { MessagingKey } from './messaging/messaging-key.ts';
import { FanOutDashboard } from './operations/dashboard.ts';
import { OperatorPolicy, type OperatorPolicyProps } from './operations/operator-policy.ts';
import { checkName, consumerProps, eventTypesOf } from './settings/consumer-props.ts';
import type { ConsumerSettings, ConsumerThresholds, Stage, StageName } from './settings/types.ts';
import { checkWholeNumbers } from './settings/validation.ts';
import { FanOutTopic } from './topic/fan-out-topic.ts';
import { TopicAlarms } from './topic/topic-alarms.ts';
import { UnroutedMessages } from './topic/unrouted-messages.ts';

const HANDLERS = join(import.meta.dirname, '..', 'lambda');

export interface OrderFanOutStackProps extends StackProps {
  readonly stage: StageName;
  /**
   * What belongs to the stage.
   * @default - its settings in config.ts
   */
  readonly settings?: Stage | undefined;
  /**
   * Who consumes orders.
   * @default - the table in config.ts
   */
  readonly consumers?: Readonly<Record<string, ConsumerSettings>> | undefined;
  /**
   * Folder with a folder for each consumer, which holds its `handler.ts`.
   * @default - lambda/ of this project
   */
  readonly handlers?: string | undefined;
}

/** Orders, from the topic they are published to, to the tables of their consumers. */
export class OrderFanOutStack extends Stack {
  /** For publishers in the same CDK app: `orders.grantPublish(role)`. */
  readonly orders: FanOutTopic;
  private readonly stage: Stage;
  private readonly encryption: { readonly encryptionKey?: MessagingKey };
  private readonly unrouted: UnroutedMessages;
  private readonly tables: { holds: TableContents; table: OnDemandTable }[] = [];

  constructor(scope: Construct, id: string, props: OrderFanOutStackProps) {
    const stage = props.settings ?? stages[props.stage];
    super(scope, id, { terminationProtection: stage.keepData, ...props });
    this.stage = stage;
    guardRails(this);
    checkWholeNumbers(`stages.${props.stage} in lib/config.ts`, stage);
    this.tag(props.stage);
    const everybody = Object.entries<ConsumerSettings>(props.consumers ?? consumers);
    for (const [name] of everybody) checkName(name);
    if (stage.archive) everybody.push([ARCHIVE, archiveConsumer(stage.ordered, stage.archive)]);

    const key = stage.customerManagedKey
      ? new MessagingKey(this, 'Key', {
          // The archive stays in every stage, and nobody could read it without the key.
          removalPolicy: stage.archive ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : this.keptWhereUsed,
        })
      : undefined;
    this.encryption = { ...(key && { encryptionKey: key }) };
    const operations = new Operations(this, 'Operations', { ...this.encryption, ...stage.operations });
    if (stage.ordered && stage.peakPerCustomer !== undefined) checkGroupPeak(this, stage.peakPerCustomer);
    this.orders = new FanOutTopic(this, 'Orders', { ...this.encryption, ...stage });
    const { topic } = this.orders;
    this.tellPublishers(topic.topicArn, key?.keyArn);
    this.unrouted = new UnroutedMessages(this, pascalCase(UNROUTED), {
      ...this.encryption,
      ordered: stage.ordered,
      topic,
      attribute: 'eventType',
      known: eventTypesOf(everybody.map(([, settings]) => settings)),
      removalPolicy: this.keptWhereUsed,
    });
    const { unrouted } = this;
    const ofTopic = { topic, name: 'orders', unrouted, operations, ...stage.topicAlarms };
    new TopicAlarms(this, 'OrdersAlarms', ofTopic);
    const operationsLog = new LogGroup(this, 'OperationsLog', {
      retention: stage.operationsLogRetentionDays,
      ...this.encryption,
      removalPolicy: this.keptWhereUsed,
    });
    this.output(STACK_OUTPUTS.unroutedQueueUrl, unrouted.queue.queueUrl);
    if (stage.fairQueues) this.output(STACK_OUTPUTS.fairQueues, 'true');
    this.output(STACK_OUTPUTS.pagesTopicArn, operations.pages.topicArn);
    this.output(STACK_OUTPUTS.noticesTopicArn, operations.notices.topicArn);
    this.output(STACK_OUTPUTS.operationsLogGroupName, operationsLog.logGroupName);

    const consumersByName = this.addConsumers(everybody, props, operations);
    const archive = this.addArchive(consumersByName.get(ARCHIVE));
    const shown = { topic, unroutedQueue: unrouted.queue, consumers: consumersByName };
    new FanOutDashboard(this, 'Overview', shown);
    if (stage.operations.policy) {
      const consumers = [...consumersByName.values()];
      const given = { topic, operations, consumers, unroutedQueue: unrouted.queue, operationsLog };
      this.addOperatorPolicy({ ...given, ...(archive && { archive }) });
    }
    acknowledgeFindings(this);
  }

  /** Each with its alarms, and with releases that these take back. @returns the consumers by name */
  private addConsumers(
    everybody: readonly (readonly [string, ConsumerSettings])[],
    { stage, handlers = HANDLERS }: OrderFanOutStackProps,
    operations: Operations,
  ): Map<string, Consumer> {
    const releases = this.stage.gradualReleases ? new LambdaApplication(this, 'Releases') : undefined;
    const consumersByName = new Map<string, Consumer>();
    for (const [name, settings] of everybody) {
      const consumer = this.addConsumer(name, settings, join(handlers, name, 'handler.ts'));
      const alarms = this.addAlarms(consumer, name, settings.alarms[stage], operations);
      if (releases) {
        const release = { application: releases, alias: consumer.alias, alarms: alarms.takingReleasesBack() };
        new GradualRelease(this, `${pascalCase(name)}Release`, release);
      }
      consumersByName.set(name, consumer);
    }
    return consumersByName;
  }

  private addConsumer(name: string, settings: ConsumerSettings, handlerEntry: string): Consumer {
    const consumer = new Consumer(this, pascalCase(name), {
      ...consumerProps(name, settings, this.stage),
      ...(this.stage.ordered && settings.ordered === false && { undelivered: this.unrouted.queue }),
      removalPolicy: this.keptWhereUsed,
      ...this.encryption,
      topic: this.orders.topic,
      handlerEntry,
    });
    Tags.of(consumer).add('consumer', name);
    this.addTables(consumer, name, settings);
    this.addOutputs(consumer, name);
    return consumer;
  }

  /** Where the consumer that is given, if there is one, keeps what it takes. */
  private addArchive(consumer: Consumer | undefined): IBucket | undefined {
    const { archive } = this.stage;
    if (!consumer || !archive) return undefined;
    checkWholeNumbers('archive in lib/config.ts', archive);
    const { bucket } = new ArchiveBucket(consumer, 'Bucket', {
      ...this.encryption,
      coldAfter: Duration.days(archive.coldAfterDays),
      deleteAfter: Duration.days(archive.deleteAfterDays),
    });
    consumer.useBucket(bucket, { variable: 'ARCHIVE_BUCKET', prefix: ARCHIVE_PREFIX });
    new ArchiveTable(consumer, 'Table', { ...this.encryption, bucket });
    this.output(STACK_OUTPUTS.archiveBucketName, bucket.bucketName);
    return bucket;
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

  /** Physical names, which publishers can know beforehand; a parameter is replaced by nothing but another name. */
  private tellPublishers(topicArn: string, keyArn: string | undefined): void {
    this.output(STACK_OUTPUTS.ordersTopicArn, topicArn);
    const names = publisherParameters(this.stackName);
    const tell = (id: string, parameterName: string, stringValue: string) =>
      new StringParameter(this, id, { parameterName, stringValue });
    tell('OrdersTopicParameter', names.topicArn, topicArn);
    if (keyArn) tell('OrdersKeyParameter', names.keyArn, keyArn);
  }

  private addTables(consumer: Consumer, owner: string, { tables }: ConsumerSettings): void {
    const { keepData } = this.stage;
    for (const [name, { holds, partitionKey, actions }] of Object.entries(tables)) {
      checkName(name);
      const table = new OnDemandTable(consumer, `${pascalCase(name)}Table`, { partitionKey, keepData });
      consumer.useTable(table, { variable: `${upperSnakeCase(name)}_TABLE`, actions });
      const output = consumerOutputs(owner).tableName(name);
      this.output(output, table.tableName, tableDescription({ holds, partitionKey }));
      this.tables.push({ holds, table });
    }
  }

  private tablesWith(contents: TableContents): OnDemandTable[] {
    return this.tables.filter(({ holds }) => holds === contents).map(({ table }) => table);
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

  private addOperatorPolicy(
    props: Pick<
      OperatorPolicyProps,
      'topic' | 'operations' | 'consumers' | 'unroutedQueue' | 'operationsLog' | 'archive'
    >,
  ): void {
    const { managedPolicyArn } = new OperatorPolicy(this, 'OperatorPolicy', {
      ...this.encryption,
      ...props,
      recordTables: this.tablesWith('records'),
      stockTables: this.tablesWith('stock'),
    });
    this.output(STACK_OUTPUTS.operatorPolicyArn, managedPolicyArn);
  }

  private addOutputs(consumer: Consumer, name: string): void {
    const { queue, deadLetterQueue, function: lambdaFunction, mapping } = consumer;
    const outputs = consumerOutputs(name);
    this.output(outputs.queueUrl, queue.queueUrl);
    this.output(outputs.deadLetterQueueUrl, deadLetterQueue.queueUrl);
    this.output(outputs.functionName, lambdaFunction.functionName);
    this.output(outputs.eventSourceMappingId, mapping.eventSourceMappingId);
    this.output(outputs.logGroupName, lambdaFunction.logGroup.logGroupName);
  }

  private output(name: string, value: string, description?: string): void {
    new CfnOutput(this, name, { value, ...(description && { description }) });
  }
}
