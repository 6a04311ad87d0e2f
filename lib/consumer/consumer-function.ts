import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge, OWN_POLICY } from '../checks/acknowledge.ts';
import type { ConsumerProps } from './consumer-props.ts';
import { handlerCode } from './handler-code.ts';

/**
 * The function of a consumer, with a log group of its own and a role that may write only there.
 * @param scope the consumer
 */
export function consumerFunction(
  scope: Construct,
  props: ConsumerProps,
  environment: Record<string, string>,
): LambdaFunction {
  const { reservedConcurrency, encryptionKey, tracing = false } = props;
  const logGroup = new LogGroup(scope, 'Logs', {
    retention: props.logRetention.toDays(),
    ...(encryptionKey && { encryptionKey }),
    removalPolicy: props.removalPolicy,
  });
  // The role that Function makes by default may write to every log group of the account.
  const role = new Role(scope, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  logGroup.grantWrite(role);

  const lambdaFunction = new LambdaFunction(scope, 'Function', {
    description: `Consumer ${scope.node.path}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    code: handlerCode(scope, props.handlerEntry),
    handler: 'index.handler',
    memorySize: props.memory.toMebibytes(),
    timeout: props.timeout,
    ...(reservedConcurrency !== undefined && { reservedConcurrentExecutions: reservedConcurrency }),
    role,
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    tracing: tracing ? Tracing.ACTIVE : Tracing.DISABLED,
    environment: { ...environment, NODE_OPTIONS: '--enable-source-maps' },
  });
  acknowledgeFindings(lambdaFunction, role, { reservedConcurrency, tracing });
  return lambdaFunction;
}

function acknowledgeFindings(
  lambdaFunction: LambdaFunction,
  role: Role,
  { reservedConcurrency, tracing }: Pick<ConsumerProps, 'reservedConcurrency' | 'tracing'>,
): void {
  const noAsynchronousInvocation =
    'It serves asynchronous invocations; SQS invokes this function, and keeps what it fails on.';
  acknowledge(lambdaFunction, {
    'Serverless-LambdaDLQ': noAsynchronousInvocation,
    'NIST.800.53.R5-LambdaDLQ': noAsynchronousInvocation,
    'Serverless-LambdaEventSourceMappingDestination':
      'Lambda has no failure destination for SQS; the queue has a dead-letter queue instead.',
    'NIST.800.53.R5-LambdaInsideVPC':
      'It needs nothing in a VPC: it calls only SQS, DynamoDB and S3, over TLS, as its role allows, and nothing can call in. ' +
      'In a VPC it would need endpoints for each service, which cost money and can fail.',
    ...(reservedConcurrency === undefined && {
      'NIST.800.53.R5-LambdaConcurrency':
        "Its only caller, the event source mapping, has a maximum concurrency. Reserved concurrency would take from the account's " +
        'other functions; set reservedConcurrency if you need it.',
    }),
    ...(!tracing && {
      'Serverless-LambdaTracing': 'Tracing is a setting of the stage, and this stage has it off.',
    }),
  });
  acknowledge(role, {
    'NIST.800.53.R5-IAMNoInlinePolicy': OWN_POLICY,
    ...(tracing && {
      'AwsSolutions-IAM5[Resource::*]':
        'X-Ray has no resources to name for PutTraceSegments and PutTelemetryRecords.',
    }),
  });
}
