/** What each consumer of each domain gets in each stage. */
import { describe, expect, test } from '@jest/globals';
import { ARCHIVE } from '../../../contract/archive.ts';
import { pascalCase, upperSnakeCase } from '../../../contract/names.ts';
import { stages } from '../../../lib/config.ts';
import {
  consumersOf,
  everyStage,
  resource,
  type Statement,
  synthesize,
  topicOf,
} from '../../fixtures/synthesized.ts';

describe.each(everyStage)('$called', ({ of, stage }) => {
  const template = synthesize(stage, {}, of);
  const { topic, stackName, service } = of.domain;
  const { keepData, customerManagedKey, tracing, gradualReleases, logRetentionDays } = stages[stage];
  const kept = keepData ? ['RetainExceptOnCreate', 'Retain'] : ['Delete', 'Delete'];
  const topicRef = { Ref: topicOf(template, of) };

  describe.each(consumersOf(stage, of))('$name', ({ name, id, settings: consumer }) => {
    const isArchive = name === ARCHIVE;
    const own = (type: string, logicalId: string) => resource(template, `AWS::${type}`, id + logicalId);
    const ref = (type: string, logicalId: string) => ({ Ref: own(type, logicalId).ref });
    const arn = (type: string, logicalId: string) => ({ 'Fn::GetAtt': [own(type, logicalId).ref, 'Arn'] });
    const queueArn = arn('SQS::Queue', 'Queue');
    const deadLettersArn = arn('SQS::Queue', 'DeadLetterQueue');

    test('has a queue that hides a message for six timeouts and the batch window, and dead-letters it after six hours of tries', () => {
      expect(own('SQS::Queue', 'Queue').Properties).toMatchObject({
        VisibilityTimeout: 6 * consumer.timeoutSeconds + consumer.batchWindowSeconds,
        MessageRetentionPeriod: 4 * 86_400,
        RedrivePolicy: { deadLetterTargetArn: deadLettersArn, maxReceiveCount: 54 },
      });
      expect(own('SQS::Queue', 'DeadLetterQueue').Properties.MessageRetentionPeriod).toBe(14 * 86_400);
    });

    test.each(['Queue', 'DeadLetterQueue'])(
      'has a %s with a generated name, kept as the stage says, to which SNS may send from the topic, over TLS',
      (queueId) => {
        const { ref: Ref, Properties, DeletionPolicy, UpdateReplacePolicy } = own('SQS::Queue', queueId);
        const Resource = arn('SQS::Queue', queueId);

        expect(Properties).not.toHaveProperty('QueueName');
        expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(kept);
        expect(own('SQS::QueuePolicy', `${queueId}Policy`).Properties).toEqual({
          Queues: [{ Ref }],
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              {
                Effect: 'Deny',
                Principal: { AWS: '*' },
                Action: 'sqs:*',
                Resource,
                Condition: { Bool: { 'aws:SecureTransport': 'false' } },
              },
              {
                Effect: 'Allow',
                Principal: { Service: 'sns.amazonaws.com' },
                Action: 'sqs:SendMessage',
                Resource,
                Condition: { ArnEquals: { 'aws:SourceArn': topicRef } },
              },
            ],
          },
        });
      },
    );

    test('subscribes once both queues let SNS in: raw, filtered where it does not take all, undelivered to its dead letters', () => {
      const subscription = own('SNS::Subscription', 'Subscription');
      const { eventTypes, filter: more } = consumer;
      const filter = { ...(eventTypes && { eventType: eventTypes }), ...more };

      expect(subscription.Properties).toEqual({
        TopicArn: topicRef,
        Protocol: 'sqs',
        Endpoint: queueArn,
        RawMessageDelivery: true,
        ...(Object.keys(filter).length > 0 && { FilterPolicy: filter }),
        RedrivePolicy: { deadLetterTargetArn: deadLettersArn },
      });
      expect(template.toJSON().Resources[subscription.ref].DependsOn).toEqual(
        expect.arrayContaining(
          ['QueuePolicy', 'DeadLetterQueuePolicy'].map((policy) => own('SQS::QueuePolicy', policy).ref),
        ),
      );
    });

    test('has a Node 24 function on arm64, with the variables that the handler reads, and a log group of its own', () => {
      const logs = own('Logs::LogGroup', 'Logs');
      const tables = Object.keys(consumer.tables).map((table) => [
        `${upperSnakeCase(table)}_TABLE`,
        ref('DynamoDB::GlobalTable', `${pascalCase(table)}Table`),
      ]);
      const buckets = Object.keys(consumer.buckets).map((bucket) => [
        `${upperSnakeCase(bucket)}_BUCKET`,
        ref('S3::Bucket', `${pascalCase(bucket)}Bucket`),
      ]);

      expect([logs.DeletionPolicy, logs.UpdateReplacePolicy]).toEqual(kept);
      expect(logs.Properties.RetentionInDays).toBe(logRetentionDays);
      expect(own('Lambda::Function', 'Function').Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
        MemorySize: consumer.memoryMiB,
        Timeout: consumer.timeoutSeconds,
        LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: logs.ref } },
      });
      expect(own('Lambda::Function', 'Function').Properties.Environment).toEqual({
        Variables: {
          QUEUE_URL: ref('SQS::Queue', 'Queue'),
          DEAD_LETTER_QUEUE_URL: ref('SQS::Queue', 'DeadLetterQueue'),
          MAX_RECEIVE_COUNT: '54',
          POWERTOOLS_SERVICE_NAME: name,
          POWERTOOLS_METRICS_NAMESPACE: `${stackName}-${stage}`,
          NODE_OPTIONS: '--enable-source-maps',
          ...Object.fromEntries([...tables, ...buckets]),
          ...(isArchive && { ARCHIVE_BUCKET: ref('S3::Bucket', 'Bucket'), ARCHIVE_PREFIX: `${topic}/` }),
        },
      });
    });

    test('takes batches from its queue, with partial responses and a maximum concurrency', () => {
      const alias = ref('Lambda::Alias', 'FunctionAliaslive');

      expect(own('Lambda::EventSourceMapping', 'FunctionAliasliveMessages').Properties).toMatchObject({
        EventSourceArn: queueArn,
        FunctionName: {
          'Fn::Join': ['', [{ 'Fn::Select': [6, { 'Fn::Split': [':', alias] }] }, ':live']],
        },
        BatchSize: consumer.batchSize,
        MaximumBatchingWindowInSeconds: consumer.batchWindowSeconds,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency: consumer.maxConcurrency },
      });
    });

    test('is invoked by an alias of its newest version, which in prod CodeDeploy moves', () => {
      const FunctionName = ref('Lambda::Function', 'Function');
      const { Properties, UpdatePolicy } = own('Lambda::Alias', 'FunctionAliaslive');
      const [version = ''] = (Properties.FunctionVersion as { 'Fn::GetAtt': string[] })['Fn::GetAtt'];

      expect(Properties).toMatchObject({ FunctionName, Name: 'live' });
      expect(template.toJSON().Resources[version]).toMatchObject({
        Type: 'AWS::Lambda::Version',
        Properties: { FunctionName },
      });
      expect(UpdatePolicy).toEqual(
        gradualReleases
          ? {
              CodeDeployLambdaAliasUpdate: {
                ApplicationName: { Ref: resource(template, 'AWS::CodeDeploy::Application', 'Releases').ref },
                DeploymentGroupName: ref('CodeDeploy::DeploymentGroup', 'ReleaseDeploymentGroup'),
              },
            }
          : undefined,
      );
    });

    test('may do what it needs and nothing else', () => {
      const { Properties } = own('IAM::Policy', 'RoleDefaultPolicy');
      const { Statement: statements } = Properties.PolicyDocument as { Statement: Statement[] };
      // One by one, as CDK merges statements.
      const granted = statements.flatMap(({ Effect, Action, Resource }) =>
        [Action].flat().flatMap((action) => [Resource].flat().map((on) => [`${Effect} ${action}`, on])),
      );
      const objects = (bucket: string, prefix: string) => ({
        'Fn::Join': ['', [arn('S3::Bucket', bucket), `/${prefix}*`]],
      });
      const expected: [actions: readonly string[], on: unknown][] = [
        [['logs:CreateLogStream', 'logs:PutLogEvents'], arn('Logs::LogGroup', 'Logs')],
        [
          [
            'sqs:ChangeMessageVisibility',
            'sqs:DeleteMessage',
            'sqs:GetQueueAttributes',
            'sqs:ReceiveMessage',
          ],
          queueArn,
        ],
        [['sqs:SendMessage'], deadLettersArn],
      ];
      for (const [table, { actions }] of Object.entries(consumer.tables)) {
        expected.push([actions, arn('DynamoDB::GlobalTable', `${pascalCase(table)}Table`)]);
      }
      for (const [name, { reads, writes }] of Object.entries(consumer.buckets)) {
        const bucket = `${pascalCase(name)}Bucket`;
        expected.push([['s3:GetObject', 's3:PutObject'], objects(bucket, writes)]);
        if (reads) expected.push([['s3:GetObject'], objects(bucket, reads)]);
      }
      if (isArchive) expected.push([['s3:PutObject'], objects('Bucket', `${topic}/`)]);
      if (customerManagedKey) {
        const key = resource(template, 'AWS::KMS::Key', 'Key').ref;
        expected.push([['kms:Decrypt', 'kms:GenerateDataKey'], { 'Fn::GetAtt': [key, 'Arn'] }]);
      }
      if (tracing) expected.push([['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], '*']);

      expect(own('IAM::Role', 'Role').Properties.ManagedPolicyArns).toBeUndefined();
      expect(new Set(granted)).toEqual(
        new Set(expected.flatMap(([actions, on]) => actions.map((action) => [`Allow ${action}`, on]))),
      );
    });

    test('owns its tables, kept as the stage says', () => {
      const Tags = Object.entries({ consumer: name, service, stage }).map(([Key, Value]) => ({ Key, Value }));
      for (const [table, { partitionKey }] of Object.entries(consumer.tables)) {
        const { Properties, DeletionPolicy } = own('DynamoDB::GlobalTable', `${pascalCase(table)}Table`);

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
              DeletionProtectionEnabled: keepData,
              Tags,
            },
          ],
        });
        expect(DeletionPolicy).toBe(keepData ? 'Retain' : 'Delete');
      }
    });

    test.each([
      ['QueueUrl', 'SQS::Queue', 'Queue'],
      ['DeadLetterQueueUrl', 'SQS::Queue', 'DeadLetterQueue'],
      ['FunctionName', 'Lambda::Function', 'Function'],
      ['EventSourceMappingId', 'Lambda::EventSourceMapping', 'FunctionAliasliveMessages'],
      ['LogGroupName', 'Logs::LogGroup', 'Logs'],
      ...Object.keys(consumer.tables).map((table) => {
        const tableId = `${pascalCase(table)}Table`;
        return [`${tableId}Name`, 'DynamoDB::GlobalTable', tableId] as const;
      }),
      ...Object.keys(consumer.buckets).map((bucket) => {
        const bucketId = `${pascalCase(bucket)}Bucket`;
        return [`${bucketId}Name`, 'S3::Bucket', bucketId] as const;
      }),
    ])('has its %s among the outputs', (output, type, logicalId) => {
      template.hasOutput(id + output, { Value: ref(type, logicalId) });
    });
  });
});
