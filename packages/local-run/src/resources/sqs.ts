import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import {
  asStrings,
  type Create,
  type Deployment,
  fifoName,
  type Properties,
  physicalName,
} from './deployment.ts';
import { checkPolicy } from './iam.ts';
import { keyOf } from './kms.ts';

const QUEUE_ATTRIBUTES = [
  'VisibilityTimeout',
  'MessageRetentionPeriod',
  'ReceiveMessageWaitTimeSeconds',
  'DelaySeconds',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'ContentBasedDeduplication',
  'DeduplicationScope',
  'FifoThroughputLimit',
];

export const createQueue: Create = async (logicalId, properties, deployment) => {
  const { sqs, queueUrls } = deployment;
  const QueueName = fifoName(physicalName(logicalId, properties.QueueName, deployment), properties.FifoQueue);
  const QueueUrl = await createOrUpdate(QueueName, properties, deployment);
  // A kept queue loses what the template no longer says.
  const KmsMasterKeyId = keyOf(properties, deployment);
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { KmsMasterKeyId, Policy: '' } }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  const Arn = Attributes?.QueueArn ?? '';
  queueUrls.set(Arn, QueueUrl);
  return { ref: QueueUrl, attributes: { Arn, QueueName, QueueUrl } };
};

/** @returns its URL */
async function createOrUpdate(
  QueueName: string,
  properties: Properties,
  { sqs }: Deployment,
): Promise<string> {
  const settings = asStrings(Object.fromEntries(QUEUE_ATTRIBUTES.map((name) => [name, properties[name]])));
  const Attributes = { ...settings, ...asStrings({ FifoQueue: properties.FifoQueue }) };
  try {
    return (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? '';
  } catch (error) {
    if (!(error as Error).name.endsWith('QueueNameExists')) throw error;
    const { QueueUrl = '' } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: settings }));
    return QueueUrl;
  }
}

export const createQueuePolicy: Create = async (logicalId, properties, { sqs }) => {
  const Policy = JSON.stringify(checkPolicy(logicalId, properties.PolicyDocument, 'resource'));
  for (const QueueUrl of properties.Queues) {
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
  }
  return { ref: logicalId, attributes: { Id: logicalId } };
};
