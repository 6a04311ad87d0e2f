import type { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
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
  readonly reservedConcurrency?: number | undefined;
  readonly logRetention: Duration;
  /**
   * Key that encrypts the logs. Its policy must let CloudWatch Logs use it.
   * @default - a key that CloudWatch Logs owns
   */
  readonly encryptionKey?: IKey | undefined;
  /** What becomes of the logs when the stack is deleted. */
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

  return new LambdaFunction(scope, 'Function', {
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
}
