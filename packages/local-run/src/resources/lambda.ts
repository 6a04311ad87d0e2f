import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SQSClient } from '@aws-sdk/client-sqs';
import { ACCOUNT, CREDENTIALS, REGION } from '../client/account.ts';
import { clientSettings } from '../client/client-settings.ts';
import { EventSourceMapping } from '../lambda/event-source-mapping.ts';
import { LocalFunction } from '../lambda/local-function.ts';
import {
  asStrings,
  type Create,
  type Deployment,
  type Properties,
  physicalName,
  refuseUnknown,
} from './deployment.ts';
import { functionOf } from './lambda-versions.ts';

/** What becomes of a time scale for functions, whose work does not go faster than this machine. */
const WORK_SHARE = 1 / 3;

/** The access key that tells a function's calls from those of others. No function's name has a colon. */
export const functionKeyId = (functionName: string): string => `function:${functionName}`;

export const createFunction: Create = async (logicalId, properties, deployment) => {
  const functionName = physicalName(logicalId, properties.FunctionName, deployment);
  const roleArn = String(properties.Role);
  if (!deployment.roles.has(roleArn)) throw new Error(`${logicalId}: no role ${roleArn} in this stack`);
  const functionArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`;
  const definition = {
    codeDirectory: codeDirectoryOf(logicalId, properties, deployment),
    handler: String(properties.Handler),
    functionName,
    functionArn,
    memoryMegabytes: Number(properties.MemorySize ?? 128),
    timeoutSeconds: Number(properties.Timeout ?? 3) / Math.max(1, deployment.timeScale * WORK_SHARE),
    reservedConcurrency: properties.ReservedConcurrentExecutions,
    environment: environmentOf(functionName, properties, deployment),
  };
  deployment.callers.push({ functionName, roleArn });
  const target = new LocalFunction(definition, deployment.events, deployment.faults);
  deployment.functions.set(functionName, target);
  return { ref: functionName, attributes: { Arn: functionArn } };
};

function codeDirectoryOf(logicalId: string, { Code }: Properties, { assets }: Deployment): string {
  const directory = assets.get(String(Code?.S3Key ?? '').replace(/\.zip$/, ''));
  if (!directory) {
    throw new Error(`${logicalId}: the assembly holds no asset for its code ${JSON.stringify(Code)}`);
  }
  const bundle = path.join(directory, 'index.mjs');
  if (!fs.existsSync(bundle)) {
    throw new Error(`${logicalId}: ${bundle} is missing; was the stack synthesized without bundling?`);
  }
  return directory;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
function environmentOf(
  functionName: string,
  { Environment, Handler, LoggingConfig, MemorySize }: Properties,
  { endpoint }: Deployment,
): Record<string, string> {
  return {
    ...asStrings(Environment?.Variables ?? {}),
    _HANDLER: String(Handler),
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize ?? 128),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: String(LoggingConfig?.LogGroup ?? `/aws/lambda/${functionName}`),
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    AWS_LAMBDA_LOG_FORMAT: String(LoggingConfig?.LogFormat ?? 'Text'),
    AWS_LAMBDA_LOG_LEVEL: String(LoggingConfig?.ApplicationLogLevel ?? 'INFO'),
    AWS_ACCESS_KEY_ID: functionKeyId(functionName),
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_ENDPOINT_URL: endpoint,
    // Lambda has no such files, and those of the user are not meant for it.
    AWS_CONFIG_FILE: os.devNull,
    AWS_SHARED_CREDENTIALS_FILE: os.devNull,
    TZ: ':UTC',
  };
}

export const createEventSourceMapping: Create = async (logicalId, properties, deployment) => {
  refuseUnknown(logicalId, properties, 'FilterCriteria');
  if (properties.Enabled === false)
    throw new Error(`${logicalId}: the local run begins with mappings that are on`);
  const { target, qualifier, arn } = functionOf(logicalId, properties, deployment);
  const queueArn = String(properties.EventSourceArn);
  const queueUrl = deployment.queueUrls.get(queueArn);
  if (!queueUrl) throw new Error(`${logicalId}: no queue ${queueArn} in this stack`);
  const definition = {
    queueUrl,
    queueArn,
    qualifier,
    batchSize: Number(properties.BatchSize ?? 10),
    windowSeconds: Number(properties.MaximumBatchingWindowInSeconds ?? 0) / deployment.timeScale,
    maximumConcurrency: properties.ScalingConfig?.MaximumConcurrency,
    reportsBatchItemFailures: (properties.FunctionResponseTypes ?? []).includes('ReportBatchItemFailures'),
  };
  // Lambda polls with the function's role.
  // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  const sqs = new SQSClient(
    clientSettings(deployment.endpoint, functionKeyId(target.definition.functionName)),
  );
  deployment.clients.push(sqs);
  const mapping = new EventSourceMapping(definition, target, sqs, deployment.onProblem);
  deployment.mappings.set(logicalId, mapping);
  const EventSourceMappingArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:event-source-mapping:${logicalId}`;
  const { Enabled, FunctionName, Tags, ...settings } = properties;
  await deployment.emulators.addMapping(
    { ...settings, UUID: logicalId, EventSourceMappingArn, FunctionArn: arn, EventSourceArn: queueArn },
    (isEnabled) => mapping.switchTo(isEnabled),
  );
  return { ref: logicalId, attributes: { Id: logicalId, EventSourceMappingArn } };
};

/**
 * Lambda makes no mapping whose function could not poll the queue.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 * @throws Error with a line for each mapping that cannot be made, and why
 */
export async function checkMappings({ mappings, emulators }: Deployment): Promise<void> {
  const problems: string[] = [];
  for (const [logicalId, mapping] of mappings) {
    const problem = (await denialOf(mapping, emulators)) ?? (await mapping.problemWithQueue());
    if (problem) problems.push(`${logicalId}: ${problem}`);
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

async function denialOf(
  { definition, target }: EventSourceMapping,
  { api }: Deployment['emulators'],
): Promise<string | undefined> {
  const accessKeyId = functionKeyId(target.definition.functionName);
  for (const action of ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes']) {
    const resource = definition.queueArn;
    const denial = await api.denial(accessKeyId, [{ action: `sqs:${action}`, resource }]);
    if (denial) return `the execution role has no permission to call ${action} on SQS: ${denial}`;
  }
  return undefined;
}
