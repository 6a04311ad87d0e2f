// A function that is invoked by an alias of its version, in a stack that CodeDeploy would deploy in steps.
import { GetEventSourceMappingCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from '@jest/globals';
import { LocalRun } from '../../../src/run/run.ts';
import { fed, logOf, runOf } from '../../fixtures/assembly.ts';
import { untilEmpty } from '../../fixtures/emulators.ts';

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:press';
const version = () => ({ Type: 'AWS::Lambda::Version', Properties: { FunctionName: { Ref: 'Worker' } } });
const alias = (Name: string, FunctionVersion: unknown) => ({
  Type: 'AWS::Lambda::Alias',
  Properties: { Name, FunctionName: { Ref: 'Worker' }, FunctionVersion },
});
/** A queue that feeds what is called FunctionName, and more. */
const press = (FunctionName: unknown, more: Record<string, object> = {}, outputs = {}) => {
  const { Messages, ...resources } = fed({ worker: { FunctionName: 'press' }, messages: { FunctionName } });
  const DependsOn = [...Object.keys(resources), ...Object.keys(more)];
  return runOf({ ...resources, ...more, Messages: { ...Messages, DependsOn } }, outputs);
};

/** Sends one message, whose invocation is over when it returns. */
async function invokeOnce(run: LocalRun): Promise<void> {
  const QueueUrl = `${run.endpoint.endpoint}/000000000000/Telemetry-Queue`;
  const sqs = new SQSClient(run.client);
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '21.5' }));
  run.consume();
  await untilEmpty(QueueUrl, sqs);
  sqs.destroy();
}
const invocationsOf = (run: LocalRun, dimensions: object) =>
  run.cloudWatch.metricSum('AWS/Lambda', 'Invocations', { FunctionName: 'press', ...dimensions });

test('a mapping on an alias invokes the version that the alias points at, and its metrics say so', async () => {
  const options = press(
    { Ref: 'Live' },
    {
      Version: version(),
      Live: alias('live', { 'Fn::GetAtt': ['Version', 'Version'] }),
      Application: { Type: 'AWS::CodeDeploy::Application' },
      Deployments: { Type: 'AWS::CodeDeploy::DeploymentGroup' },
      Logs: { Type: 'AWS::Logs::LogGroup' },
      Parameter: { Type: 'AWS::SSM::Parameter' },
    },
  );
  const run = await LocalRun.start(options);
  const lambda = new LambdaClient(run.client);

  await invokeOnce(run);
  const mapping = await lambda.send(new GetEventSourceMappingCommand({ UUID: 'Messages' }));
  const ofAlias = { Resource: 'press:live' };
  const counted = await Promise.all(
    [{}, ofAlias, { ...ofAlias, ExecutedVersion: '1' }].map((dimensions) => invocationsOf(run, dimensions)),
  );
  lambda.destroy();
  await run.stop();

  expect(logOf(options, 'press')).toEqual({
    got: ['21.5'],
    functionVersion: '1',
    environment: '1',
    invokedFunctionArn: `${FUNCTION}:live`,
  });
  expect(mapping.FunctionArn).toBe(`${FUNCTION}:live`);
  expect(counted).toEqual([1, 1, 1]);
  expect(run.stack.notRun.sort()).toEqual([
    '1 × AWS::CodeDeploy::Application: nothing is deployed in steps',
    '1 × AWS::CodeDeploy::DeploymentGroup: nothing is deployed in steps',
    '1 × AWS::Logs::LogGroup: logs go to a file',
    '1 × AWS::SSM::Parameter: nobody reads it',
  ]);
  expect(run.problems).toEqual([]);
});

test.each([
  [
    'an alias of a version',
    press('press', { Old: alias('old', '7') }),
    'Old: no version 7 of press in this stack',
  ],
  ['a mapping on a function', press('other'), 'Messages: no function other in this stack'],
  ['a mapping on an alias', press('press:live'), 'Messages: no version or alias live of press in this stack'],
  [
    'a second version',
    press('press', { First: version(), Second: { ...version(), DependsOn: 'First' } }),
    'Second: the local run knows one version of a function, and press has one',
  ],
])('%s that the stack does not have stops the start', async (_, options, why) => {
  await expect(LocalRun.start(options)).rejects.toThrow(why);
});
