import { type Duration, type RemovalPolicy, type Size, Validations } from 'aws-cdk-lib';
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
import { handlerCode } from './handler-code.ts';

export interface ConsumerFunctionProps {
  /** Path of the TypeScript module that exports `handler`. */
  readonly handlerEntry: string;
  readonly environment: Record<string, string>;
  readonly memory: Size;
  readonly timeout: Duration;
  readonly reservedConcurrency?: number;
  readonly logRetention: Duration;
  /** What becomes of the logs when the stack goes. */
  readonly removalPolicy: RemovalPolicy;
  readonly tracing: boolean;
}

/**
 * Makes the function of a consumer, with a log group of its own and a role that may write only there.
 * @param scope the consumer
 */
export function consumerFunction(scope: Construct, props: ConsumerFunctionProps): LambdaFunction {
  const logGroup = new LogGroup(scope, 'Logs', {
    retention: props.logRetention.toDays(),
    removalPolicy: props.removalPolicy,
  });
  // The role that Function would make by itself may write to every log group of the account.
  const role = new Role(scope, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  logGroup.grantWrite(role);

  const worker = new LambdaFunction(scope, 'Function', {
    description: `Consumer ${scope.node.path}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    code: handlerCode(scope, props.handlerEntry),
    handler: 'index.handler',
    memorySize: props.memory.toMebibytes(),
    timeout: props.timeout,
    ...(props.reservedConcurrency !== undefined && {
      reservedConcurrentExecutions: props.reservedConcurrency,
    }),
    role,
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
    environment: {
      ...props.environment,
      NODE_OPTIONS: '--enable-source-maps',
    },
  });

  Validations.of(worker).acknowledge(
    {
      id: 'Serverless-LambdaDLQ',
      reason: 'It serves asynchronous invocations; SQS invokes this function, and keeps what it fails on.',
    },
    {
      id: 'Serverless-LambdaEventSourceMappingDestination',
      reason: 'Lambda has no failure destination for SQS; the queue has a dead-letter queue instead.',
    },
  );
  if (props.tracing) {
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'X-Ray has no resources to name for PutTraceSegments and PutTelemetryRecords.',
    });
  } else {
    Validations.of(worker).acknowledge({
      id: 'Serverless-LambdaTracing',
      reason: 'Tracing is a setting of the stage, and this stage has it off.',
    });
  }
  return worker;
}
