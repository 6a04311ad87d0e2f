import { join } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { LambdaApplication } from 'aws-cdk-lib/aws-codedeploy';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { archiveConsumer, consumerDefaults, consumers, stages } from '#config';
import { ARCHIVE, ARCHIVE_PREFIX } from '../contract/archive.ts';
import { alarmsId, pascalCase } from '../contract/names.ts';
import {
  consumerOutputs,
  publisherParameters,
  STACK_OUTPUTS,
  type TableContents,
  UNROUTED,
} from '../contract/stack-outputs.ts';
import { Operations } from './alarms/operations.ts';
import { ArchiveBucket } from './archive/archive-bucket.ts';
import { ArchiveTable } from './archive/archive-table.ts';
import { checkGroupPeak } from './checks/fifo-rails.ts';
import { guardRails } from './checks/guard-rails.ts';
import { Consumer } from './consumer/consumer.ts';
import { ConsumerAlarms } from './consumer/consumer-alarms.ts';
import { GradualRelease } from './consumer/gradual-release.ts';
import { MessagingKey } from './messaging/messaging-key.ts';
import { FanOutDashboard } from './operations/dashboard.ts';
import { OperatorPolicy } from './operations/operator-policy.ts';
import {
  archiveSettings,
  type CompleteConsumer,
  completeConsumer,
  consumerProps,
  eventTypesOf,
} from './settings/consumers.ts';
import type { ConsumerSettings, Stage, StageName } from './settings/types.ts';
import { checkName, checkWholeNumbers } from './settings/validation.ts';
import { addStorage, type ConsumerStorage } from './storage/consumer-storage.ts';
import { FanOutTopic } from './topic/fan-out-topic.ts';
import { TopicAlarms } from './topic/topic-alarms.ts';
import { UnroutedMessages } from './topic/unrouted-messages.ts';

const HANDLERS = join(import.meta.dirname, '..', 'lambda');

export interface OrderFanOutStackProps extends StackProps {
  readonly stage: StageName;
  /**
   * The stage's settings.
   * @default - those in config.ts
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
  private readonly encryptionKey: MessagingKey | undefined;
  private readonly unrouted: UnroutedMessages;
  private readonly operations: Operations;
  private readonly storage: ConsumerStorage[] = [];

  constructor(scope: Construct, id: string, props: OrderFanOutStackProps) {
    const { stage: stageName, settings = stages[stageName], ...others } = props;
    const { consumers: wanted = consumers, handlers = HANDLERS, ...stackProps } = others;
    super(scope, id, { terminationProtection: settings.keepData, ...stackProps });
    this.stage = settings;
    guardRails(this);
    checkWholeNumbers(`stages.${stageName} in lib/config.ts`, settings);
    this.tag(stageName);
    const allConsumers = this.complete(wanted, stageName);

    this.encryptionKey = this.addKey();
    this.operations = this.addOperations();
    this.orders = this.addTopic();
    this.unrouted = this.addUnrouted(allConsumers);
    this.addTopicAlarms();
    const operationsLog = this.addOperationsLog();

    const constructs = this.addConsumers(allConsumers, handlers);
    const archive = this.addArchive(constructs.get(ARCHIVE));
    const { topic } = this.orders;
    const unroutedQueue = this.unrouted.queue;
    new FanOutDashboard(this, 'Overview', { topic, unroutedQueue, consumers: constructs });
    if (settings.operations.policy) {
      const { managedPolicyArn } = new OperatorPolicy(this, 'OperatorPolicy', {
        topic,
        operations: this.operations,
        consumers: [...constructs.values()],
        unroutedQueue,
        recordTables: this.tablesWith('records'),
        stockTables: this.tablesWith('stock'),
        recordBuckets: this.storage
          .flatMap(({ buckets }) => buckets)
          .filter(({ holds }) => holds === 'records'),
        archive,
        operationsLog,
        encryptionKey: this.encryptionKey,
      });
      this.output(STACK_OUTPUTS.operatorPolicyArn, managedPolicyArn);
    }
  }

  /** The consumers by name, without gaps in their settings; the archive's, if there is one, is the last. */
  private complete(
    wanted: Readonly<Record<string, ConsumerSettings>>,
    stageName: StageName,
  ): ReadonlyMap<string, CompleteConsumer> {
    const names = Object.keys(wanted);
    names.forEach(checkName);
    const settings = Object.entries(wanted);
    if (this.stage.archive) settings.push([ARCHIVE, archiveSettings(archiveConsumer, this.stage)]);
    return new Map(
      settings.map(([name, each]) => [name, completeConsumer(name, each, consumerDefaults, stageName)]),
    );
  }

  private tag(stage: StageName): void {
    const tags = { ...this.stage.tags, stage, service: 'order-fan-out' };
    for (const [tag, value] of Object.entries(tags)) Tags.of(this).add(tag, value);
  }

  private addKey(): MessagingKey | undefined {
    if (!this.stage.customerManagedKey) return undefined;
    return new MessagingKey(this, 'Key', {
      // The archive stays in every stage, and nobody could read it without the key.
      removalPolicy: this.stage.archive ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : this.keptWhereUsed,
    });
  }

  private addOperations(): Operations {
    const { email, pageTopicArn, noticeTopicArn, runbook } = this.stage.operations;
    const { encryptionKey } = this;
    const operations = new Operations(this, 'Operations', {
      encryptionKey,
      email,
      pageTopicArn,
      noticeTopicArn,
      runbook,
    });
    this.output(STACK_OUTPUTS.pagesTopicArn, operations.pages.topicArn);
    this.output(STACK_OUTPUTS.noticesTopicArn, operations.notices.topicArn);
    return operations;
  }

  private addTopic(): FanOutTopic {
    const { ordered, peakPerCustomer, fairQueues, tracing, deliveryLogging, publisherAccounts } = this.stage;
    const { encryptionKey } = this;
    if (ordered && peakPerCustomer !== undefined) checkGroupPeak(this, peakPerCustomer);
    const orders = new FanOutTopic(this, 'Orders', {
      encryptionKey,
      ordered,
      tracing,
      deliveryLogging,
      publisherAccounts,
    });
    const { topicArn } = orders.topic;
    this.output(STACK_OUTPUTS.ordersTopicArn, topicArn);
    if (fairQueues) this.output(STACK_OUTPUTS.fairQueues, 'true');
    // Physical names, which publishers can know beforehand; another name replaces the parameter.
    const names = publisherParameters(this.stackName);
    const parameter = (id: string, parameterName: string, stringValue: string) =>
      new StringParameter(this, id, { parameterName, stringValue });
    parameter('OrdersTopicParameter', names.topicArn, topicArn);
    if (encryptionKey) parameter('OrdersKeyParameter', names.keyArn, encryptionKey.keyArn);
    return orders;
  }

  private addUnrouted(allConsumers: ReadonlyMap<string, CompleteConsumer>): UnroutedMessages {
    const unrouted = new UnroutedMessages(this, pascalCase(UNROUTED), {
      encryptionKey: this.encryptionKey,
      ordered: this.stage.ordered,
      topic: this.orders.topic,
      attribute: 'eventType',
      known: eventTypesOf(allConsumers.values()),
      removalPolicy: this.keptWhereUsed,
    });
    this.output(STACK_OUTPUTS.unroutedQueueUrl, unrouted.queue.queueUrl);
    return unrouted;
  }

  private addTopicAlarms(): void {
    new TopicAlarms(this, 'OrdersAlarms', {
      topic: this.orders.topic,
      name: 'orders',
      unrouted: this.unrouted,
      operations: this.operations,
      thresholds: this.stage.topicAlarms,
    });
  }

  private addOperationsLog(): LogGroup {
    const { encryptionKey } = this;
    const operationsLog = new LogGroup(this, 'OperationsLog', {
      retention: this.stage.operationsLogRetentionDays,
      ...(encryptionKey && { encryptionKey }),
      removalPolicy: this.keptWhereUsed,
    });
    this.output(STACK_OUTPUTS.operationsLogGroupName, operationsLog.logGroupName);
    return operationsLog;
  }

  /** Each with its tables and alarms, and with releases that these roll back. */
  private addConsumers(
    allConsumers: ReadonlyMap<string, CompleteConsumer>,
    handlers: string,
  ): ReadonlyMap<string, Consumer> {
    const releases = this.stage.gradualReleases ? new LambdaApplication(this, 'Releases') : undefined;
    const constructs = new Map<string, Consumer>();
    for (const [name, settings] of allConsumers) {
      const consumer = this.addConsumer(name, settings, join(handlers, name, 'handler.ts'));
      const { operations } = this;
      const { thresholds } = settings;
      const alarms = new ConsumerAlarms(this, alarmsId(name), { consumer, operations, thresholds });
      if (releases) {
        const release = { application: releases, alias: consumer.alias, alarms: alarms.forReleases() };
        new GradualRelease(this, `${pascalCase(name)}Release`, release);
      }
      constructs.set(name, consumer);
    }
    return constructs;
  }

  private addConsumer(name: string, settings: CompleteConsumer, handlerEntry: string): Consumer {
    const { ordered } = this.stage;
    const consumer = new Consumer(this, pascalCase(name), {
      name,
      ...consumerProps(settings, this.stage),
      undelivered: ordered && settings.ordered === false ? this.unrouted.queue : undefined,
      removalPolicy: this.keptWhereUsed,
      encryptionKey: this.encryptionKey,
      topic: this.orders.topic,
      handlerEntry,
    });
    Tags.of(consumer).add('consumer', name);
    const { keepData } = this.stage;
    this.storage.push(addStorage(consumer, settings, { keepData, encryptionKey: this.encryptionKey }));

    const outputs = consumerOutputs(name);
    this.output(outputs.queueUrl, consumer.queue.queueUrl);
    this.output(outputs.deadLetterQueueUrl, consumer.deadLetterQueue.queueUrl);
    this.output(outputs.functionName, consumer.function.functionName);
    this.output(outputs.eventSourceMappingId, consumer.mapping.eventSourceMappingId);
    this.output(outputs.logGroupName, consumer.function.logGroup.logGroupName);
    return consumer;
  }

  private tablesWith(contents: TableContents): TableV2[] {
    const tables = this.storage.flatMap((each) => each.tables);
    return tables.filter(({ holds }) => holds === contents).map(({ table }) => table);
  }

  /** Where the archive's consumer, if there is one, keeps what it takes. */
  private addArchive(consumer: Consumer | undefined): IBucket | undefined {
    const { archive } = this.stage;
    if (!consumer || !archive) return undefined;
    checkWholeNumbers('archive in lib/config.ts', archive);
    const { encryptionKey } = this;
    const { bucket } = new ArchiveBucket(consumer, 'Bucket', {
      encryptionKey,
      coldAfter: Duration.days(archive.coldAfterDays),
      deleteAfter: Duration.days(archive.deleteAfterDays),
    });
    consumer.useBucket(bucket, { variable: 'ARCHIVE_BUCKET', writes: ARCHIVE_PREFIX });
    new ArchiveTable(consumer, 'Table', { encryptionKey, bucket });
    this.output(STACK_OUTPUTS.archiveBucketName, bucket.bucketName);
    return bucket;
  }

  /**
   * For what is empty before the stack works: kept, unless the very first deployment fails.
   * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
   */
  private get keptWhereUsed(): RemovalPolicy {
    return this.stage.keepData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
  }

  private output(name: string, value: string, description?: string): void {
    new CfnOutput(this, name, { value, ...(description && { description }) });
  }
}
