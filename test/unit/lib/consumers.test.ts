/** What each consumer of lib/config.ts gets in each stage. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Template } from 'aws-cdk-lib/assertions';
import { ARCHIVE } from '../../../contract/archive.ts';
import { pascalCase, upperSnakeCase } from '../../../contract/names.ts';
import { stages } from '../../../lib/config.ts';
import {
  consumersOf,
  ordersTopic,
  resource,
  type Statement,
  stageNames,
  synthesize,
} from '../../fixtures/synthesized.ts';

describe.each(stageNames)('in %s', (stage) => {
  let template: Template;

  beforeAll(() => {
    template = synthesize(stage);
  });

  describe.each(consumersOf(stage))('$name', ({ name, id, settings: consumer }) => {
    const isArchive = name === ARCHIVE;

    test('has a queue that hides a message for six timeouts and the batch window, and dead-letters it after six hours of tries', () => {
      const deadLetters = resource(template, 'AWS::SQS::Queue', `${id}DeadLetterQueue`);

      expect(resource(template, 'AWS::SQS::Queue', `${id}Queue`).Properties).toMatchObject({
        VisibilityTimeout: 6 * consumer.timeoutSeconds + consumer.batchWindowSeconds,
        MessageRetentionPeriod: 4 * 86_400,
        RedrivePolicy: {
          deadLetterTargetArn: { 'Fn::GetAtt': [deadLetters.ref, 'Arn'] },
          maxReceiveCount: 54,
        },
      });
      expect(deadLetters.Properties.MessageRetentionPeriod).toBe(14 * 86_400);
    });

    test.each(['Queue', 'DeadLetterQueue'])('keeps its %s in prod, whose name is generated', (queueId) => {
      const { DeletionPolicy, UpdateReplacePolicy, Properties } = resource(
        template,
        'AWS::SQS::Queue',
        id + queueId,
      );

      expect(Properties).not.toHaveProperty('QueueName');
      expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(
        stage === 'prod' ? ['RetainExceptOnCreate', 'Retain'] : ['Delete', 'Delete'],
      );
    });

    test.each(['Queue', 'DeadLetterQueue'])(
      'lets SNS send to its %s from the orders topic, over TLS',
      (queueId) => {
        const queue = resource(template, 'AWS::SQS::Queue', id + queueId);
        const policy = resource(template, 'AWS::SQS::QueuePolicy', `${id}${queueId}Policy`);
        const arn = { 'Fn::GetAtt': [queue.ref, 'Arn'] };

        expect(policy.Properties).toEqual({
          Queues: [{ Ref: queue.ref }],
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              {
                Effect: 'Deny',
                Principal: { AWS: '*' },
                Action: 'sqs:*',
                Resource: arn,
                Condition: { Bool: { 'aws:SecureTransport': 'false' } },
              },
              {
                Effect: 'Allow',
                Principal: { Service: 'sns.amazonaws.com' },
                Action: 'sqs:SendMessage',
                Resource: arn,
                Condition: { ArnEquals: { 'aws:SourceArn': { Ref: ordersTopic(template) } } },
              },
            ],
          },
        });
      },
    );

    test('gets orders raw, filtered where it does not take all, and with its dead-letter queue for what cannot be delivered', () => {
      const queue = resource(template, 'AWS::SQS::Queue', `${id}Queue`);
      const deadLetters = resource(template, 'AWS::SQS::Queue', `${id}DeadLetterQueue`);
      const subscription = resource(template, 'AWS::SNS::Subscription', `${id}Subscription`);

      expect(subscription.Properties).toEqual({
        TopicArn: { Ref: ordersTopic(template) },
        Protocol: 'sqs',
        Endpoint: { 'Fn::GetAtt': [queue.ref, 'Arn'] },
        RawMessageDelivery: true,
        ...(!isArchive && {
          FilterPolicy: { eventType: consumer.eventTypes, ...consumer.filter },
        }),
        RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [deadLetters.ref, 'Arn'] } },
      });
    });

    test('subscribes only after both queues let SNS in', () => {
      const { ref } = resource(template, 'AWS::SNS::Subscription', `${id}Subscription`);

      expect(template.toJSON().Resources[ref].DependsOn).toEqual(
        expect.arrayContaining([
          resource(template, 'AWS::SQS::QueuePolicy', `${id}QueuePolicy`).ref,
          resource(template, 'AWS::SQS::QueuePolicy', `${id}DeadLetterQueuePolicy`).ref,
        ]),
      );
    });

    test('has a Node 24 function on arm64 that logs JSON to a log group of its own', () => {
      const logs = resource(template, 'AWS::Logs::LogGroup', `${id}Logs`);
      const worker = resource(template, 'AWS::Lambda::Function', `${id}Function`);

      expect(logs.DeletionPolicy).toBe(stage === 'prod' ? 'RetainExceptOnCreate' : 'Delete');
      expect(logs.Properties.RetentionInDays).toBe(stages[stage].logRetentionDays);
      expect(worker.Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
        MemorySize: consumer.memoryMiB,
        Timeout: consumer.timeoutSeconds,
        LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: logs.ref } },
      });
    });

    test('gives its function the environment variables that the handler reads, and no others', () => {
      const worker = resource(template, 'AWS::Lambda::Function', `${id}Function`);
      const tables = Object.keys(consumer.tables).map((table) => `${upperSnakeCase(table)}_TABLE`);

      expect(worker.Properties.Environment).toEqual({
        Variables: {
          QUEUE_URL: { Ref: resource(template, 'AWS::SQS::Queue', `${id}Queue`).ref },
          DEAD_LETTER_QUEUE_URL: { Ref: resource(template, 'AWS::SQS::Queue', `${id}DeadLetterQueue`).ref },
          MAX_RECEIVE_COUNT: '54',
          POWERTOOLS_SERVICE_NAME: name,
          POWERTOOLS_METRICS_NAMESPACE: `OrderFanOut-${stage}`,
          NODE_OPTIONS: '--enable-source-maps',
          ...Object.fromEntries(tables.map((variable) => [variable, { Ref: expect.any(String) }])),
          ...(isArchive && {
            ARCHIVE_BUCKET: { Ref: resource(template, 'AWS::S3::Bucket', 'ArchiveBucket').ref },
          }),
        },
      });
    });

    test('takes batches from its queue, with partial responses and a maximum concurrency', () => {
      const alias = resource(template, 'AWS::Lambda::Alias', `${id}FunctionAliaslive`);

      expect(
        resource(template, 'AWS::Lambda::EventSourceMapping', `${id}FunctionAliasliveMessages`).Properties,
      ).toMatchObject({
        EventSourceArn: { 'Fn::GetAtt': [resource(template, 'AWS::SQS::Queue', `${id}Queue`).ref, 'Arn'] },
        FunctionName: {
          'Fn::Join': ['', [{ 'Fn::Select': [6, { 'Fn::Split': [':', { Ref: alias.ref }] }] }, ':live']],
        },
        BatchSize: consumer.batchSize,
        MaximumBatchingWindowInSeconds: consumer.batchWindowSeconds,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency: consumer.maxConcurrency },
      });
    });

    test('is invoked by an alias of its newest version, which in prod CodeDeploy moves', () => {
      const worker = resource(template, 'AWS::Lambda::Function', `${id}Function`);
      const { Properties, UpdatePolicy } = resource(template, 'AWS::Lambda::Alias', `${id}FunctionAliaslive`);
      const [version = ''] = (Properties.FunctionVersion as { 'Fn::GetAtt': string[] })['Fn::GetAtt'];

      expect(Properties).toMatchObject({ FunctionName: { Ref: worker.ref }, Name: 'live' });
      expect(template.toJSON().Resources[version]).toMatchObject({
        Type: 'AWS::Lambda::Version',
        Properties: { FunctionName: { Ref: worker.ref } },
      });
      expect(UpdatePolicy).toEqual(
        stage === 'prod'
          ? {
              CodeDeployLambdaAliasUpdate: {
                ApplicationName: { Ref: resource(template, 'AWS::CodeDeploy::Application', 'Releases').ref },
                DeploymentGroupName: {
                  Ref: resource(template, 'AWS::CodeDeploy::DeploymentGroup', `${id}ReleaseDeploymentGroup`)
                    .ref,
                },
              },
            }
          : undefined,
      );
    });

    test('may do what it needs and nothing else', () => {
      const arn = (type: string, logicalId: string) => ({
        'Fn::GetAtt': [resource(template, type, id + logicalId).ref, 'Arn'],
      });
      const role = resource(template, 'AWS::IAM::Role', `${id}Role`);
      const policy = resource(template, 'AWS::IAM::Policy', `${id}RoleDefaultPolicy`);
      const granted = (policy.Properties.PolicyDocument as { Statement: Statement[] }).Statement.map(
        ({ Effect, Action, Resource }) => ({ Effect, Action: [Action].flat().sort(), Resource }),
      );
      const allow = (Action: string[], Resource: unknown) => ({
        Effect: 'Allow',
        Action: Action.sort(),
        Resource,
      });

      expect(role.Properties.ManagedPolicyArns).toBeUndefined();
      expect(new Set(granted)).toEqual(
        new Set([
          allow(['logs:CreateLogStream', 'logs:PutLogEvents'], arn('AWS::Logs::LogGroup', 'Logs')),
          allow(
            [
              'sqs:ReceiveMessage',
              'sqs:DeleteMessage',
              'sqs:GetQueueAttributes',
              'sqs:ChangeMessageVisibility',
            ],
            arn('AWS::SQS::Queue', 'Queue'),
          ),
          allow(['sqs:SendMessage'], arn('AWS::SQS::Queue', 'DeadLetterQueue')),
          ...Object.entries(consumer.tables).map(([table, { actions }]) =>
            allow([...actions], arn('AWS::DynamoDB::GlobalTable', `${pascalCase(table)}Table`)),
          ),
          ...(isArchive
            ? [
                allow(['s3:PutObject'], {
                  'Fn::Join': ['', [arn('AWS::S3::Bucket', 'Bucket'), '/orders/*']],
                }),
              ]
            : []),
          ...(stages[stage].customerManagedKey
            ? [
                allow(['kms:Decrypt', 'kms:GenerateDataKey'], {
                  'Fn::GetAtt': [resource(template, 'AWS::KMS::Key', 'Key').ref, 'Arn'],
                }),
              ]
            : []),
          ...(stages[stage].tracing
            ? [allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*')]
            : []),
        ]),
      );
    });

    test('owns its tables, kept as the stage says', () => {
      for (const [table, { partitionKey }] of Object.entries(consumer.tables)) {
        const { Properties, DeletionPolicy } = resource(
          template,
          'AWS::DynamoDB::GlobalTable',
          `${id}${pascalCase(table)}Table`,
        );

        // Whole, so that there is no name, no stream, no index, no replica elsewhere and no key but DynamoDB's own.
        expect(Properties).toEqual({
          KeySchema: [{ AttributeName: partitionKey, KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: partitionKey, AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
          SSESpecification: { SSEEnabled: false },
          Replicas: [
            {
              Region: { Ref: 'AWS::Region' },
              PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
              DeletionProtectionEnabled: stage === 'prod',
              Tags: tags(stage, name),
            },
          ],
        });
        expect(DeletionPolicy).toBe(stage === 'prod' ? 'Retain' : 'Delete');
      }
    });

    test('has its names among the outputs', () => {
      const ref = (type: string, logicalId: string) => ({
        Value: { Ref: resource(template, type, id + logicalId).ref },
      });

      template.hasOutput(`${id}QueueUrl`, ref('AWS::SQS::Queue', 'Queue'));
      template.hasOutput(`${id}DeadLetterQueueUrl`, ref('AWS::SQS::Queue', 'DeadLetterQueue'));
      template.hasOutput(`${id}FunctionName`, ref('AWS::Lambda::Function', 'Function'));
      template.hasOutput(
        `${id}EventSourceMappingId`,
        ref('AWS::Lambda::EventSourceMapping', 'FunctionAliasliveMessages'),
      );
      template.hasOutput(`${id}LogGroupName`, ref('AWS::Logs::LogGroup', 'Logs'));
      for (const table of Object.keys(consumer.tables).map((table) => `${pascalCase(table)}Table`)) {
        template.hasOutput(`${id}${table}Name`, ref('AWS::DynamoDB::GlobalTable', table));
      }
    });
  });
});

function tags(stage: string, consumer: string) {
  const values = { consumer, service: 'order-fan-out', stage };
  return Object.entries(values).map(([Key, Value]) => ({ Key, Value }));
}
