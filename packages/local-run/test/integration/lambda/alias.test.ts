// A function that is invoked by an alias of its version, in a stack that CodeDeploy would deploy in steps.
import fs from 'node:fs';
import path from 'node:path';
import { LambdaClient, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from '@jest/globals';
import { App, CfnOutput, Stack, Tags } from 'aws-cdk-lib';
import { LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { AttributeType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import {
  CfnAlias,
  CfnEventSourceMapping,
  CfnVersion,
  Code,
  Function as LambdaFunction,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { LocalRun } from '../../../src/run/run.ts';
import { untilEmpty } from '../../fixtures/empty-queue.ts';
import { temporaryFolder } from '../../fixtures/temporary.ts';

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:press';
const logDirectory = temporaryFolder('alias-logs-');

/** A folder with a bundle that says as what it is invoked. */
function bundle(): string {
  const folder = temporaryFolder('alias-code-');
  fs.writeFileSync(
    path.join(folder, 'index.mjs'),
    `export const handler = async (event, { functionVersion, invokedFunctionArn }) =>
       console.log(JSON.stringify([functionVersion, process.env.AWS_LAMBDA_FUNCTION_VERSION, invokedFunctionArn]));`,
  );
  return folder;
}

/** What `describe` adds to a stack with a queue and a function that may read it. */
async function start(
  describe: (stack: Stack, press: LambdaFunction, queue: Queue) => void,
): Promise<LocalRun> {
  const app = new App({
    outdir: temporaryFolder('alias-assembly-'),
    analyticsReporting: false,
    context: { '@aws-cdk/aws-lambda:useCdkManagedLogGroup': true },
  });
  const stack = new Stack(app, 'Plant');
  const queue = new Queue(stack, 'Readings', { queueName: 'readings' });
  const press = new LambdaFunction(stack, 'Press', {
    functionName: 'press',
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromAsset(bundle()),
  });
  queue.grantConsumeMessages(press);
  describe(stack, press, queue);
  // The execution role's managed policy of AWS, for logs, is nothing that a local stack can know.
  (press.role?.node.defaultChild as { managedPolicyArns?: unknown }).managedPolicyArns = undefined;
  const { directory: assembly } = app.synth();
  return LocalRun.start({ assembly, port: 0, logDirectory });
}

async function invokeOnce(run: LocalRun): Promise<void> {
  const QueueUrl = `${run.endpoint.endpoint}/000000000000/readings`;
  const sqs = new SQSClient(run.client);
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '21.5' }));
  run.consume();
  await untilEmpty(sqs, QueueUrl);
  sqs.destroy();
}

test('a mapping on an alias invokes the version that the alias points at, and its metrics say so', async () => {
  const run = await start((stack, press, queue) => {
    const alias = press.addAlias('live');
    alias.addEventSourceMapping('Messages', { eventSourceArn: queue.queueArn });
    new LambdaDeploymentGroup(stack, 'Deployments', {
      alias,
      deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
      alarms: [press.metricErrors().createAlarm(stack, 'Errors', { threshold: 1, evaluationPeriods: 1 })],
    });
    new StringParameter(stack, 'QueueArn', { stringValue: queue.queueArn });
    new Topic(stack, 'Topic');
    new TableV2(stack, 'Table', { partitionKey: { name: 'id', type: AttributeType.STRING } });
    Tags.of(stack).add('stage', 'test');
  });
  const lambda = new LambdaClient(run.client);

  await invokeOnce(run);
  const { EventSourceMappings: [mapping] = [] } = await lambda.send(new ListEventSourceMappingsCommand({}));
  const sums = await Promise.all(
    [
      { FunctionName: 'press' },
      { FunctionName: 'press', Resource: 'press:live' },
      { FunctionName: 'press', Resource: 'press:live', ExecutedVersion: '1' },
    ].map((dimensions) => run.cloudWatch.metricSum('AWS/Lambda', 'Invocations', dimensions)),
  );
  lambda.destroy();
  await run.stop();

  expect(fs.readFileSync(path.join(logDirectory, 'press.log'), 'utf8')).toBe(
    `["1","1","${FUNCTION}:live"]\n`,
  );
  expect(mapping?.FunctionArn).toBe(`${FUNCTION}:live`);
  expect(sums).toEqual([1, 1, 1]);
  expect(run.stack.notRun.sort()).toEqual([
    '1 × AWS::CodeDeploy::Application: nothing is deployed in steps',
    '1 × AWS::CodeDeploy::DeploymentGroup: nothing is deployed in steps',
    '1 × AWS::Logs::LogGroup: logs go to a file',
    '1 × AWS::SSM::Parameter: nobody reads it',
  ]);
  expect(run.problems).toEqual([]);
});

test.each([
  ['the number of a version', 'press:1', [1, 1]],
  ['the ARN of a version', `${FUNCTION}:1`, [1, 1]],
  ['a part of an ARN', '000000000000:function:press', [1, 0]],
])('a mapping may name its function by %s', async (_, FunctionName, sums) => {
  const run = await start((stack, press, queue) => {
    const mapping = new CfnEventSourceMapping(stack, 'Messages', {
      eventSourceArn: queue.queueArn,
      functionName: FunctionName,
    });
    mapping.node.addDependency(press.currentVersion, press.role ?? press);
  });

  await invokeOnce(run);
  const counted = await Promise.all(
    [{ FunctionName: 'press' }, { FunctionName: 'press', Resource: 'press:1' }].map((dimensions) =>
      run.cloudWatch.metricSum('AWS/Lambda', 'Invocations', dimensions),
    ),
  );
  await run.stop();

  expect(counted).toEqual(sums);
});

test('each version of a function has a number of its own', async () => {
  const run = await start((stack, press, queue) => {
    const first = new CfnVersion(stack, 'First', { functionName: press.functionName });
    const second = new CfnVersion(stack, 'Second', { functionName: press.functionArn });
    second.node.addDependency(first);
    new CfnAlias(stack, 'Latest', {
      name: 'latest',
      functionName: press.functionName,
      functionVersion: '$LATEST',
    });
    const mapping = new CfnEventSourceMapping(stack, 'Messages', {
      eventSourceArn: queue.queueArn,
      functionName: second.ref,
    });
    mapping.node.addDependency(press.role ?? press);
    const value = `${first.attrVersion} ${second.attrVersion} ${second.attrFunctionArn}`;
    new CfnOutput(stack, 'Numbers', { value });
  });

  await invokeOnce(run);
  const count = await run.cloudWatch.metricSum('AWS/Lambda', 'Invocations', {
    FunctionName: 'press',
    Resource: 'press:2',
  });
  await run.stop();

  expect(run.stack.description.outputs).toMatchObject([{ value: `1 2 ${FUNCTION}:2` }]);
  expect(count).toBe(1);
});

test('an alias of a version that is not there stops the start', async () => {
  const starting = start((stack, press) => {
    new CfnAlias(stack, 'Old', { name: 'old', functionName: press.functionName, functionVersion: '7' });
  });

  await expect(starting).rejects.toThrow('Old: no version 7 of press in this stack');
});

test.each([
  ['other', 'no function other in this stack'],
  ['press:live', 'no version or alias live of press in this stack'],
])('a mapping on %s, which is not there, stops the start', async (functionName, why) => {
  const starting = start((stack, press, queue) => {
    const mapping = new CfnEventSourceMapping(stack, 'Messages', {
      eventSourceArn: queue.queueArn,
      functionName,
    });
    mapping.node.addDependency(press);
  });

  await expect(starting).rejects.toThrow(`Messages: ${why}`);
});
