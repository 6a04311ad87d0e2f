import fs from 'node:fs';
import path from 'node:path';
import { DynamoDBClient, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, test } from '@jest/globals';
import { LocalRun } from '../../src/run/run.ts';
import { synthesize } from '../../src/run/synthesize.ts';
import { readAssembly } from '../../src/template/assembly.ts';
import { untilEmpty } from '../fixtures/empty-queue.ts';
import { temporaryFolder } from '../fixtures/temporary.ts';

const root = temporaryFolder('local-stack-');
let made = 0;

/** A cloud assembly with one stack of the given resources, as `cdk synth` would leave it. */
function assembly(resources: Record<string, object>, outputs: Record<string, object> = {}): string {
  const directory = path.join(root, String(made++));
  fs.mkdirSync(path.join(directory, 'asset.code'), { recursive: true });
  fs.writeFileSync(
    path.join(directory, 'asset.code', 'index.mjs'),
    `export const handler = async ({ Records }) => console.log(JSON.stringify({ got: Records.map(({ body }) => body) }))`,
  );
  const write = (file: string, value: object) =>
    fs.writeFileSync(path.join(directory, file), JSON.stringify(value));
  write('manifest.json', {
    artifacts: {
      Telemetry: {
        type: 'aws:cloudformation:stack',
        properties: { templateFile: 'Telemetry.template.json', stackName: 'Telemetry' },
      },
    },
  });
  write('Telemetry.assets.json', { files: { code: { source: { path: 'asset.code' } } } });
  write('Telemetry.template.json', { Resources: resources, Outputs: outputs });
  return directory;
}

const start = (directory: string) =>
  LocalRun.start({ assembly: directory, port: 0, logDirectory: path.join(directory, 'logs') });

/** A role that may do the given on anything. */
const role = (actions: string[]) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    Policies: [
      {
        PolicyName: 'Inline',
        PolicyDocument: { Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] },
      },
    ],
  },
});

const queue = { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 30 } };

test('a stack that has nothing to do with orders runs from its template alone', async () => {
  const directory = assembly(
    {
      Topic: { Type: 'AWS::SNS::Topic' },
      Letters: { Type: 'AWS::SQS::Queue' },
      Readings: {
        Type: 'AWS::SQS::Queue',
        Properties: {
          QueueName: 'readings',
          RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Letters', 'Arn'] }, maxReceiveCount: 5 },
        },
      },
      ReadingsPolicy: {
        Type: 'AWS::SQS::QueuePolicy',
        Properties: {
          Queues: [{ Ref: 'Readings' }],
          PolicyDocument: {
            Statement: [
              {
                Effect: 'Allow',
                Principal: { Service: 'sns.amazonaws.com' },
                Action: 'sqs:SendMessage',
                Resource: { 'Fn::GetAtt': ['Readings', 'Arn'] },
                Condition: { ArnEquals: { 'aws:SourceArn': { Ref: 'Topic' } } },
              },
            ],
          },
        },
      },
      Subscription: {
        Type: 'AWS::SNS::Subscription',
        Properties: {
          TopicArn: { Ref: 'Topic' },
          Protocol: 'sqs',
          Endpoint: { 'Fn::GetAtt': ['Readings', 'Arn'] },
          RawMessageDelivery: true,
          FilterPolicy: { kind: ['reading'] },
        },
      },
      Worker: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          Handler: 'index.handler',
          Code: { S3Bucket: 'any', S3Key: 'code.zip' },
          Timeout: 5,
          Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
        },
      },
      Messages: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: {
          EventSourceArn: { 'Fn::GetAtt': ['Readings', 'Arn'] },
          FunctionName: { Ref: 'Worker' },
          BatchSize: 10,
        },
      },
      Role: role(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes']),
      Logs: { Type: 'AWS::Logs::LogGroup' },
    },
    { TopicArn: { Value: { Ref: 'Topic' } } },
  );
  const run = await start(directory);
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
  const url = `${run.endpoint.endpoint}/000000000000/readings`;
  const sqs = new SQSClient(run.client);
  await untilEmpty(sqs, url);
  sqs.destroy();
  sns.destroy();
  await run.stop();

  expect(fs.readFileSync(path.join(directory, 'logs', 'Telemetry-Worker.log'), 'utf8')).toBe(
    '{"got":["21.5"]}\n',
  );
  expect(run.stack.notRun).toEqual(['1 × AWS::Logs::LogGroup: logs go to a file']);
  expect(run.problems).toEqual([]);
});

test.each(['AWS::Events::EventBus', 'constructor'])(
  'the type %s, which is not known, stops the start, naming its logical ID',
  async (Type) => {
    const directory = assembly({ Queue: queue, Bus: { Type } });

    await expect(start(directory)).rejects.toThrow(
      new RegExp(`^Bus is of type ${Type}, which the local run does not know \\(known: .*AWS::SNS::Topic, `),
    );
  },
);

test('a function whose bundle is not in the assembly stops the start, naming its logical ID', async () => {
  const directory = assembly({
    Worker: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Handler: 'index.handler',
        Code: { S3Key: 'x.zip' },
        Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
      },
    },
    Role: role([]),
  });

  await expect(start(directory)).rejects.toThrow('Worker: the assembly holds no asset for its code');
});

describe('what a function may do', () => {
  const on = (...Action: string[]) => ({ Statement: [{ Effect: 'Allow', Action, Resource: '*' }] });
  const [receive, remove, look] = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
  /** A function that is fed from a queue, with its role. */
  const fed = (Role: object, { timeout = 5, more = {} } = {}) =>
    assembly({
      Queue: queue,
      Role,
      Worker: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          Handler: 'index.handler',
          Code: { S3Key: 'code.zip' },
          Timeout: timeout,
          Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
        },
      },
      Messages: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: {
          EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
          FunctionName: { Ref: 'Worker' },
        },
      },
      ...more,
    });

  test('comes from its role, from policies that name the role, and from managed ones either way', async () => {
    const directory = fed(
      {
        Type: 'AWS::IAM::Role',
        Properties: { ManagedPolicyArns: [{ Ref: 'Named' }] },
      },
      {
        more: {
          Named: { Type: 'AWS::IAM::ManagedPolicy', Properties: { PolicyDocument: on(receive) } },
          Naming: {
            Type: 'AWS::IAM::ManagedPolicy',
            Properties: { PolicyDocument: on(remove), Roles: [{ Ref: 'Role' }] },
          },
          Policy: {
            Type: 'AWS::IAM::Policy',
            Properties: { PolicyDocument: on(look), Roles: [{ Ref: 'Role' }] },
          },
        },
      },
    );

    const run = await start(directory);
    const accesses = await run.accesses();
    await run.stop();

    expect(accesses).toEqual([
      {
        caller: 'arn:aws:sts::000000000000:assumed-role/Telemetry-Role/Telemetry-Worker',
        action: 'sqs:GetQueueAttributes',
        resource: 'arn:aws:sqs:us-east-1:000000000000:Telemetry-Queue',
        allowed: true,
      },
    ]);
  });

  test.each([receive, remove, look])('without %s it is given no messages', async (lacking = '') => {
    const granted = [receive, remove, look].filter((action) => action !== lacking);

    await expect(start(fed(role(granted as string[])))).rejects.toThrow(
      `Messages: the execution role has no permission to call ${lacking.slice('sqs:'.length)} on SQS: ` +
        'User: arn:aws:sts::000000000000:assumed-role/Telemetry-Role/Telemetry-Worker is not authorized to perform: ' +
        `${lacking} on resource: arn:aws:sqs:us-east-1:000000000000:Telemetry-Queue`,
    );
  });

  test('is no matter where the queue would give messages back while it works', async () => {
    await expect(start(fed(role(['sqs:*']), { timeout: 31 }))).rejects.toThrow(
      'Messages: Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds',
    );
  });

  test('cannot be known from a managed policy of AWS, which is named', async () => {
    const arn = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';
    const Role = { Type: 'AWS::IAM::Role', Properties: { ManagedPolicyArns: [arn] } };

    await expect(start(fed(Role))).rejects.toThrow(
      `role Telemetry-Role: the managed policy ${arn} is not in this stack`,
    );
  });

  test('cannot be known with a condition that the evaluation does not know', async () => {
    const Statement = { ...on(receive).Statement[0], Condition: { IpAddress: { 'aws:SourceIp': '::1' } } };
    const Role = {
      Type: 'AWS::IAM::Role',
      Properties: { Policies: [{ PolicyName: 'Inline', PolicyDocument: { Statement } }] },
    };

    await expect(start(fed(Role))).rejects.toThrow(
      'Role: the condition operator IpAddress is not known here; known are StringEquals, ',
    );
  });
});

test('batching windows need not be waited for: a run is busy with what it collects until they are ended', async () => {
  const directory = assembly(
    {
      Queue: { ...queue, Properties: { VisibilityTimeout: 330 } },
      Role: role(['sqs:*']),
      Worker: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          Handler: 'index.handler',
          Code: { S3Key: 'code.zip' },
          Timeout: 5,
          Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
        },
      },
      Messages: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: {
          EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
          FunctionName: { Ref: 'Worker' },
          BatchSize: 100,
          MaximumBatchingWindowInSeconds: 300,
        },
      },
    },
    { QueueUrl: { Value: { Ref: 'Queue' } } },
  );
  const run = await start(directory);
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
  expect(fs.readFileSync(path.join(directory, 'logs', 'Telemetry-Worker.log'), 'utf8')).toBe(
    '{"got":["reading"]}\n',
  );
});

test.each([
  ['AWS::DynamoDB::Table', {}],
  // As CDK's TableV2 makes it.
  [
    'AWS::DynamoDB::GlobalTable',
    {
      Replicas: [
        {
          Region: { Ref: 'AWS::Region' },
          GlobalSecondaryIndexes: [{ IndexName: 'by-kind' }],
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        },
      ],
    },
  ],
])('a table of type %s takes items, and is known by its name and ARN', async (Type, more) => {
  const key = (AttributeName: string) => [{ AttributeName, KeyType: 'HASH' }];
  const directory = assembly(
    {
      Stock: {
        Type,
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
          ...more,
        },
      },
    },
    { Name: { Value: { Ref: 'Stock' } }, Arn: { Value: { 'Fn::GetAtt': ['Stock', 'Arn'] } } },
  );
  const run = await start(directory);
  const dynamodb = new DynamoDBClient(run.client);
  const [name, arn] = run.stack.description.outputs.map(({ value }) => value);
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
  expect(arn).toBe('arn:aws:dynamodb:us-east-1:000000000000:table/Telemetry-Stock');
  expect(Items).toEqual([Item]);
});

test('a kept state takes up the settings of a changed template', async () => {
  const stateDirectory = path.join(root, 'state');
  const options = (seconds: number) => ({
    assembly: assembly({
      Queue: { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: seconds } },
      ...(seconds === 30 && {
        Policy: {
          Type: 'AWS::SQS::QueuePolicy',
          Properties: {
            Queues: [{ Ref: 'Queue' }],
            PolicyDocument: {
              Statement: { Effect: 'Allow', Principal: '*', Action: 'sqs:*', Resource: '*' },
            },
          },
        },
      }),
      Table: {
        Type: 'AWS::DynamoDB::Table',
        Properties: {
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
        },
      },
    }),
    port: 0,
    logDirectory: path.join(root, 'state-logs'),
    stateDirectory,
  });
  await (await LocalRun.start(options(30))).stop();

  const run = await LocalRun.start(options(60));
  const sqs = new SQSClient(run.client);
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: `${run.endpoint.endpoint}/000000000000/Telemetry-Queue`,
      AttributeNames: ['VisibilityTimeout', 'Policy'],
    }),
  );
  sqs.destroy();
  await run.stop();

  expect(Attributes).toEqual({ VisibilityTimeout: '60', Policy: '' });
});

test('a folder without a cloud assembly is named', () => {
  expect(() => readAssembly(root)).toThrow(`${root} holds no cloud assembly (manifest.json)`);
});

test('a synth that fails says what the app said', async () => {
  const directory = path.join(root, 'app');
  fs.mkdirSync(directory);
  fs.writeFileSync(
    path.join(directory, 'cdk.json'),
    JSON.stringify({ app: 'node app.mjs', context: { stage: 'dev', kept: 'yes' } }),
  );
  fs.writeFileSync(
    path.join(directory, 'app.mjs'),
    'console.error(`no stage ${process.env.CDK_CONTEXT_JSON}`); process.exit(1)',
  );

  await expect(synthesize(directory, path.join(directory, 'out'), { stage: 'nope' })).rejects.toThrow(
    /^no stage {"stage":"nope","kept":"yes"}$/,
  );
});

test('an app that would leave this machine while it synthesizes is refused', async () => {
  const directory = path.join(root, 'curious');
  fs.mkdirSync(directory);
  fs.writeFileSync(path.join(directory, 'cdk.json'), JSON.stringify({ app: 'node app.mjs' }));
  fs.writeFileSync(
    path.join(directory, 'app.mjs'),
    `await fetch('https://example.com').catch((error) => { console.error(error.cause.message); process.exit(1) })`,
  );

  await expect(synthesize(directory, path.join(directory, 'out'))).rejects.toThrow(
    'refused a connection to example.com: the local run stays on 127.0.0.1',
  );
});
