/** A consumer that keeps objects in S3: its bucket, who may do what with it, and how the command line finds it. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { Template } from 'aws-cdk-lib/assertions';
import { ARCHIVE } from '../../../../contract/archive.ts';
import { readConsumers } from '../../../../contract/stack-outputs.ts';
import { rulePacks } from '../../../../lib/checks/rule-packs.ts';
import { stages } from '../../../../lib/config.ts';
import { FanOutStack } from '../../../../lib/fan-out-stack.ts';
import type { ConsumerSettings } from '../../../../lib/settings/types.ts';
import {
  resource,
  type Statement,
  stageNames,
  testApp,
  withOperators,
} from '../../../fixtures/synthesized.ts';

const consumers: Record<string, ConsumerSettings> = {
  thumbnails: {
    buckets: {
      images: { holds: 'records', reads: 'originals/', writes: 'small/' },
      drafts: { holds: 'other', writes: 'drafts/' },
    },
  },
};
const handlers = temporaryFolder('handlers-');

beforeAll(() => {
  for (const name of ['thumbnails', ARCHIVE]) {
    fs.mkdirSync(path.join(handlers, name));
    fs.writeFileSync(path.join(handlers, name, 'handler.ts'), '');
  }
});

describe.each(stageNames)('in %s', (stage) => {
  const { keepData, customerManagedKey } = stages[stage];
  let stack: FanOutStack;
  let template: Template;
  beforeAll(() => {
    const props = { ...withOperators(stage), stage, consumers, handlers };
    stack = new FanOutStack(testApp(), `OrderFanOut-${stage}`, props);
    template = Template.fromStack(stack);
  });
  const bucket = (name = 'Images') => resource(template, 'AWS::S3::Bucket', `Thumbnails${name}Bucket`);
  const arn = (name?: string) => ({ 'Fn::GetAtt': [bucket(name).ref, 'Arn'] });
  const objects = (prefix: string, name?: string) => ({ 'Fn::Join': ['', [arn(name), `/${prefix}*`]] });
  const statementsOf = (type: string, id: string) =>
    (resource(template, type, id).Properties.PolicyDocument as { Statement: Statement[] }).Statement;
  /** What a policy allows on S3, apart from the archive: action and ARN, each by itself, as CDK merges statements. */
  const allowedOnS3 = (type: string, id: string) => {
    const pairs = statementsOf(type, id).flatMap(({ Effect, Action, Resource }) =>
      [Action].flat().flatMap((action) => [Resource].flat().map((on) => [`${Effect} ${action}`, on])),
    );
    const isOfArchive = (on: unknown) => JSON.stringify(on).includes('"Archive');
    return new Set(pairs.filter(([action, on]) => String(action).includes(' s3:') && !isOfArchive(on)));
  };

  test('the bucket is private, encrypted with the key of the stage if it has one, and keeps versions where data is kept', () => {
    const key = { 'Fn::GetAtt': [expect.stringMatching(/^Key/), 'Arn'] };
    const abort = {
      Id: 'Uploads',
      Status: 'Enabled',
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    };
    const expire = {
      Id: 'Versions',
      Status: 'Enabled',
      NoncurrentVersionExpiration: { NoncurrentDays: 35 },
    };
    const { Tags: _, ...properties } = bucket().Properties;

    // Whole, so that it has no name of its own, no ACL and no website.
    expect(properties).toEqual({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          customerManagedKey
            ? {
                BucketKeyEnabled: true,
                ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key },
              }
            : { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
        ],
      },
      LifecycleConfiguration: { Rules: keepData ? [expire, abort] : [abort] },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      ...(keepData && { VersioningConfiguration: { Status: 'Enabled' } }),
    });
    expect(bucket().DeletionPolicy).toBe(keepData ? 'Retain' : 'Delete');
  });

  test('the bucket policy requires TLS and allows nothing', () => {
    expect(statementsOf('AWS::S3::BucketPolicy', 'ThumbnailsImagesBucketPolicy')).toEqual([
      {
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: 's3:*',
        Resource: [arn(), { 'Fn::Join': ['', [arn(), '/*']] }],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ]);
  });

  test('the function finds its buckets, reads and writes what its settings say, and lists and deletes nothing', () => {
    expect(
      resource(template, 'AWS::Lambda::Function', 'ThumbnailsFunction').Properties.Environment,
    ).toMatchObject({
      Variables: { IMAGES_BUCKET: { Ref: bucket().ref }, DRAFTS_BUCKET: { Ref: bucket('Drafts').ref } },
    });
    expect(allowedOnS3('AWS::IAM::Policy', 'ThumbnailsRoleDefaultPolicy')).toEqual(
      new Set([
        ['Allow s3:GetObject', objects('originals/')],
        ['Allow s3:GetObject', objects('small/')],
        ['Allow s3:PutObject', objects('small/')],
        ['Allow s3:GetObject', objects('drafts/', 'Drafts')],
        ['Allow s3:PutObject', objects('drafts/', 'Drafts')],
      ]),
    );
  });

  test('operators list and read records, and neither what they are made of nor other buckets', () => {
    expect(allowedOnS3('AWS::IAM::ManagedPolicy', 'OperatorPolicy')).toEqual(
      new Set([
        ['Allow s3:ListBucket', arn()],
        ['Allow s3:GetObject', objects('small/')],
      ]),
    );
  });

  test('the command line finds the buckets by their outputs', () => {
    const outputs = Object.entries(template.findOutputs('*')).map(
      ([key, { Description: description = '', Value }]) =>
        [key, { value: Value.Ref ?? key, description }] as const,
    );
    const [found] = readConsumers(new Map(outputs), (output) => {
      throw new Error(output);
    }).filter(({ name }) => name === 'thumbnails');

    expect(found?.buckets).toEqual({
      images: { name: bucket().ref, prefix: 'small/', holds: 'records' },
      drafts: { name: bucket('Drafts').ref, prefix: 'drafts/', holds: 'other' },
    });
  });

  test('no rule pack of the stage has a finding', () => {
    expect(rulePacks(stage).flatMap((pack) => pack.validateScope(stack).violations)).toEqual([]);
  });
});
