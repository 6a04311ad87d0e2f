/** What the rule packs find in this project's constructs, and why it stays. */
import { Stack, Validations } from 'aws-cdk-lib';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';
import { ARCHIVE_PREFIX } from '../../contract/archive.ts';
import { OperationsTopic } from '../alarms/operations-topic.ts';
import { ArchiveBucket } from '../archive/archive-bucket.ts';
import { Consumer } from '../consumer/consumer.ts';
import { ConsumerAlarms } from '../consumer/consumer-alarms.ts';
import { GradualRelease } from '../consumer/gradual-release.ts';
import { SummaryAlarm } from '../consumer/summary-alarm.ts';
import { OperatorPolicy } from '../operations/operator-policy.ts';
import { FanOutTopic } from '../topic/fan-out-topic.ts';
import { UnroutedMessages } from '../topic/unrouted-messages.ts';

const OWN_POLICY =
  'The policy is for this role alone and goes with it; a managed one could be attached to others.';

/**
 * Acknowledges the findings in the constructs of this project under `scope`, and in no other: call it when all are made. A
 * rule of a pack that a stage is not checked against is acknowledged in vain.
 */
export function acknowledgeFindings(scope: IConstruct): void {
  for (const construct of scope.node.findAll()) {
    if (construct instanceof Consumer) acknowledgeInConsumer(construct);
    else if (construct instanceof ArchiveBucket) acknowledgeInArchiveBucket(construct);
    else if (construct instanceof ConsumerAlarms) acknowledgeInConsumerAlarms(construct);
    else if (construct instanceof SummaryAlarm) acknowledgeInSummaryAlarm(construct);
    else if (construct instanceof FanOutTopic) acknowledgeInFanOutTopic(construct);
    else if (construct instanceof GradualRelease) acknowledgeInGradualRelease(construct);
    else if (construct instanceof UnroutedMessages) acknowledgeInUnroutedMessages(construct);
    else if (construct instanceof OperationsTopic) acknowledgeInOperationsTopic(construct);
    else if (construct instanceof OperatorPolicy) acknowledgeInOperatorPolicy(construct);
  }
}

function acknowledgeInConsumer({ deadLetterQueue, function: lambdaFunction }: Consumer): void {
  acknowledge(deadLetterQueue, {
    'Serverless-SQSRedrivePolicy': 'A dead-letter queue has none of its own; alarms watch it.',
  });

  const noAsynchronousInvocation =
    'It serves asynchronous invocations; SQS invokes this function, and keeps what it fails on.';
  acknowledge(lambdaFunction, {
    'Serverless-LambdaDLQ': noAsynchronousInvocation,
    'NIST.800.53.R5-LambdaDLQ': noAsynchronousInvocation,
    'Serverless-LambdaEventSourceMappingDestination':
      'Lambda has no failure destination for SQS; the queue has a dead-letter queue instead.',
    'NIST.800.53.R5-LambdaInsideVPC':
      'It has nothing to reach in a VPC: it calls SQS, DynamoDB and S3 alone, over TLS, as its role allows, and nothing ' +
      'can call in. In a VPC it would need endpoints for each service, to pay for and to fail.',
  });
  if (lambdaFunction.role) {
    acknowledge(lambdaFunction.role, {
      'NIST.800.53.R5-IAMNoInlinePolicy': OWN_POLICY,
    });
  }
  acknowledgeSettings(lambdaFunction);
}

/** What a stage or a consumer may have set otherwise. */
function acknowledgeSettings(lambdaFunction: Consumer['function']): void {
  const { reservedConcurrentExecutions, tracingConfig } = lambdaFunction.node.defaultChild as CfnFunction;
  if (reservedConcurrentExecutions === undefined) {
    acknowledge(lambdaFunction, {
      'NIST.800.53.R5-LambdaConcurrency':
        "Its only caller, the event source mapping, has a maximum concurrency. Reserved concurrency would take from the account's " +
        'other functions; who needs it sets reservedConcurrency.',
    });
  }
  if (tracingConfig === undefined) {
    acknowledge(lambdaFunction, {
      'Serverless-LambdaTracing': 'Tracing is a setting of the stage, and this stage has it off.',
    });
  } else if (lambdaFunction.role) {
    acknowledge(lambdaFunction.role, {
      'AwsSolutions-IAM5[Resource::*]':
        'X-Ray has no resources to name for PutTraceSegments and PutTelemetryRecords.',
    });
  }
}

function acknowledgeInArchiveBucket({ bucket }: ArchiveBucket): void {
  const noAccessLog =
    'Server access logs come late and not all of them, into one more bucket to keep. Who has to know each reader records the data ' +
    "events of S3 in the account's CloudTrail.";
  acknowledge(bucket, {
    'AwsSolutions-S1': noAccessLog,
    'NIST.800.53.R5-S3BucketLoggingEnabled': noAccessLog,
    'NIST.800.53.R5-S3BucketReplicationEnabled':
      'S3 keeps each object in three zones. A copy in another region is for whoever has to go on without this one, and has to go there ' +
      'with the topic.',
  });
  const stack = Stack.of(bucket);
  const objects = inFinding(stack.resolve(bucket.arnForObjects(`${ARCHIVE_PREFIX}*`)));
  // Of the function that writes them, and of operators, who read them.
  acknowledge(stack, {
    [`AwsSolutions-IAM5[Resource::${objects}]`]:
      'Objects are named by what they hold, which nobody knows before.',
  });
}

function acknowledgeInSummaryAlarm({ alarms }: SummaryAlarm): void {
  for (const alarm of alarms) {
    acknowledge(alarm, {
      'NIST.800.53.R5-CloudWatchAlarmAction':
        'A composite alarm announces it, once for all that has one cause.',
    });
  }
}

function acknowledgeInFanOutTopic({ deliveryLogging }: FanOutTopic): void {
  if (!deliveryLogging) return;
  const { role, logs } = deliveryLogging;
  acknowledge(role, {
    'NIST.800.53.R5-IAMNoInlinePolicy': OWN_POLICY,
    [`AwsSolutions-IAM5[Resource::${inFinding(Stack.of(role).resolve(logs))}]`]:
      'SNS names the log groups of this topic, and their streams.',
  });
}

function acknowledgeInConsumerAlarms({ releaseRetrying }: ConsumerAlarms): void {
  if (!releaseRetrying) return;
  acknowledge(releaseRetrying, {
    'NIST.800.53.R5-CloudWatchAlarmAction': 'CodeDeploy acts on it. People are told by the alarm on retries.',
  });
}

function acknowledgeInGradualRelease({ role }: GradualRelease): void {
  acknowledge(role, {
    'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]':
      'CDK attaches it to the role of every deployment group, and AWS keeps it in step with what CodeDeploy does.',
  });
}

function acknowledgeInUnroutedMessages({ queue, subscription }: UnroutedMessages): void {
  const nobodyReceives =
    'Nothing but an operator takes messages out of it, and each only after it was sent on: none can fail here. An alarm watches it.';
  acknowledge(queue, {
    'AwsSolutions-SQS3': nobodyReceives,
    'Serverless-SQSRedrivePolicy': nobodyReceives,
  });
  acknowledge(subscription, {
    'Serverless-SNSRedrivePolicy':
      'It is the last resort itself. SNS tries a fault of SQS again for 23 days; that the queue refuses takes a policy or a key ' +
      'changed by hand, which the alarm on failed deliveries announces.',
  });
}

function acknowledgeInOperationsTopic({ emailSubscription }: OperationsTopic): void {
  if (!emailSubscription) return;
  acknowledge(emailSubscription, {
    'Serverless-SNSRedrivePolicy':
      'Nothing would read a queue of undelivered mail; the state of every alarm stays in CloudWatch.',
  });
}

function acknowledgeInOperatorPolicy(policy: OperatorPolicy): void {
  acknowledge(policy, {
    'AwsSolutions-IAM5[Resource::*]':
      'Subscriptions, alarms, metrics and the account cannot be named: GetSubscriptionAttributes, GetMetricData and ' +
      'GetAccountSettings know no resources; of composite alarms, DescribeAlarms and DescribeAlarmHistory take all or none.',
    [`AwsSolutions-IAM5[Resource::${inFinding(Stack.of(policy).resolve(policy.stacks))}]`]:
      'Whoever asks for a stack by its name does not know the rest of its ARN.',
    [`AwsSolutions-IAM5[Resource::${inFinding(Stack.of(policy).resolve(policy.alarms))}]`]:
      "CloudFormation names the stack's alarms, beginning with the stack's name.",
  });
}

/** An ARN as cdk-nag writes it: account and region may be known at synth, or parameters of the template. */
function inFinding(arn: string | { 'Fn::Join': [string, (string | Reference)[]] }): string {
  if (typeof arn === 'string') return arn;
  const [separator, parts] = arn['Fn::Join'];
  const name = (part: Reference) => ('Ref' in part ? part.Ref : part['Fn::GetAtt'].join('.'));
  return parts.map((part) => (typeof part === 'string' ? part : `<${name(part)}>`)).join(separator);
}

type Reference = { Ref: string } | { 'Fn::GetAtt': [string, string] };

/** @param reasons why each finding stays, by its ID */
function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}
