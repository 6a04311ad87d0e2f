import { paginateListSubscriptionsByTopic, type SNSClient, type Subscription } from '@aws-sdk/client-sns';

/** @throws whatever the SDK throws */
export async function subscriptionsOf(sns: SNSClient, TopicArn: string): Promise<Subscription[]> {
  const found: Subscription[] = [];
  const pages = paginateListSubscriptionsByTopic({ client: sns }, { TopicArn });
  for await (const { Subscriptions = [] } of pages) found.push(...Subscriptions);
  return found;
}
