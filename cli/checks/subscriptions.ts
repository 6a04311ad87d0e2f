/** Subscriptions: consumers' queues to the topic of events, people to the topics of alarms. */
import type { SNSClient, Subscription } from '@aws-sdk/client-sns';
import { UNROUTED } from '../../contract/stack-outputs.ts';
import { deployCommand } from '../aws/stack.ts';
import { subscriptionsOf } from '../aws/subscriptions.ts';
import { count } from '../terminal/text.ts';
import { NOUN, NOUNS } from '../terminal/words.ts';
import { type CheckContext, type OperationsTopic, operationsTopics } from './context.ts';
import { attempt, type Finding, problem, well, wellUnless } from './finding.ts';

const PENDING = 'PendingConfirmation';

export async function checkEventsTopic({ clients, stack }: CheckContext): Promise<Finding[]> {
  const subject = `${NOUNS} topic`;
  const subscriptions = await subscriptionsOf(clients.sns, stack.topicArn);
  const queues = subscriptions
    .filter((each) => each.Protocol === 'sqs' && isConfirmed(each))
    .map(({ Endpoint }) => lastPart(Endpoint));
  const unrouted = { name: UNROUTED, queueUrl: stack.unroutedQueueUrl, what: 'message that nobody asks for' };
  const wanted = [...stack.consumers.map((consumer) => ({ ...consumer, what: NOUN })), unrouted];
  const missing = wanted
    .filter(({ queueUrl }) => !queues.includes(queueUrl.split('/').at(-1) ?? ''))
    .map(({ name, what }) =>
      problem(
        subject,
        `the queue of ${name} is not subscribed: no ${what} reaches it`,
        `subscribe it again with \`${deployCommand(stack.name)} --revert-drift\``,
      ),
    );
  return wellUnless(missing, subject, `${count(wanted.length, 'queue')} subscribed`);
}

/** Whether alarms notify somebody, and who has yet to confirm. */
export async function checkOperationsTopics(context: CheckContext): Promise<Finding[]> {
  const { stack } = context;
  const findings = operationsTopics(stack).map((topic) =>
    attempt(subjectOf(topic), () => checkOperationsTopic(topic, context)),
  );
  return (await Promise.all(findings)).flat();
}

async function checkOperationsTopic(topic: OperationsTopic, context: CheckContext): Promise<Finding[]> {
  const subject = subjectOf(topic);
  const subscriptions = await subscriptionsOf(context.clients.sns, topic.arn);
  // The mail's token is valid for three days: https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
  const pending = subscriptions
    .filter(({ SubscriptionArn }) => SubscriptionArn === PENDING)
    .map((each) =>
      problem(
        subject,
        `${addressOf(each)} has not confirmed and gets nothing`,
        'its owner follows the link in the mail from AWS, which is valid for three days; subscribing the address again sends another',
      ),
    );
  const told = subscriptions.filter(isConfirmed).map(addressOf);
  if (told.length > 0) return [well(subject, `tells ${told.join(', ')}`), ...pending];
  if (pending.length > 0) return pending;
  const onAws = 'set operations.email of the stage in lib/config.ts and deploy, or subscribe somebody';
  const toDo = context.options.local ? `subscribe a queue to it to see them; on AWS, ${onAws}` : onAws;
  return [problem(subject, `nobody is subscribed: no alarm of this kind reaches anybody`, toDo)];
}

/** Where messages of a topic arrive, masked. @throws whatever the SDK throws */
export async function confirmedAddresses(sns: SNSClient, topicArn: string): Promise<string[]> {
  return (await subscriptionsOf(sns, topicArn)).filter(isConfirmed).map(addressOf);
}

/** Until then the ARN is a word like PendingConfirmation. */
function isConfirmed({ SubscriptionArn = '' }: Subscription): boolean {
  return SubscriptionArn.startsWith('arn:');
}

/** The endpoint of a subscription without personal data: `o…s@example.com`, `+4…67`; of a URL its host. */
export function addressOf({ Protocol = '', Endpoint = '' }: Subscription): string {
  if (/^email/.test(Protocol)) {
    const [, name = '', domain = ''] = /^(.*)@(.*)$/s.exec(Endpoint) ?? [];
    return `${name.slice(0, 1)}…${name.length > 2 ? name.slice(-1) : ''}@${domain}`;
  }
  if (Protocol === 'sms') return `${Endpoint.slice(0, 2)}…${Endpoint.slice(-2)}`;
  if (/^https?$/.test(Protocol)) return URL.parse(Endpoint)?.host ?? Protocol;
  return `the ${Protocol} endpoint ${lastPart(Endpoint)}`;
}

function subjectOf({ severity }: OperationsTopic): string {
  return `${severity} topic`;
}

function lastPart(arn = ''): string {
  return arn.split(':').at(-1) ?? '';
}
