import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SetTopicAttributesCommand,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { asStrings, type Create, NotRun, physicalName } from './deployment.ts';
import { checkPolicy } from './iam.ts';
import { keyOf } from './kms.ts';

export const createTopic: Create = async (logicalId, properties, deployment) => {
  const { TopicName, FifoTopic, ContentBasedDeduplication, DisplayName } = properties;
  const Name = physicalName(logicalId, TopicName, deployment) + (FifoTopic && !TopicName ? '.fifo' : '');
  const { TopicArn = '' } = await deployment.sns.send(
    new CreateTopicCommand({ Name, Attributes: asStrings({ FifoTopic, ContentBasedDeduplication }) }),
  );
  // A kept topic loses what the template no longer says.
  const attributes = {
    DisplayName: DisplayName ?? '',
    KmsMasterKeyId: keyOf(properties, deployment),
    Policy: '',
  };
  for (const [AttributeName, AttributeValue] of Object.entries(attributes)) {
    await deployment.sns.send(new SetTopicAttributesCommand({ TopicArn, AttributeName, AttributeValue }));
  }
  return { ref: TopicArn, attributes: { TopicArn, TopicName: Name } };
};

export const createTopicPolicy: Create = async (logicalId, properties, deployment) => {
  const AttributeValue = JSON.stringify(checkPolicy(logicalId, properties.PolicyDocument, 'resource'));
  for (const TopicArn of properties.Topics) {
    await deployment.sns.send(
      new SetTopicAttributesCommand({ TopicArn, AttributeName: 'Policy', AttributeValue }),
    );
  }
  return { ref: logicalId, attributes: { Id: logicalId } };
};

export const createSubscription: Create = async (_logicalId, properties, { sns }) => {
  const { TopicArn, Protocol, Endpoint, ...rest } = properties;
  if (Protocol !== 'sqs') return new NotRun(`protocol ${Protocol} needs the outside`);
  const { RawMessageDelivery, FilterPolicy, FilterPolicyScope, RedrivePolicy } = rest;
  const settings = asStrings({ RawMessageDelivery, FilterPolicy, FilterPolicyScope, RedrivePolicy });
  const { Subscriptions = [] } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
  const kept = Subscriptions.find((each) => each.Endpoint === Endpoint)?.SubscriptionArn;
  if (kept) {
    for (const [AttributeName, AttributeValue] of Object.entries(settings)) {
      await sns.send(
        new SetSubscriptionAttributesCommand({ SubscriptionArn: kept, AttributeName, AttributeValue }),
      );
    }
    return { ref: kept, attributes: { Arn: kept } };
  }
  const { SubscriptionArn = '' } = await sns.send(
    new SubscribeCommand({ TopicArn, Protocol, Endpoint, Attributes: settings, ReturnSubscriptionArn: true }),
  );
  return { ref: SubscriptionArn, attributes: { Arn: SubscriptionArn } };
};
