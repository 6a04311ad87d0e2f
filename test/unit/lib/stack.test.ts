/** What the stack has besides its consumers. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { compilePolicy, evaluate } from '@order-fan-out/local-run/iam/policy';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { NIST80053R5Checks } from 'cdk-nag';
import { pascalCase } from '../../../contract/names.ts';
import { rulePacks } from '../../../lib/checks/rule-packs.ts';
import { consumers, stages } from '../../../lib/config.ts';
import { domains } from '../../fixtures/domains.ts';
import {
  everyStage,
  fanOutStack,
  operationsTopic,
  resource,
  type Statement,
  synthesize,
  topicOf,
  withOperators,
} from '../../fixtures/synthesized.ts';

describe.each(everyStage)('$called', ({ of, stage }) => {
  let template: Template;

  beforeAll(() => {
    template = synthesize(stage, {}, of);
  });

  test('the topics are among the outputs', () => {
    const output = `${pascalCase(of.domain.topic)}TopicArn`;

    template.hasOutput(output, { Value: { Ref: topicOf(template, of) } });
    template.hasOutput('PagesTopicArn', { Value: { Ref: operationsTopic(template, 'Pages') } });
    template.hasOutput('NoticesTopicArn', { Value: { Ref: operationsTopic(template, 'Notices') } });
  });

  test('the operations log is kept as long as the stage says, and is among the outputs', () => {
    const { ref, Properties } = resource(template, 'AWS::Logs::LogGroup', 'OperationsLog');

    template.hasOutput('OperationsLogGroupName', { Value: { Ref: ref } });
    expect(Properties.RetentionInDays).toBe(stages[stage].operationsLogRetentionDays);
  });

  test.each([
    ["events'", () => topicOf(template, of)],
    ["pages'", () => operationsTopic(template, 'Pages')],
    ["notices'", () => operationsTopic(template, 'Notices')],
  ])('the %s topic takes messages over TLS only', (_, topic) => {
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      Topics: [{ Ref: topic() }],
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Principal: '*',
            Action: 'sns:Publish',
            Resource: { Ref: topic() },
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
        ]),
      },
    });
  });

  test.each(['Pages', 'Notices'] as const)(
    "this account's alarms, and they alone, may publish %s",
    (severity) => {
      const policy = resource(template, 'AWS::SNS::TopicPolicy', `Operations${severity}TopicPolicy`);
      const allowed = (policy.Properties.PolicyDocument as { Statement: Statement[] }).Statement.filter(
        ({ Effect }) => Effect === 'Allow',
      );

      expect(allowed).toEqual([
        expect.objectContaining({
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Action: 'sns:Publish',
          Resource: { Ref: operationsTopic(template, severity) },
          Condition: {
            StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
            ArnLike: { 'aws:SourceArn': arnOfThisAccount('cloudwatch', 'alarm:*') },
          },
        }),
      ]);
    },
  );

  test('no resource needs a custom resource or metadata of CDK', () => {
    const types = Object.values<{ Type: string }>(template.toJSON().Resources).map(({ Type }) => Type);

    expect(types.filter((type) => /^Custom::|^AWS::CloudFormation::|^AWS::CDK::/.test(type))).toEqual([]);
  });

  test('every policy on a queue or a topic that allows something has a condition', () => {
    const statements = ['AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy']
      .flatMap((type) => Object.values(template.findResources(type)))
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[]);

    expect(statements.filter(({ Effect, Condition }) => Effect === 'Allow' && !Condition)).toEqual([]);
  });
});

const role = { arns: ['arn:aws:iam::000000000000:role/admin'], account: '000000000000' };

describe.each(domains)('prod of $domain.plural', (of) => {
  const { stackName } = of.domain;
  let template: Template;

  beforeAll(() => {
    template = synthesize('prod', {}, of);
  });

  test('encrypts topics, queues, logs and buckets with a key of its own, which rotates and is kept', () => {
    const key = resource(template, 'AWS::KMS::Key', 'Key');
    const keyId = { 'Fn::GetAtt': [key.ref, 'Arn'] };

    expect(key).toMatchObject({
      Properties: { EnableKeyRotation: true },
      DeletionPolicy: 'RetainExceptOnCreate',
    });
    template.allResourcesProperties('AWS::SQS::Queue', { KmsMasterKeyId: keyId });
    template.allResourcesProperties('AWS::SNS::Topic', { KmsMasterKeyId: keyId });
    template.allResourcesProperties('AWS::Logs::LogGroup', { KmsKeyId: keyId });
    const byDefault = { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: keyId };
    template.allResourcesProperties('AWS::S3::Bucket', {
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: byDefault }] },
    });
  });

  const logs = { 'Fn::Join': ['', ['logs.', { Ref: 'AWS::Region' }, '.amazonaws.com']] };
  const use = ['kms:Decrypt', 'kms:GenerateDataKey*'];
  test.each<[string, unknown, string[], string, unknown]>([
    ['SNS', 'sns.amazonaws.com', use, 'aws:SourceArn', arnOfThisAccount('sns', '*')],
    [
      'CloudWatch',
      'cloudwatch.amazonaws.com',
      use,
      'aws:SourceArn',
      arnOfThisAccount('cloudwatch', 'alarm:*'),
    ],
    [
      'CloudWatch Logs',
      logs,
      ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'],
      'kms:EncryptionContext:aws:logs:arn',
      arnOfThisAccount('logs', `log-group:${stackName}-prod-*`),
    ],
  ])('lets %s use the key, for this account or stack only', (_, Service, Action, condition, arn) => {
    const { Properties } = resource(template, 'AWS::KMS::Key', 'Key');

    expect((Properties.KeyPolicy as { Statement: Statement[] }).Statement).toContainEqual({
      Effect: 'Allow',
      Principal: { Service },
      Action,
      Resource: '*',
      Condition: { ArnLike: { [condition]: arn } },
    });
  });

  test.each([
    ['a role by itself', role, {}, 'deny'],
    ['a role by itself, as KMS may say it', role, { 'kms:GrantIsForAWSResource': 'false' }, 'deny'],
    ['a service for a resource of the role', role, { 'kms:GrantIsForAWSResource': 'true' }, 'allow'],
    [
      'a service by itself',
      { service: 'sns.amazonaws.com' },
      { 'aws:PrincipalIsAWSService': 'true' },
      'allow',
    ],
  ])('whether the key lets %s make a grant', (_, principal, context, decision) => {
    const { Properties } = resource(template, 'AWS::KMS::Key', 'Key');
    const { Statement: statements } = Properties.KeyPolicy as { Statement: Statement[] };
    const denials = statements.filter(({ Effect }) => Effect === 'Deny');
    const anyone = {
      Effect: 'Allow',
      Principal: { AWS: '*', Service: 'sns.amazonaws.com' },
      Action: 'kms:*',
      Resource: '*',
    };
    const policy = compilePolicy({ Statement: [anyone, ...denials] }, 'resource');
    const request = { action: 'kms:CreateGrant', resource: 'arn:aws:kms:us-east-1:000000000000:key/1' };

    expect(evaluate([policy], { ...request, principal, context })).toBe(decision);
  });

  test('cannot be deleted by mistake', () => {
    const prod = fanOutStack('prod', {}, of);
    const dev = fanOutStack('dev', {}, of);

    expect([prod.terminationProtection, dev.terminationProtection]).toEqual([true, false]);
  });

  test('traces the functions and the topic, and lets SNS write the traces of this topic', () => {
    template.allResourcesProperties('AWS::Lambda::Function', { TracingConfig: { Mode: 'Active' } });
    template.hasResource('AWS::SNS::Topic', { Properties: { TracingConfig: 'Active' } });
    const { Properties } = resource(
      template,
      'AWS::XRay::ResourcePolicy',
      `${pascalCase(of.domain.topic)}TracingPolicy`,
    );
    const [separator, parts] = (Properties.PolicyDocument as { 'Fn::Join': [string, unknown[]] })['Fn::Join'];
    const document = parts.map((part) =>
      typeof part === 'string' ? part : `{${Object.values(part as object)}}`,
    );

    expect(JSON.parse(document.join(separator)).Statement).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: ['xray:PutTraceSegments', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
        Resource: '*',
        Condition: {
          StringEquals: { 'aws:SourceAccount': '{AWS::AccountId}' },
          ArnEquals: { 'aws:SourceArn': `{${topicOf(template, of)}}` },
        },
      },
    ]);
  });
});

test('dev and prod are checked against rule packs of cdk-nag, prod against that of NIST as well', () => {
  expect(rulePacks('dev').map(({ name }) => name)).toEqual(['AwsSolutions', 'Serverless']);
  expect(rulePacks('prod').map(({ name }) => name)).toEqual(['AwsSolutions', 'Serverless', 'NIST.800.53.R5']);
});

test('a function with reserved concurrency acknowledges no finding of NIST about it', () => {
  const stack = fanOutStack('prod', {
    consumers: { billing: { ...consumers.billing, reservedConcurrency: 10 } },
  });
  const billing = stack.node.findChild('Billing');

  expect(JSON.stringify(billing.node.findAll().map(({ node }) => node.metadata))).not.toContain(
    'NIST.800.53.R5-LambdaConcurrency',
  );
  expect(new NIST80053R5Checks().validateScope(stack).violations).toEqual([]);
});

test('dev has SQS encrypt the queues, makes no key and traces nothing', () => {
  const template = synthesize('dev');

  template.allResourcesProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
  template.resourceCountIs('AWS::KMS::Key', 0);
  template.resourceCountIs('AWS::XRay::ResourcePolicy', 0);
  expect(JSON.stringify(template.toJSON())).not.toContain('TracingConfig');
});

test('the e-mail address gets pages and notices; there is none by default', () => {
  const subscribed = synthesize('dev', withOperators('dev'));

  for (const severity of ['Pages', 'Notices'] as const) {
    subscribed.hasResourceProperties('AWS::SNS::Subscription', {
      TopicArn: { Ref: operationsTopic(subscribed, severity) },
      Protocol: 'email',
      Endpoint: 'ops@example.com',
    });
  }
  expect(
    synthesize('dev').findResources('AWS::SNS::Subscription', { Properties: { Protocol: 'email' } }),
  ).toEqual({});
});

test('alarms notify the topics that the stage names, if it does', () => {
  const { operations } = stages.dev;
  const topic = (name: string) => `arn:aws:sns:eu-central-1:111122223333:${name}`;
  const [pageTopicArn, noticeTopicArn] = [topic('pages'), topic('notices')];
  const template = synthesize('dev', {
    settings: { ...stages.dev, operations: { ...operations, pageTopicArn, noticeTopicArn } },
  });
  const announced = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm']
    .flatMap((type) => Object.values(template.findResources(type)))
    .flatMap(({ Properties }) => [...(Properties.AlarmActions ?? []), ...(Properties.OKActions ?? [])]);

  expect(new Set(announced)).toEqual(new Set([pageTopicArn, noticeTopicArn]));
  template.resourceCountIs('AWS::SNS::Topic', 1);
});

test('every resource that can have tags says whose it is: stage, service, and consumer', () => {
  const template = synthesize('dev', { settings: { ...stages.dev, tags: { 'cost-centre': '42' } } });

  for (const type of ['AWS::SQS::Queue', 'AWS::Lambda::Function', 'AWS::Logs::LogGroup', 'AWS::SNS::Topic']) {
    template.allResourcesProperties(type, {
      Tags: Match.arrayWith([
        { Key: 'cost-centre', Value: '42' },
        { Key: 'service', Value: 'order-fan-out' },
        { Key: 'stage', Value: 'dev' },
      ]),
    });
  }
  expect(resource(template, 'AWS::SQS::Queue', 'BillingQueue').Properties.Tags).toContainEqual({
    Key: 'consumer',
    Value: 'billing',
  });
});

function arnOfThisAccount(service: string, resources: string) {
  const account = { Ref: 'AWS::AccountId' };
  return {
    'Fn::Join': [
      '',
      [
        'arn:',
        { Ref: 'AWS::Partition' },
        `:${service}:`,
        { Ref: 'AWS::Region' },
        ':',
        account,
        `:${resources}`,
      ],
    ],
  };
}
