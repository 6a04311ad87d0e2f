import { type Duration, type RemovalPolicy, type Size, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
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
  /**
   * Key that encrypts the logs. Its policy must let CloudWatch Logs use it.
   * @default - a key that CloudWatch Logs owns
   */
  readonly encryptionKey?: IKey;
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
    ...(props.encryptionKey && { encryptionKey: props.encryptionKey }),
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

  acknowledge(worker, role, props);
  return worker;
}

/** What the rule packs find and why it stays; NIST's are asked in `prod` only. */
function acknowledge(worker: LambdaFunction, role: Role, props: ConsumerFunctionProps): void {
  const noAsynchronousInvocation =
    'It serves asynchronous invocations; SQS invokes this function, and keeps what it fails on.';
  Validations.of(worker).acknowledge(
    { id: 'Serverless-LambdaDLQ', reason: noAsynchronousInvocation },
    { id: 'NIST.800.53.R5-LambdaDLQ', reason: noAsynchronousInvocation },
    {
      id: 'Serverless-LambdaEventSourceMappingDestination',
      reason: 'Lambda has no failure destination for SQS; the queue has a dead-letter queue instead.',
    },
    {
      id: 'NIST.800.53.R5-LambdaInsideVPC',
      reason:
        'It has nothing to reach in a VPC: it calls SQS and DynamoDB alone, over TLS, as its role allows, and nothing ' +
        'can call in. In a VPC it would need endpoints for each service, to pay for and to fail.',
    },
  );
  if (props.reservedConcurrency === undefined) {
    Validations.of(worker).acknowledge({
      id: 'NIST.800.53.R5-LambdaConcurrency',
      reason:
        "Its only caller, the event source mapping, has a maximum concurrency. Reserved concurrency would take from the account's " +
        'other functions; who needs it sets reservedConcurrency.',
    });
  }
  Validations.of(role).acknowledge({
    id: 'NIST.800.53.R5-IAMNoInlinePolicy',
    reason: 'The policy is for this role alone and goes with it; a managed one could be attached to others.',
  });
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
}
