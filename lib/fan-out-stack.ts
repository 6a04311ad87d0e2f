import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { LambdaApplication } from 'aws-cdk-lib/aws-codedeploy';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { archiveConsumer, consumerDefaults, consumers, handlers, stages } from '#config';
import { domain } from '#domain';
import { ARCHIVE, archivePrefix } from '../contract/archive.ts';
import type { Domain } from '../contract/domain.ts';
import { alarmsId, pascalCase } from '../contract/names.ts';
import {
  consumerOutputs,
  publisherParameters,
  STACK_OUTPUTS,
  topicArnOutput,
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
import { type EventWords, eventWords } from './settings/event-words.ts';
import { handlerEntry } from './settings/handler-entry.ts';
import type { ConsumerSettings, Stage, StageName } from './settings/types.ts';
import { checkName, checkWholeNumbers } from './settings/validation.ts';
import { addStorage, type OperatedStorage } from './storage/consumer-storage.ts';
import { FanOutTopic } from './topic/fan-out-topic.ts';
import { TopicAlarms } from './topic/topic-alarms.ts';
import { UnroutedMessages } from './topic/unrouted-messages.ts';

export interface FanOutStackProps extends StackProps {
  readonly stage: StageName;
  /**
   * The stage's settings.
   * @default - those in config.ts
   */
  readonly settings?: Stage;
  /**
   * What the events are.
   * @default - that of this project
   */
  readonly domain?: Domain;
  /**
   * Who consumes them.
   * @default - the table in config.ts
   */
  readonly consumers?: Readonly<Record<string, ConsumerSettings>>;
  /**
   * Folder with a folder for each consumer, which holds its `handler.ts`.
   * @default - that in config.ts
   */
  readonly handlers?: string;
}

/** Events, from the topic they are published to, to what their consumers make of them. */
export class FanOutStack extends Stack {
  /** For publishers in the same CDK app: `topic.grantPublish(role)`. */
  readonly topic: FanOutTopic;
  private readonly domain: Domain;
  private readonly stage: Stage;
  private readonly encryptionKey: MessagingKey | undefined;
  private readonly unrouted: UnroutedMessages;
  private readonly operations: Operations;
  private readonly words: EventWords;
  private readonly storage: OperatedStorage[] = [];

  constructor(scope: Construct, id: string, props: FanOutStackProps) {
    const { stage: stageName, settings = stages[stageName], ...others } = props;
    const { domain: events = domain, consumers: wanted = consumers, handlers: folder = handlers } = others;
    super(scope, id, { terminationProtection: settings.keepData, ...others });
    this.domain = events;
    this.words = eventWords(events.events);
    this.stage = settings;
    guardRails(this);
    checkWholeNumbers(`stages.${stageName} in lib/config.ts`, settings);
    this.tag(stageName);
    const allConsumers = this.complete(wanted, stageName);

    this.encryptionKey = this.addKey();
    this.operations = this.addOperations();
    this.topic = this.addTopic();
    this.unrouted = this.addUnrouted(allConsumers);
    this.addTopicAlarms();
    const operationsLog = this.addOperationsLog();

    const constructs = this.addConsumers(allConsumers, folder);
    this.addArchive(constructs.get(ARCHIVE));
    const { topic } = this.topic;
    const { words } = this;
    const unroutedQueue = this.unrouted.queue;
    new FanOutDashboard(this, 'Overview', { topic, unroutedQueue, words, consumers: constructs });
    if (settings.operations.policy) {
      const { managedPolicyArn } = new OperatorPolicy(this, 'OperatorPolicy', {
        topic,
        operations: this.operations,
        consumers: [...constructs.values()],
        unroutedQueue,
        tables: this.storage.flatMap(({ tables }) => tables),
        objects: this.storage.flatMap(({ objects }) => objects),
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
    const tags = { ...this.stage.tags, stage, service: this.domain.service };
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
    const { ordered, peakPerGroup, fairQueues, tracing, deliveryLogging, publisherAccounts } = this.stage;
    const { encryptionKey, domain } = this;
    if (ordered && peakPerGroup !== undefined) checkGroupPeak(this, peakPerGroup, domain.events.settings);
    const id = pascalCase(domain.topic);
    const fanOut = new FanOutTopic(this, id, {
      encryptionKey,
      ordered,
      tracing,
      deliveryLogging,
      publisherAccounts,
    });
    const { topicArn } = fanOut.topic;
    this.output(topicArnOutput(domain.topic), topicArn);
    if (fairQueues) this.output(STACK_OUTPUTS.fairQueues, 'true');
    // Physical names, which publishers can know beforehand; another name replaces the parameter.
    const names = publisherParameters(this.stackName, domain.topic);
    const parameter = (parameterId: string, parameterName: string, stringValue: string) =>
      new StringParameter(this, parameterId, { parameterName, stringValue });
    parameter(`${id}TopicParameter`, names.topicArn, topicArn);
    if (encryptionKey) parameter(`${id}KeyParameter`, names.keyArn, encryptionKey.keyArn);
    return fanOut;
  }

  private addUnrouted(allConsumers: ReadonlyMap<string, CompleteConsumer>): UnroutedMessages {
    const unrouted = new UnroutedMessages(this, pascalCase(UNROUTED), {
      encryptionKey: this.encryptionKey,
      ordered: this.stage.ordered,
      topic: this.topic.topic,
      attribute: 'eventType',
      known: eventTypesOf(allConsumers.values()),
      removalPolicy: this.keptWhereUsed,
    });
    this.output(STACK_OUTPUTS.unroutedQueueUrl, unrouted.queue.queueUrl);
    return unrouted;
  }

  private addTopicAlarms(): void {
    new TopicAlarms(this, alarmsId(this.domain.topic), {
      topic: this.topic.topic,
      name: this.domain.topic,
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
      const consumer = this.addConsumer(name, settings, handlerEntry(name, handlers));
      const { operations, words } = this;
      const { thresholds } = settings;
      const alarms = new ConsumerAlarms(this, alarmsId(name), { consumer, operations, thresholds, words });
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
      topic: this.topic.topic,
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

  /** Where the archive's consumer, if there is one, keeps what it takes. */
  private addArchive(consumer: Consumer | undefined): void {
    const { archive } = this.stage;
    if (!consumer || !archive) return;
    checkWholeNumbers('archive in lib/config.ts', archive);
    const { encryptionKey, domain } = this;
    const { bucket } = new ArchiveBucket(consumer, 'Bucket', {
      topic: domain.topic,
      encryptionKey,
      coldAfter: Duration.days(archive.coldAfterDays),
      deleteAfter: Duration.days(archive.deleteAfterDays),
    });
    const prefix = archivePrefix(domain.topic);
    consumer.useBucket(bucket, { variable: 'ARCHIVE_BUCKET', writes: prefix });
    consumer.function.addEnvironment('ARCHIVE_PREFIX', prefix);
    new ArchiveTable(consumer, 'Table', { encryptionKey, bucket, domain });
    this.output(STACK_OUTPUTS.archiveBucketName, bucket.bucketName);
    this.storage.push({ tables: [], objects: [{ bucket, prefix }] });
  }

  /**
   * For what is empty before the stack works: kept, unless the very first deployment fails.
   * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
   */
  private get keptWhereUsed(): RemovalPolicy {
    return this.stage.keepData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
  }

  private output(name: string, value: string): void {
    new CfnOutput(this, name, { value });
  }
}
