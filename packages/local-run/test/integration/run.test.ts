import fs from 'node:fs';
import path from 'node:path';
import { DynamoDBClient, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, test } from '@jest/globals';
import { LocalRun } from '../../src/run/run.ts';
import { synthesize } from '../../src/run/synthesize.ts';
import { readAssembly } from '../../src/template/assembly.ts';
import { fed, logOf, queueOf, roleOf, runOf } from '../fixtures/assembly.ts';
import { untilEmpty } from '../fixtures/emulators.ts';
import { allow } from '../fixtures/policies.ts';
import { temporaryFolder } from '../fixtures/temporary.ts';

const root = temporaryFolder('local-stack-');
const arn = (logicalId: string) => ({ 'Fn::GetAtt': [logicalId, 'Arn'] });

test('a stack that has nothing to do with orders runs from its template alone', async () => {
  const options = runOf(
    {
      ...fed({ queue: { RedrivePolicy: { deadLetterTargetArn: arn('Letters'), maxReceiveCount: 5 } } }),
      Topic: { Type: 'AWS::SNS::Topic' },
      Letters: queueOf(),
      QueuePolicy: {
        Type: 'AWS::SQS::QueuePolicy',
        Properties: {
          Queues: [{ Ref: 'Queue' }],
          PolicyDocument: {
            Statement: {
              ...allow('sqs:SendMessage', arn('Queue')),
              Principal: { Service: 'sns.amazonaws.com' },
              Condition: { ArnEquals: { 'aws:SourceArn': { Ref: 'Topic' } } },
            },
          },
        },
      },
      Subscription: {
        Type: 'AWS::SNS::Subscription',
        Properties: {
          TopicArn: { Ref: 'Topic' },
          Protocol: 'sqs',
          Endpoint: arn('Queue'),
          RawMessageDelivery: true,
          FilterPolicy: { kind: ['reading'] },
        },
      },
      Logs: { Type: 'AWS::Logs::LogGroup' },
    },
    { TopicArn: { Value: { Ref: 'Topic' } } },
  );
  const run = await LocalRun.start(options);
  const [topic] = run.stack.description.outputs;
  const sns = new SNSClient(run.client);
  const publish = (Message: string, kind: string) =>
    sns.send(
      new PublishCommand({
        TopicArn: topic?.value,
        Message,
        MessageAttributes: { kind: { DataType: 'String', StringValue: kind } },
      }),
    );

  run.consume();
  await publish('21.5', 'reading');
  await publish('ignored', 'other');
  const url = `${run.endpoint.endpoint}/000000000000/Telemetry-Queue`;
  const sqs = new SQSClient(run.client);
  await untilEmpty(url, sqs);
  sqs.destroy();
  sns.destroy();
  await run.stop();

  expect(logOf(options)).toMatchObject({ got: ['21.5'] });
  expect(run.stack.notRun).toEqual(['1 × AWS::Logs::LogGroup: logs go to a file']);
  expect(run.problems).toEqual([]);
});

const on = (...Action: string[]) => ({ Statement: allow(Action) });
const [receive, remove, look] = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
const ofAws = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';
const typeUnknown = (type: string) =>
  new RegExp(`^Bus is of type ${type}, which the local run does not know \\(known: .*AWS::SNS::Topic, `);

test.each<[what: string, resources: Record<string, object>, why: string | RegExp]>([
  [
    'a type that is not known',
    { Bus: { Type: 'AWS::Events::EventBus' } },
    typeUnknown('AWS::Events::EventBus'),
  ],
  [
    'a resource that depends on a condition',
    { Queue: { ...queueOf(), Condition: 'IsProduction' } },
    'Queue: the local run does not know conditions, as IsProduction',
  ],
  ['a type with the name of a built-in', { Bus: { Type: 'constructor' } }, typeUnknown('constructor')],
  [
    'a function whose bundle is not in the assembly',
    fed({ worker: { Code: { S3Key: 'x.zip' } } }),
    'Worker: the assembly holds no asset for its code',
  ],
  [
    'a queue that would give messages back while its function works',
    fed({ worker: { Timeout: 31 } }),
    'Messages: Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds',
  ],
  [
    'a managed policy of AWS',
    fed({ Role: { Type: 'AWS::IAM::Role', Properties: { ManagedPolicyArns: [ofAws] } } }),
    `role Telemetry-Role: the managed policy ${ofAws} is not in this stack`,
  ],
  [
    'a condition that cannot be evaluated',
    fed({ Role: roleOf({ ...allow(receive), Condition: { IpAddress: { 'aws:SourceIp': '::1' } } }) }),
    'Role: the condition operator IpAddress is not known here; known are StringEquals, ',
  ],
  ...[receive, remove, look].map((lacking): [string, Record<string, object>, string] => [
    `a role without ${lacking}`,
    fed({ Role: roleOf(allow([receive, remove, look].filter((action) => action !== lacking))) }),
    `Messages: the execution role has no permission to call ${lacking.slice('sqs:'.length)} on SQS: ` +
      'User: arn:aws:sts::000000000000:assumed-role/Telemetry-Role/Telemetry-Worker is not authorized to perform: ' +
      `${lacking} on resource: arn:aws:sqs:us-east-1:000000000000:Telemetry-Queue`,
  ]),
])('%s stops the start, naming its logical ID', async (_, resources, why) => {
  await expect(LocalRun.start(runOf(resources))).rejects.toThrow(why);
});

test('what a function may do comes from its role, from policies that name the role, and from managed ones either way', async () => {
  const Roles = [{ Ref: 'Role' }];
  const managed = (properties: object) => ({ Type: 'AWS::IAM::ManagedPolicy', Properties: properties });
  const run = await LocalRun.start(
    runOf({
      ...fed({ Role: { Type: 'AWS::IAM::Role', Properties: { ManagedPolicyArns: [{ Ref: 'Named' }] } } }),
      Named: managed({ PolicyDocument: on(receive) }),
      Naming: managed({ PolicyDocument: on(remove), Roles }),
      Policy: { Type: 'AWS::IAM::Policy', Properties: { PolicyDocument: on(look), Roles } },
    }),
  );
  const accesses = await run.accesses();
  await run.stop();

  expect(accesses).toEqual([
    {
      caller: 'arn:aws:sts::000000000000:assumed-role/Telemetry-Role/Telemetry-Worker',
      action: look,
      resource: 'arn:aws:sqs:us-east-1:000000000000:Telemetry-Queue',
      allowed: true,
    },
  ]);
});

test('batching windows need not be waited for: a run is busy with what it collects until they are ended', async () => {
  const options = runOf(
    fed({
      queue: { VisibilityTimeout: 330 },
      messages: { BatchSize: 100, MaximumBatchingWindowInSeconds: 300 },
    }),
    { QueueUrl: { Value: { Ref: 'Queue' } } },
  );
  const run = await LocalRun.start(options);
  const url = run.stack.description.outputs[0]?.value ?? '';
  const sqs = new SQSClient(run.client);
  const until = async (isBusy: boolean) => {
    while (run.isBusy !== isBusy) await new Promise(setImmediate);
  };

  run.consume();
  await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'reading' }));
  await until(true);
  run.endBatchingWindows();
  await until(false);
  const left = await run.messagesIn(url);
  sqs.destroy();
  await run.stop();

  expect(left).toEqual([]);
  expect(logOf(options)).toMatchObject({ got: ['reading'] });
});

test('a table takes items, is known by its name and ARN, and of a global one the replica is created', async () => {
  const key = (AttributeName: string) => [{ AttributeName, KeyType: 'HASH' }];
  const options = runOf(
    {
      Stock: {
        // As CDK's TableV2 makes it.
        Type: 'AWS::DynamoDB::GlobalTable',
        Properties: {
          KeySchema: key('id'),
          AttributeDefinitions: ['id', 'kind'].map((AttributeName) => ({
            AttributeName,
            AttributeType: 'S',
          })),
          BillingMode: 'PAY_PER_REQUEST',
          GlobalSecondaryIndexes: [
            { IndexName: 'by-kind', KeySchema: key('kind'), Projection: { ProjectionType: 'ALL' } },
          ],
          Replicas: [{ Region: { Ref: 'AWS::Region' }, GlobalSecondaryIndexes: [{ IndexName: 'by-kind' }] }],
        },
      },
    },
    { Name: { Value: { Ref: 'Stock' } }, Arn: { Value: arn('Stock') } },
  );
  const run = await LocalRun.start(options);
  const dynamodb = new DynamoDBClient(run.client);
  const [name, tableArn] = run.stack.description.outputs.map(({ value }) => value);
  const Item = { id: { S: 'a' }, kind: { S: 'nail' } };

  await dynamodb.send(new PutItemCommand({ TableName: name, Item }));
  const { Items } = await dynamodb.send(
    new QueryCommand({
      TableName: name,
      IndexName: 'by-kind',
      KeyConditionExpression: 'kind = :kind',
      ExpressionAttributeValues: { ':kind': { S: 'nail' } },
    }),
  );
  dynamodb.destroy();
  await run.stop();

  expect(name).toBe('Telemetry-Stock');
  expect(tableArn).toBe('arn:aws:dynamodb:us-east-1:000000000000:table/Telemetry-Stock');
  expect(Items).toEqual([Item]);
});

test('a kept state takes up the settings of a changed template, and the address of the new run', async () => {
  const stateDirectory = path.join(root, 'state');
  const AttributeDefinitions = [{ AttributeName: 'id', AttributeType: 'S' }];
  const KeySchema = [{ AttributeName: 'id', KeyType: 'HASH' }];
  const Table = {
    Type: 'AWS::DynamoDB::Table',
    Properties: { KeySchema, AttributeDefinitions, BillingMode: 'PAY_PER_REQUEST' },
  };
  const Policy = {
    Type: 'AWS::SQS::QueuePolicy',
    Properties: {
      Queues: [{ Ref: 'Queue' }],
      PolicyDocument: { Statement: { ...allow('sqs:*'), Principal: '*' } },
    },
  };
  const options = (VisibilityTimeout: number, more: object = {}) => ({
    ...runOf({ Queue: queueOf({ VisibilityTimeout }), Table, ...more }, { Url: { Value: { Ref: 'Queue' } } }),
    stateDirectory,
  });
  await (await LocalRun.start(options(30, { Policy }))).stop();

  const run = await LocalRun.start(options(60));
  const sqs = new SQSClient(run.client);
  const QueueUrl = run.stack.description.outputs[0]?.value;
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['VisibilityTimeout', 'Policy'] }),
  );
  sqs.destroy();
  await run.stop();

  expect(QueueUrl).toBe(`${run.endpoint.endpoint}/000000000000/Telemetry-Queue`);
  expect(Attributes).toEqual({ VisibilityTimeout: '60', Policy: '' });
});

test('a folder without a cloud assembly is named', () => {
  expect(() => readAssembly(root)).toThrow(`${root} holds no cloud assembly (manifest.json)`);
});

describe('synthesis', () => {
  /** Synthesizes an app of this code. */
  function synthesizeApp(code: string, context?: Record<string, string>) {
    const directory = temporaryFolder('app-');
    const settings = { app: 'node app.mjs', context: { stage: 'dev', kept: 'yes' } };
    fs.writeFileSync(path.join(directory, 'cdk.json'), JSON.stringify(settings));
    fs.writeFileSync(path.join(directory, 'app.mjs'), code);
    return synthesize(directory, path.join(directory, 'out'), context);
  }

  test('that fails says what the app said', async () => {
    const code = 'console.error(`no stage ${process.env.CDK_CONTEXT_JSON}`); process.exit(1)';

    await expect(synthesizeApp(code, { stage: 'nope' })).rejects.toThrow(
      /^no stage {"stage":"nope","kept":"yes"}$/,
    );
  });

  test('is refused to an app that would leave this machine', async () => {
    const code = `await fetch('https://example.com').catch((error) => { console.error(error.cause.message); process.exit(1) })`;

    await expect(synthesizeApp(code)).rejects.toThrow(
      'refused a connection to example.com: the local run stays on 127.0.0.1',
    );
  });
});
