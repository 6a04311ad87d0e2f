/** Which consumers a message of the topic is for. */
import { GetSubscriptionAttributesCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { StackHandles } from '../aws/stack.ts';
import { subscriptionsOf } from '../aws/subscriptions.ts';
import { CommandError } from '../terminal/command-error.ts';
import { type Attributes, type FilterPolicy, parseFilterPolicy, passes } from './filter-policy.ts';

/** Whether the consumer's subscription lets a message with these attributes through. */
export type Takes = (consumer: string, message: { readonly attributes: Attributes }) => boolean;

/**
 * Whether a message is for a consumer, by the filter policies of all consumers' subscriptions.
 * @throws CommandError for a consumer without a subscription, and for a policy that cannot be followed here
 */
export async function readSubscriptions(sns: SNSClient, stack: StackHandles): Promise<Takes> {
  const policies = await readFilterPolicies(sns, stack);
  return (consumer, { attributes }) => {
    const policy = policies.get(consumer);
    return policy !== undefined && passes(policy, attributes);
  };
}

/**
 * Consumer → filter policy of its subscription; empty where it takes everything.
 * @throws CommandError for a consumer without a subscription, and for a policy that cannot be followed here
 */
export async function readFilterPolicies(
  sns: SNSClient,
  stack: StackHandles,
): Promise<Map<string, FilterPolicy>> {
  const arns = new Map<string, string>();
  for (const { Protocol, Endpoint, SubscriptionArn = '' } of await subscriptionsOf(sns, stack.topicArn)) {
    if (Protocol === 'sqs') arns.set(Endpoint?.split(':').at(-1) ?? '', SubscriptionArn);
  }
  const policies = await Promise.all(
    stack.consumers.map(async ({ name, queueUrl }) => {
      const arn = arns.get(queueUrl.split('/').at(-1) ?? '');
      if (!arn)
        throw new CommandError(
          `The queue of ${name} is not subscribed to ${stack.topicArn}: deploy the stack again`,
        );
      const { Attributes = {} } = await sns.send(
        new GetSubscriptionAttributesCommand({ SubscriptionArn: arn }),
      );
      if (Attributes.FilterPolicyScope === 'MessageBody') {
        throw new CommandError(
          `The subscription of ${name} filters on MessageBody; only MessageAttributes is known here`,
        );
      }
      return [name, parseFilterPolicy(Attributes.FilterPolicy)] as const;
    }),
  );
  return new Map(policies);
}
