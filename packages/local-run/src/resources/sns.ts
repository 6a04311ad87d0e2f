import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SetTopicAttributesCommand,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { asStrings, type Create, fifoName, physicalName, refuseUnknown } from './deployment.ts';
import { checkPolicy } from './iam.ts';
import { keyOf } from './kms.ts';

export const createTopic: Create = async (logicalId, properties, deployment) => {
  const { TopicName, FifoTopic, ContentBasedDeduplication, FifoThroughputScope, DisplayName } = properties;
  refuseUnknown(logicalId, properties, 'ArchivePolicy');
  const Name = fifoName(physicalName(logicalId, TopicName, deployment), FifoTopic);
  const { TopicArn = '' } = await deployment.sns.send(
    new CreateTopicCommand({
      Name,
      Attributes: asStrings({ FifoTopic, ContentBasedDeduplication, FifoThroughputScope }),
    }),
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

export const createSubscription: Create = async (logicalId, properties, { sns }) => {
  const { TopicArn, Protocol, Endpoint, ...rest } = properties;
  refuseUnknown(logicalId, properties, 'ReplayPolicy');
  if (Protocol !== 'sqs') return { notRun: `protocol ${Protocol} needs the outside` };
  refuseFifoBehindStandard(logicalId, TopicArn, Endpoint);
  const { RawMessageDelivery, FilterPolicy, RedrivePolicy } = rest;
  const settings = asStrings({ RawMessageDelivery, FilterPolicy, RedrivePolicy });
  if (properties.FilterPolicyScope !== 'MessageAttributes')
    refuseUnknown(logicalId, properties, 'FilterPolicyScope');
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

/** @throws Error as SNS does: https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html */
function refuseFifoBehindStandard(logicalId: string, topicArn: string, queueArn: string): void {
  if (!queueArn.endsWith('.fifo') || topicArn.endsWith('.fifo')) return;
  throw new Error(`${logicalId}: a FIFO queue cannot be subscribed to the standard topic ${topicArn}`);
}
