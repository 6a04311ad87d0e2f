// Buckets of a template, and what is in them after the run that wrote it.
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import { clientSettings } from '../../../src/client/client-settings.ts';
import { KillableRun } from '../../../src/run/killable-run.ts';
import { LocalRun } from '../../../src/run/run.ts';
import { runOf } from '../../fixtures/assembly.ts';
import { allow } from '../../fixtures/policies.ts';
import { temporaryFolder } from '../../fixtures/temporary.ts';

/** A stack of the given resources, whose outputs are the attributes of `Archive`. */
function optionsOf(resources: Record<string, object>, stackName?: string) {
  const attribute = (name: string) => ({ [name]: { Value: { 'Fn::GetAtt': ['Archive', name] } } });
  return runOf(
    resources,
    {
      Name: { Value: { Ref: 'Archive' } },
      ...attribute('Arn'),
      ...attribute('DomainName'),
      ...attribute('RegionalDomainName'),
    },
    stackName,
  );
}
const bucket = (Properties: object = {}) => ({ Type: 'AWS::S3::Bucket', Properties });

async function outputsOf(resources: Record<string, object>, stackName?: string) {
  const run = await LocalRun.start(optionsOf(resources, stackName));
  const { outputs } = run.stack.description;
  await run.stop();
  return Object.fromEntries(outputs.map(({ key, value }) => [key, value]));
}

describe('a bucket', () => {
  test('is known by its name, its ARN and its domain names', async () => {
    expect(await outputsOf({ Archive: bucket({ BucketName: 'archive' }) })).toEqual({
      Name: 'archive',
      Arn: 'arn:aws:s3:::archive',
      DomainName: 'archive.s3.amazonaws.com',
      RegionalDomainName: 'archive.s3.us-east-1.amazonaws.com',
    });
  });

  test('without a name has one that is legal, of its own, and the same at every run', async () => {
    const stacks = [
      'Telemetry',
      'telemetry',
      `${'VeryLong'.repeat(10)}-dev`,
      `${'VeryLong'.repeat(10)}-prod`,
    ];

    const names = await Promise.all(
      [...stacks, 'Telemetry'].map(async (name) => (await outputsOf({ Archive: bucket() }, name)).Name),
    );

    expect(names[0]).toMatch(/^telemetry-archive-[0-9a-f]{12}$/);
    expect(names.at(-1)).toBe(names[0]);
    expect(new Set(names).size).toBe(stacks.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/);
  });

  test.each<[what: string, resources: Record<string, object>, problem: string]>([
    [
      'anything else',
      { Archive: bucket({ ObjectLockEnabled: true, NotificationConfiguration: {}, Tags: [] }) },
      'Archive: the local run does not know ObjectLockEnabled, NotificationConfiguration',
    ],
    [
      'a name that S3 would not take',
      { Archive: bucket({ BucketName: 'Archive' }) },
      'Archive: The specified bucket is not valid: Archive',
    ],
    [
      'a policy that cannot be evaluated',
      {
        Archive: bucket(),
        BucketPolicy: {
          Type: 'AWS::S3::BucketPolicy',
          Properties: { Bucket: { Ref: 'Archive' }, PolicyDocument: { Statement: [{ NotAction: '*' }] } },
        },
      },
      'BucketPolicy: the statement element NotAction is not known here',
    ],
  ])('with %s is refused by name', async (_, resources, problem) => {
    await expect(outputsOf(resources)).rejects.toThrow(problem);
  });
});

describe('permissions on a bucket of the template', () => {
  const objects = { 'Fn::Join': ['', [{ 'Fn::GetAtt': ['Archive', 'Arn'] }, '/*']] };
  const encryption = (KMSMasterKeyID: object) => ({
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [
        { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID } },
      ],
    },
  });
  const policyOf = (...Statement: object[]) => ({
    Type: 'AWS::IAM::ManagedPolicy',
    Properties: { ManagedPolicyName: 'writer', PolicyDocument: { Statement } },
  });

  /** Writes an object as somebody who has the policy `writer`. */
  async function write(resources: Record<string, object>): Promise<void> {
    const run = await LocalRun.start(optionsOf(resources));
    const Bucket = run.stack.description.outputs.find(({ key }) => key === 'Name')?.value;
    const s3 = new S3Client(clientSettings(run.client.endpoint, 'policy:writer'));
    try {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'key', Body: 'text' }));
    } finally {
      s3.destroy();
      await run.stop();
    }
  }

  test.each([{ 'Fn::GetAtt': ['Key', 'Arn'] }, { Ref: 'Key' }])(
    'are also those on its key %j',
    async (key) => {
      const Statement = allow('kms:*', '*', { Principal: { AWS: '000000000000' } });
      const Key = { Type: 'AWS::KMS::Key', Properties: { KeyPolicy: { Statement } } };
      const resources = { Key, Archive: bucket(encryption(key)) };

      await expect(write({ ...resources, Policy: policyOf(allow('s3:PutObject', objects)) })).rejects.toThrow(
        'is not authorized to perform: kms:GenerateDataKey',
      );
      await write({
        ...resources,
        Policy: policyOf(allow(['s3:PutObject', 'kms:GenerateDataKey'], '*')),
      });
    },
  );

  test('may be denied by its policy', async () => {
    const Archive = bucket();
    const Policy = policyOf(allow('s3:PutObject', objects));
    const bucketPolicy = (aws: string) => ({
      Type: 'AWS::S3::BucketPolicy',
      Properties: {
        Bucket: { Ref: 'Archive' },
        PolicyDocument: {
          Statement: {
            ...allow('s3:*', objects),
            Effect: 'Deny',
            Principal: { AWS: '*' },
            Condition: { Bool: { 'aws:SecureTransport': aws } },
          },
        },
      },
    });

    await write({ Archive, Policy, BucketPolicy: bucketPolicy('false') });
    await expect(write({ Archive, Policy, BucketPolicy: bucketPolicy('true') })).rejects.toThrow(
      'with an explicit deny in a resource-based policy',
    );
  });
});

test('a kept state holds every object whose write was answered, though the run was killed', async () => {
  const Bucket = 'archive';
  const said = { ContentEncoding: 'gzip', Metadata: { records: '3' } };
  const kept = {
    ...optionsOf({ Archive: bucket({ BucketName: Bucket }) }),
    stateDirectory: temporaryFolder('killed-'),
  };
  const first = await KillableRun.start(kept);
  const s3 = new S3Client(clientSettings(first.endpoint.endpoint));
  const put = (Key: string, Body: string) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...said }));
  for (let index = 0; index < 20; index++) await put(`orders/${index}`, `text ${index}`);
  await put('orders/0', 'overwritten');
  s3.destroy();
  await first.kill();

  const second = await LocalRun.start(kept);
  const later = new S3Client(second.client);
  const { Contents = [] } = await later.send(new ListObjectsV2Command({ Bucket }));
  const { Body, ...read } = await later.send(new GetObjectCommand({ Bucket, Key: 'orders/0' }));
  const text = await Body?.transformToString();
  later.destroy();
  await second.stop();

  expect(Contents).toHaveLength(20);
  expect(text).toBe('overwritten');
  expect(read).toMatchObject(said);
});
