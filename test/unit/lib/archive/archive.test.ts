/** The archive of a stage: its bucket, who may do what with it, and the table that Athena sees it by. */
import { describe, expect, test } from '@jest/globals';
import type { Template } from 'aws-cdk-lib/assertions';
import { type ArchivedMessage, archiveObject } from '../../../../contract/archive.ts';
import { archive, consumers, stages } from '../../../../lib/config.ts';
import type { Stage } from '../../../../lib/settings/types.ts';
import { ConfigError } from '../../../../lib/settings/validation.ts';
import { orders } from '../../../fixtures/domains.ts';
import {
  fanOutStack,
  type Resource,
  resource,
  type Statement,
  stageNames,
  synthesize,
  withOperators,
} from '../../../fixtures/synthesized.ts';

type Column = { Name: string; Type: string };
type ArchivedAttribute = ArchivedMessage['attributes'][string];

/** Has every field that there is: the type check refuses it when the contract gets another. */
const full: Required<ArchivedMessage> & { attributes: { some: Required<ArchivedAttribute> } } = {
  messageId: 'message-1',
  sentAt: '2026-11-26T10:15:00.000Z',
  groupId: 'customer-1',
  sequenceNumber: '1',
  attributes: { some: { dataType: 'String', stringValue: 'a', binaryValue: 'AAE=' } },
  body: '{}',
};

const withArchive = (stage: (typeof stageNames)[number], settings: Partial<Stage> = {}) =>
  synthesize(stage, {
    settings: { ...stages[stage], archive, ...withOperators(stage).settings, ...settings },
  });
const bucketOf = (template: Template) => resource(template, 'AWS::S3::Bucket', 'ArchiveBucket');
const tableOf = (template: Template) =>
  resource(template, 'AWS::Glue::Table', 'ArchiveTable').Properties.TableInput as {
    PartitionKeys: Column[];
    StorageDescriptor: { Columns: Column[]; Location: unknown; SerdeInfo: object; Compressed: boolean };
    Parameters: Record<string, string>;
  };

describe.each(stageNames)('in %s with an archive', (stage) => {
  const template = withArchive(stage);
  const bucket = bucketOf(template);
  const key = stage === 'prod' ? resource(template, 'AWS::KMS::Key', 'Key').ref : undefined;
  const statementsOf = (id: string, type = 'AWS::IAM::Policy') =>
    (resource(template, type, id).Properties.PolicyDocument as { Statement: Statement[] }).Statement;
  const arn = { 'Fn::GetAtt': [bucket.ref, 'Arn'] };
  const objects = { 'Fn::Join': ['', [arn, '/orders/*']] };
  const onS3 = (statements: Statement[]) =>
    statements
      .filter(({ Action }) => [Action].flat().some((action) => action.startsWith('s3:')))
      .map(({ Effect, Action, Resource }) => ({ Effect, Action, Resource }));

  test('one bucket keeps all versions, encrypted with the key of the stage if it has one, and lets nobody in from outside', () => {
    template.resourceCountIs('AWS::S3::Bucket', 1);
    expect(bucket.Properties).not.toHaveProperty('BucketName');
    expect(bucket.Properties).toMatchObject({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          key
            ? {
                BucketKeyEnabled: true,
                ServerSideEncryptionByDefault: {
                  SSEAlgorithm: 'aws:kms',
                  KMSMasterKeyID: { 'Fn::GetAtt': [key, 'Arn'] },
                },
              }
            : { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
        ],
      },
      VersioningConfiguration: { Status: 'Enabled' },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
  });

  test('the bucket policy requires TLS and allows nothing', () => {
    expect(statementsOf('ArchiveBucketPolicy', 'AWS::S3::BucketPolicy')).toEqual([
      {
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: 's3:*',
        Resource: [arn, { 'Fn::Join': ['', [arn, '/*']] }],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ]);
  });

  test('the bucket is retained, unless a first deployment fails', () => {
    expect([bucket.DeletionPolicy, bucket.UpdateReplacePolicy]).toEqual(['RetainExceptOnCreate', 'Retain']);
    expect(JSON.stringify(template.toJSON())).not.toContain('AutoDeleteObjects');
  });

  test('objects move to colder storage and are deleted after the days in the settings', () => {
    const { LifecycleConfiguration } = bucketOf(
      withArchive(stage, { archive: { coldAfterDays: 7, deleteAfterDays: 21 } }),
    ).Properties as { LifecycleConfiguration: { Rules: object[] } };

    expect(LifecycleConfiguration.Rules).toEqual([
      {
        Id: 'Orders',
        Prefix: 'orders/',
        Status: 'Enabled',
        Transitions: [{ StorageClass: 'GLACIER_IR', TransitionInDays: 7 }],
        ExpirationInDays: 21,
        NoncurrentVersionExpiration: { NoncurrentDays: 30 },
      },
      {
        Id: 'QueryResults',
        Prefix: 'query-results/',
        Status: 'Enabled',
        ExpirationInDays: 30,
        NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      },
      { Id: 'Uploads', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
    ]);
  });

  test('the function writes objects of messages, and reads, lists and deletes none', () => {
    expect(onS3(statementsOf('ArchiveRoleDefaultPolicy'))).toEqual([
      { Effect: 'Allow', Action: 's3:PutObject', Resource: objects },
    ]);
  });

  test('no other function may do anything with the bucket', () => {
    const others = Object.entries(
      template.findResources('AWS::IAM::Policy') as Record<string, Resource>,
    ).filter(([id]) => !id.startsWith('ArchiveRole'));

    expect(others.length).toBeGreaterThanOrEqual(Object.keys(consumers).length);
    expect(JSON.stringify(others)).not.toMatch(/"s3:|ArchiveBucket/);
  });

  test('operators list and read objects of messages, and write and delete none', () => {
    expect(onS3(statementsOf('OperatorPolicy', 'AWS::IAM::ManagedPolicy'))).toEqual([
      { Effect: 'Allow', Action: 's3:ListBucket', Resource: arn },
      { Effect: 'Allow', Action: 's3:GetObject', Resource: objects },
    ]);
  });

  test('operators find the bucket by an output', () => {
    template.hasOutput('ArchiveBucketName', { Value: { Ref: bucket.ref } });
  });

  test('no message counts as taken because it is archived', () => {
    const { FilterPolicy } = resource(template, 'AWS::SNS::Subscription', 'UnroutedSubscription').Properties;

    expect(FilterPolicy).toEqual(
      resource(
        synthesize('dev', { settings: withoutArchive() }),
        'AWS::SNS::Subscription',
        'UnroutedSubscription',
      ).Properties.FilterPolicy,
    );
  });

  test.each([
    ['standard', false, { BatchSize: 1_000, MaximumBatchingWindowInSeconds: 60 }, 6 * 20 + 60],
    ['FIFO', true, { BatchSize: 10, MaximumBatchingWindowInSeconds: 0 }, 6 * 20],
  ])('its queue is %s where the stage is', (_, ordered, batches, visibility) => {
    const made = withArchive(stage, { ordered });
    const queue = resource(made, 'AWS::SQS::Queue', 'ArchiveQueue');

    expect(queue.Properties.FifoQueue).toBe(ordered || undefined);
    expect(queue.Properties.VisibilityTimeout).toBe(visibility);
    expect(
      resource(made, 'AWS::Lambda::EventSourceMapping', 'ArchiveFunctionAliasliveMessages').Properties,
    ).toMatchObject({ ...batches, FunctionResponseTypes: ['ReportBatchItemFailures'] });
    expect(resource(made, 'AWS::SNS::Subscription', 'ArchiveSubscription').Properties).not.toHaveProperty(
      'FilterPolicy',
    );
  });

  describe('the table', () => {
    const table = tableOf(template);
    test('has a column for each field of a line', () => {
      const { attributes, ...texts } = JSON.parse(archiveObject([full], 'orders/').content);
      const columns = new Map(table.StorageDescriptor.Columns.map(({ Name, Type }) => [Name, Type]));

      expect(columns).toEqual(
        new Map([
          ...Object.keys(texts).map((field) => [field, 'string'] as const),
          [
            'attributes',
            `map<string,struct<${Object.keys(attributes.some)
              .map((field) => `${field}:string`)
              .join(',')}>>`,
          ],
        ]),
      );
    });

    test('reads JSON, compressed, from where the objects are', () => {
      expect(table.StorageDescriptor).toMatchObject({
        Compressed: true,
        Location: { 'Fn::Join': ['', ['s3://', { Ref: bucket.ref }, '/orders/']] },
        SerdeInfo: { SerializationLibrary: 'org.openx.data.jsonserde.JsonSerDe' },
      });
    });

    test('has the days and hours of the keys for partitions, which follow from the clock', () => {
      const { key: objectKey } = archiveObject([{ ...full, sentAt: '2026-11-26T03:04:05.678Z' }], 'orders/');
      const [, ...folders] = objectKey.split('/').slice(0, -1);

      expect(folders).toEqual(['dt=2026-11-26', 'hh=03']);
      expect(table.PartitionKeys.map(({ Name }) => Name)).toEqual(
        folders.map((folder) => folder.split('=')[0]),
      );
      expect(table.Parameters).toMatchObject({
        'projection.enabled': 'true',
        'projection.dt.type': 'date',
        'projection.dt.format': 'yyyy-MM-dd',
        'projection.dt.range': '2026-01-01,NOW',
        'projection.hh.type': 'integer',
        'projection.hh.range': '0,23',
        'projection.hh.digits': '2',
      });
    });

    test('can be recreated at any time, so it is deleted with the stack', () => {
      for (const type of ['AWS::Glue::Database', 'AWS::Glue::Table', 'AWS::Athena::WorkGroup']) {
        for (const { DeletionPolicy = 'Delete' } of Object.values(template.findResources(type))) {
          expect([type, DeletionPolicy]).toEqual([type, 'Delete']);
        }
      }
    });

    test('has a query ready, whose bytes are limited and whose results are encrypted and expire', () => {
      const database = resource(template, 'AWS::Glue::Database', 'ArchiveTableDatabase').ref;
      const workGroup = resource(template, 'AWS::Athena::WorkGroup', 'ArchiveTableWorkGroup');
      const query = resource(template, 'AWS::Athena::NamedQuery', 'ArchiveTableOrderQuery').Properties;

      expect(workGroup.Properties).toMatchObject({
        Name: `OrderFanOut-${stage}-archive`,
        RecursiveDeleteOption: true,
        WorkGroupConfiguration: {
          EnforceWorkGroupConfiguration: true,
          BytesScannedCutoffPerQuery: 100_000_000_000,
          ResultConfiguration: {
            OutputLocation: { 'Fn::Join': ['', ['s3://', { Ref: bucket.ref }, '/query-results/']] },
            EncryptionConfiguration: key
              ? { EncryptionOption: 'SSE_KMS', KmsKey: { 'Fn::GetAtt': [key, 'Arn'] } }
              : { EncryptionOption: 'SSE_S3' },
          },
        },
      });
      expect(query).toMatchObject({
        Name: 'All events of an order',
        Database: { Ref: database },
        WorkGroup: `OrderFanOut-${stage}-archive`,
      });
      const [, parts] = (query.QueryString as { 'Fn::Join': [string, unknown[]] })['Fn::Join'];
      const text = parts.map((part) => (typeof part === 'string' ? part : 'the_table')).join('');
      expect(parts).toContainEqual({ Ref: resource(template, 'AWS::Glue::Table', 'ArchiveTable').ref });
      expect(text).toMatch(
        /^SELECT DISTINCT messageid, sentat, .*\bbody\nFROM "the_table"\nWHERE dt BETWEEN .*\.orderId'\) = '4711'/s,
      );
    });
  });
});

test('a stage without archive has nothing of it', () => {
  const { Resources, Outputs } = synthesize('prod', { settings: withoutArchive('prod') }).toJSON() as {
    Resources: Record<string, Resource>;
    Outputs: object;
  };

  expect(Object.values(Resources).filter(({ Type }) => /^AWS::(S3|Glue|Athena)::/.test(Type))).toEqual([]);
  expect(JSON.stringify([Object.keys(Resources), Outputs])).not.toMatch(/archive/i);
});

test('the key of an archive is retained with it, in a stage that keeps nothing else', () => {
  const keyOf = (settings: Stage) =>
    resource(
      synthesize('dev', { settings: { ...settings, customerManagedKey: true } }),
      'AWS::KMS::Key',
      'Key',
    );

  expect(keyOf({ ...stages.dev, archive }).DeletionPolicy).toBe('RetainExceptOnCreate');
  expect(keyOf(stages.dev).DeletionPolicy).toBe('Delete');
});

test.each([
  [90, 90],
  [91, 90],
])(
  'objects that move to colder storage after %i days and are deleted after %i are refused',
  (cold, deleted) => {
    expect(() => withArchive('dev', { archive: { coldAfterDays: cold, deleteAfterDays: deleted } })).toThrow(
      new ConfigError(
        `OrderFanOut-dev/Archive/Bucket: objects move to colder storage after ${cold} days, but are deleted after ${deleted}: delete them later`,
      ),
    );
  },
);

function withoutArchive(stage: (typeof stageNames)[number] = 'dev'): Stage {
  const { archive: _, ...settings } = stages[stage];
  return settings;
}

test.each(['query-results', 'uploads'])('a topic that is called %s is refused', (topic) => {
  const of = { ...orders, domain: { ...orders.domain, topic } };

  expect(() => fanOutStack('prod', {}, of)).toThrow(
    `OrderFanOut-prod/Archive/Bucket: a rule of the bucket is called ${topic}, as is the domain's topic: choose another name`,
  );
});
