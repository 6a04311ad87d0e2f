/** Addresses of pages in the AWS console. */
import { Stack } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';

/** The page names a queue by its URL, in which nothing may stay unencoded. */
export function queuePage(queue: IQueue): string {
  const { region, account, urlSuffix } = Stack.of(queue);
  const url = `https%3A%2F%2Fsqs.${region}.${urlSuffix}%2F${account}%2F${queue.queueName}`;
  return `${home(queue, 'sqs/v3')}#/queues/${url}`;
}

export function functionPage(lambdaFunction: IFunction): string {
  return `${home(lambdaFunction, 'lambda')}#/functions/${lambdaFunction.functionName}`;
}

export function topicPage(topic: ITopic): string {
  return `${home(topic, 'sns/v3')}#/topic/${topic.topicArn}`;
}

function home(resource: IQueue | IFunction | ITopic, service: string): string {
  const { region } = Stack.of(resource);
  return `https://${region}.console.aws.amazon.com/${service}/home?region=${region}`;
}
