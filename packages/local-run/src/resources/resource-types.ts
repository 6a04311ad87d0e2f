// The resource types of a template that the local run knows.
import { createAlarm, createCompositeAlarm } from './cloudwatch.ts';
import type { Create } from './deployment.ts';
import { createTable } from './dynamodb.ts';
import { createManagedPolicy, createPolicy, createRole } from './iam.ts';
import { createKey } from './kms.ts';
import { createEventSourceMapping, createFunction } from './lambda.ts';
import { createAlias, createVersion } from './lambda-versions.ts';
import { createBucket, createBucketPolicy } from './s3.ts';
import { createSubscription, createTopic, createTopicPolicy } from './sns.ts';
import { createQueue, createQueuePolicy } from './sqs.ts';

/** The types that run here. */
export const CREATE: ReadonlyMap<string, Create> = new Map([
  ['AWS::IAM::Role', createRole],
  ['AWS::IAM::Policy', createPolicy],
  ['AWS::IAM::ManagedPolicy', createManagedPolicy],
  ['AWS::SNS::TopicPolicy', createTopicPolicy],
  ['AWS::SQS::QueuePolicy', createQueuePolicy],
  ['AWS::KMS::Key', createKey],
  ['AWS::SNS::Topic', createTopic],
  ['AWS::SQS::Queue', createQueue],
  ['AWS::SNS::Subscription', createSubscription],
  ['AWS::S3::Bucket', createBucket],
  ['AWS::S3::BucketPolicy', createBucketPolicy],
  ['AWS::DynamoDB::Table', createTable],
  ['AWS::DynamoDB::GlobalTable', createTable],
  ['AWS::Lambda::Function', createFunction],
  ['AWS::Lambda::Version', createVersion],
  ['AWS::Lambda::Alias', createAlias],
  ['AWS::Lambda::EventSourceMapping', createEventSourceMapping],
  ['AWS::CloudWatch::Alarm', createAlarm],
  ['AWS::CloudWatch::CompositeAlarm', createCompositeAlarm],
]);

/** Types that are in the template for AWS alone, and why each is not run here. */
export const NOT_RUN: ReadonlyMap<string, string> = new Map([
  ['AWS::KMS::Alias', 'nothing is encrypted'],
  ['AWS::Logs::LogGroup', 'logs go to a file'],
  ['AWS::CloudWatch::Dashboard', 'nothing shows it'],
  ['AWS::CodeDeploy::Application', 'nothing is deployed in steps'],
  ['AWS::CodeDeploy::DeploymentGroup', 'nothing is deployed in steps'],
  ['AWS::Glue::Database', 'nothing queries it'],
  ['AWS::Glue::Table', 'nothing queries it'],
  ['AWS::Athena::WorkGroup', 'no query runs in it'],
  ['AWS::Athena::NamedQuery', 'nobody runs it'],
  ['AWS::SSM::Parameter', 'nobody reads it'],
  ['AWS::XRay::ResourcePolicy', 'nothing is traced'],
  ['AWS::CDK::Metadata', 'it describes the CDK app'],
]);
