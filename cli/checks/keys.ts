/** Whether the keys of topics and queues are enabled: otherwise nothing is published, delivered or read. */
import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import { GetTopicAttributesCommand } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { count } from '../terminal/text.ts';
import { type CheckContext, operationsTopics } from './context.ts';
import { type Finding, problem, problemsAmong, well } from './finding.ts';

/** Key state → what makes it `Enabled`: https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html */
const CURES: Record<string, string> = {
  Disabled: 'aws kms enable-key --key-id',
  // It is disabled afterwards.
  PendingDeletion: 'aws kms cancel-key-deletion --key-id',
};

export async function checkKeys(context: CheckContext): Promise<Finding[]> {
  const subject = 'keys';
  const keys = await keysOf(context);
  if (keys.length === 0) return [well(subject, 'none of your own')];
  const findings = keys.map(async (KeyId) => {
    const { KeyMetadata } = await context.clients.kms.send(new DescribeKeyCommand({ KeyId }));
    const state = KeyMetadata?.KeyState ?? 'in no state';
    if (state === 'Enabled') return undefined;
    const cure = CURES[state];
    return problem(
      subject,
      `${KeyId} is ${state}: what it encrypts can neither be sent nor read`,
      cure === undefined ? 'enable it' : `\`${cure} ${KeyId}\`, and check again`,
    );
  });
  return problemsAmong(findings, subject, `${count(keys.length, 'key')} enabled`);
}

/** The distinct keys of topics and queues. */
async function keysOf({ clients, stack }: CheckContext): Promise<string[]> {
  const queues = [
    ...stack.consumers.flatMap(({ queueUrl, deadLetterQueueUrl }) => [queueUrl, deadLetterQueueUrl]),
    stack.unroutedQueueUrl,
  ];
  const topics = [stack.topicArn, ...operationsTopics(stack).map(({ arn }) => arn)];
  const keys = await Promise.all([
    ...queues.map(async (QueueUrl) => {
      const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['KmsMasterKeyId'] });
      return (await clients.sqs.send(command)).Attributes?.KmsMasterKeyId;
    }),
    ...topics.map(async (TopicArn) => {
      const command = new GetTopicAttributesCommand({ TopicArn });
      return (await clients.sns.send(command)).Attributes?.KmsMasterKeyId;
    }),
  ]);
  return Array.from(new Set(keys.filter((key) => key !== undefined))).filter((key) => key !== '');
}
